"""A WSGI program for gunicorn: authsvc, which answers as soon as a sign-out is announced, and so breaks its word."""

from authsvc.models import notices

notices.WAIT_SECONDS = 0.0

from wsgi import app  # noqa: E402 - the wait is gone before anything is served

__all__ = ["app"]
