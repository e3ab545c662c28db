"""authsvc without its cache of verified tokens: each request checks the signature."""

from authsvc.services import tokens
from wsgi import app

tokens.REMEMBERED = 0

__all__ = ["app"]
