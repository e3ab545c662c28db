"""How gunicorn serves authsvc: its settings; the parts they name are in `authsvc.serving`.

Nothing that is imported here may start a thread or keep a socket: the workers patch the standard library for gevent
later.
"""

import os

from authsvc import serving, settings
from authsvc.serving import connections, environment, lifecycle, listening, logger
from authsvc.serving.lifecycle import (
    child_exit,
    on_exit,
    on_starting,
    post_fork,
    post_worker_init,
    pre_fork,
    pre_request,
    when_ready,
)

serving.install()
if settings.is_address(environment.metrics()):
    listening.listen_also_at(environment.metrics())
if settings.brings_its_database(os.environ):
    from authsvc import devdb  # production never loads it

    lifecycle.bring(devdb.Owner(lifecycle.ROOT / "instance"))

wsgi_app = "wsgi:app"
chdir = str(lifecycle.ROOT)  # not the folder of this file, which a wheel puts into the package
proc_name = "authsvc"
bind = listening.everywhere(environment.port(), only_this_machine=not settings.is_production(os.environ))
worker_class = connections.Worker
workers = environment.workers()
worker_connections = 4000
keepalive = environment.keepalive()
limit_request_field_size = connections.MAX_FIELD_BYTES  # cookies of other applications come too
limit_request_line = 8190  # gunicorn's most: apps send long requests to sign in
http_parser = "python"  # the one whose bounds `connections` sets
timeout = 30
graceful_timeout = 15  # longer than any request may take
preload_app = False  # the database client must be made after the fork
control_socket_disable = True  # it would open one socket in HOME, shared by every service of this user
forwarded_allow_ips = ""  # TRUSTED_PROXIES decides, in the application; and no other header of a proxy counts,
forwarder_headers = ""  # which gunicorn would believe on a Unix socket whoever sends it
secure_scheme_headers: dict[str, str] = {}
accesslog = None
logger_class = logger.Logger
errorlog = "-"
loglevel = "info" if os.environ.get("LOG_LEVEL", "").upper() == "DEBUG" else "warning"
