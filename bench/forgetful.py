"""authsvc without the memory of verified tokens: each request checks its signature."""

from authsvc.services import tokens
from wsgi import app

tokens.REMEMBERED = 0

__all__ = ["app"]
