"""The settings: what they may say (`formats`, `mail`, `limits`), and the schema of all of them (`schema`)."""

# The standard library only, since gunicorn's settings import this: marshmallow stays in `fields` and `schema`.

from authsvc.settings.formats import (
    LONGEST_RESOURCE,
    MOST_WORKERS,
    brings_its_database,
    cores,
    host_of,
    is_address,
    is_port,
    is_production,
    is_resource,
    words,
)
from authsvc.settings.limits import LIMITS, ROWS, Limit
from authsvc.settings.mail import mail_url_fault, sender, sender_domain

__all__ = [
    "LIMITS",
    "LONGEST_RESOURCE",
    "MOST_WORKERS",
    "ROWS",
    "Limit",
    "brings_its_database",
    "cores",
    "host_of",
    "is_address",
    "is_port",
    "is_production",
    "is_resource",
    "mail_url_fault",
    "sender",
    "sender_domain",
    "words",
]
