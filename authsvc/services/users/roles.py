"""Roles: `user`, `admin`, and whatever else `ROLES` names for other services."""

from flask import current_app

from authsvc.errors import FieldError, ValidationFailed


def known() -> frozenset[str]:
    """Return the roles that an account can have."""
    return frozenset(current_app.config["ROLES"])


def require_known(role: str) -> None:
    """Refuse a role that does not exist. Raises ValidationFailed."""
    if role not in known():
        detail = f"This must be one of {', '.join(current_app.config['ROLES'])}."
        raise ValidationFailed([FieldError("not_allowed", detail, "/role")])
