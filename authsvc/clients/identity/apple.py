"""Sign in with Apple: OpenID Connect with habits of its own.

It comes back by a form that is posted, our secret is a token that we sign, `email_verified` may be text, and the name
is said once, beside the token.

https://developer.apple.com/documentation/signinwithapplerestapi
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import jwt

from authsvc import clock
from authsvc.clients.identity import people
from authsvc.clients.identity.base import Return
from authsvc.clients.identity.oidc import Metadata, OidcProvider
from authsvc.security import strict_json

_LIFE = timedelta(minutes=5)
_LONGEST_USER = 4000


class AppleProvider(OidcProvider):
    """Apple."""

    def _credentials(self, _metadata: Metadata) -> tuple[dict[str, str], dict[str, str]]:
        now, settings = clock.now(), self._settings
        claims = {
            "iss": settings.team_id,
            "iat": int(now.timestamp()),
            "exp": int((now + _LIFE).timestamp()),
            "aud": self.issuer,
            "sub": settings.client_id,
        }
        secret = jwt.encode(claims, settings.key, algorithm="ES256", headers={"kid": settings.key_id})
        return {"client_id": settings.client_id, "client_secret": secret}, {}

    def _is_verified(self, value: Any) -> bool:
        return value is True or value == "true"

    def _name(self, _profile: Mapping[str, Any], back: Return) -> str | None:
        """Return the name in the form field, which nobody has signed: it names, and proves nothing."""
        if back.user is None or len(back.user) > _LONGEST_USER:
            return None
        try:
            user = strict_json.parse(back.user.encode())
        except ValueError:
            return None
        parts = user.get("name") if isinstance(user, dict) else None
        values = [parts.get(one) for one in ("firstName", "lastName")] if isinstance(parts, dict) else []
        return people.name(" ".join(one for one in values if isinstance(one, str)))
