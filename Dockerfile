# authsvc behind a proxy with TLS. Build: docker build -t authsvc .   (see docs/operate/deploy.md)
FROM python:3.13-slim AS build
WORKDIR /srv/authsvc
COPY requirements.txt .
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home authsvc
WORKDIR /srv/authsvc
COPY --from=build /opt/venv /opt/venv
COPY wsgi.py config.py gunicorn.conf.py ./
COPY authsvc authsvc
# It writes nothing but counters under /tmp: with `--read-only --tmpfs /tmp` the rest may be read-only.
ENV PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001
EXPOSE 8000
# PID 1 is gunicorn itself, so that a stop reaches it: it finishes what it has and ends within 15 seconds.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["python", "-c", \
    "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ.get('PORT', '8000')}/healthz\", timeout=2)"]
CMD ["gunicorn"]
