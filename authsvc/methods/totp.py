"""Authenticator apps: verifying a code (RFC 6238)."""

from authsvc import clock
from authsvc.errors import NotReady
from authsvc.methods.base import Answer, Method, Proof, Question
from authsvc.models.users import User
from authsvc.security import totp
from authsvc.services import totp as apps

_AHEAD = 2
"""Steps by which the last code that was taken may be ahead: one of a phone's clock, one of another machine's."""


class TotpMethod(Method):
    """A code of an authenticator app."""

    name = "totp"
    members = frozenset({"code"})
    amr = frozenset(apps.AMR)
    is_second_factor = True
    reauthenticates = True
    unusable = (
        "The authenticator app of this account can't be checked any more. Use a recovery code or a passkey, then "
        "remove the app and set it up anew; if you have neither, an administrator can remove it."
    )

    def is_enrolled(self, user: User) -> bool:
        """Tell whether the account has an app that was confirmed."""
        return user.totp_enabled

    def is_usable(self, user: User) -> bool:
        """Tell whether the app's secret can be read."""
        return self.is_enrolled(user) and not apps.is_lost(user)

    def verify(self, user: User, answer: Answer, _question: Question) -> Proof | None:
        """Return what a code proves; None if it is wrong, was used already, or is older than one that was.

        Raises NotReady if the clock went back.
        """
        app = user.totp
        secret = apps.secret_of(user, app) if app is not None and app.confirmed_at is not None else None
        if app is None or secret is None:
            return None
        if (app.step or 0) > totp.step_at(clock.now()) + _AHEAD:
            # Our clock is wrong. Others may have seen an old code, so none is taken, and none is refused.
            raise NotReady("The server's clock went back. Codes are accepted again once it has caught up.")
        step = totp.matching_step(secret, answer["code"], clock.now())
        if step is None or step <= (app.step or 0):
            return None
        return Proof(user, apps.AMR, receipt=(app, step))

    def spend(self, proof: Proof) -> bool:
        """Take the code: no other of its time step is accepted afterwards."""
        app, step = proof.receipt
        return User.spend_totp(str(proof.user.id), app, step) is not None
