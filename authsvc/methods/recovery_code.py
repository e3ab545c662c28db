"""Recovery codes: verifying one, for a user who has lost the other second factors."""

from authsvc.errors.overtaken import Overtaken
from authsvc.events import happening
from authsvc.events.catalogue import RecoveryCodeUsed
from authsvc.methods.base import Answer, Method, Proof, Question
from authsvc.models.users import User
from authsvc.security import recovery_codes

AMR = ["otp", "mfa"]


class RecoveryCodeMethod(Method):
    """One of the recovery codes of an account; each works once."""

    name = "recovery_code"
    members = frozenset({"recovery_code"})
    amr = frozenset(AMR)
    is_second_factor = True
    reauthenticates = False

    def is_enrolled(self, user: User) -> bool:
        """Tell whether the account has codes left, and a second factor that they stand in for."""
        return user.mfa_enabled and bool(user.recovery_code_hashes)

    def verify(self, user: User, answer: Answer, _question: Question) -> Proof | None:
        """Return what a code proves; None if it is wrong or was used."""
        digest = recovery_codes.digest(answer["recovery_code"])
        if digest is None or not self.is_enrolled(user) or digest not in (user.recovery_code_hashes or []):
            return None
        return Proof(user, AMR, receipt=digest)

    def spend(self, proof: Proof) -> bool:
        """Remove the code, on record and with a letter."""
        user = proof.user
        remaining = str(len(user.recovery_code_hashes or []) - 1)
        try:
            with happening(RecoveryCodeUsed.by_owner(user, remaining=remaining)):
                if User.spend_recovery_code(str(user.id), proof.receipt) is None:
                    raise Overtaken
        except Overtaken:  # by another use of the same code
            return False
        return True
