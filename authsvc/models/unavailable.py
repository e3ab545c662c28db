"""The driver's errors that mean: the database did not do what was asked, and it is not the caller's fault."""

from mongoengine.errors import OperationError
from pymongo.errors import PyMongoError

DATABASE_ERRORS: tuple[type[Exception], ...] = (PyMongoError, OperationError)
"""Connection, time-out, write concern, disk full, not primary: whatever it is, nothing was decided (fail closed)."""
