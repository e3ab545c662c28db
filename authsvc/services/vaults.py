"""Where the vaults get their secrets from: SECRET_KEY and SECRET_KEY_FALLBACKS."""

from flask import current_app

from authsvc.security.vault import Vault


def vault(purpose: str) -> Vault:
    """Return the vault for a purpose."""
    config = current_app.config
    return Vault(config["SECRET_KEY"], tuple(config["SECRET_KEY_FALLBACKS"]), purpose)
