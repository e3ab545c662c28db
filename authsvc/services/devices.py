"""Known devices: where a user has signed in before, so that a stranger's guesses do not lock them out there.

A browser is known for a year by a secret in a cookie, a network for 30 days by its address. The proof is noted too: a
place where only a password was used is not known for second factors.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from bson import ObjectId

from authsvc import clock, origin
from authsvc.models.devices import Device, Note, Proof
from authsvc.models.users import User
from authsvc.security import opaque_tokens
from authsvc.security.networks import network_of

KNOWN_FOR = timedelta(days=365)
MOST_BROWSERS = 20
"""How many browsers an account is known in: each brings guesses of its own to somebody who knows the password."""
_NOTED_FOR = timedelta(days=1)
"""How long a note of a sign-in is new: until then another sign-in from there writes none."""
_NETWORK_KNOWN_FOR = timedelta(days=30) + _NOTED_FOR
_MOST_COOKIES = 64
"""How many device cookies of a request are looked at: a browser sends fewer, whoever planted them. One comes from each
path of our routes, of each domain above ours."""
_MOST_USERS = 8
"""How many users of a browser are remembered."""
_NOBODY = ObjectId(b"\0" * 12)


@dataclass(frozen=True, slots=True)
class Recognition:
    """How a user is known where a request comes from: notes of earlier sign-ins in this browser, and in this network.

    There are several of the browser if somebody planted a cookie that was issued to the same account.
    """

    browsers: tuple[Note, ...] = ()
    network: Note | None = None

    @property
    def by_cookie(self) -> bool:
        """Tell whether the browser is known."""
        return bool(self.browsers)

    @property
    def known(self) -> tuple[str, ...]:
        """Return the digests of where the user has signed in: those of the browser, else that of the network."""
        return self.known_by(Proof.PASSWORD)

    @property
    def is_new(self) -> bool:
        """Tell whether the user has not signed in here before."""
        return not self.known

    def known_by(self, proof: Proof) -> tuple[str, ...]:
        """Return the digests of where the user has shown this proof or a better one."""
        browsers = tuple(note.digest for note in self.browsers if note.proof >= proof)
        if browsers:
            return browsers
        return (self.network.digest,) if self.network is not None and self.network.proof >= proof else ()

    @property
    def is_browser_known_by_factor(self) -> bool:
        """Tell whether the user has shown a second factor in this very browser."""
        return any(note.proof >= Proof.FACTOR for note in self.browsers)


def recognise(user: User | None) -> Recognition:
    """Return how a user is known where this request comes from; for an unknown account after the same work."""
    return _recognise(user.id if user is not None else _NOBODY)


def is_known_browser(user_id: str) -> bool:
    """Tell whether a user is known in the browser of this request, by its cookie."""
    digests = [_digest("device", user_id, secret) for secret in _secrets()]
    return bool(digests) and bool(Device.known(digests, clock.now()))


def browsers() -> list[str]:
    """Return the digests of the browser of this request if somebody has signed in there, else none.

    There are several if somebody planted a cookie of theirs.
    """
    digests = [_secret(secret) for secret in _secrets()]
    notes = Device.sharing(digests, clock.now(), most=_MOST_COOKIES * (_MOST_USERS + 1))
    known = {note.secret for note in notes}
    return [digest for digest in digests if digest in known]


def remember_network(user: User, recognition: Recognition | None, proof: Proof) -> None:
    """Note that a user signed in from the network of this request, unless they did so within a day."""
    if origin.current().ip is None:  # strangers have no address either
        return
    now = clock.now()
    noted = recognition.network if recognition is not None else None
    if noted is not None and noted.expires_at > now + _NETWORK_KNOWN_FOR - _NOTED_FOR and noted.proof >= proof:
        return
    Device.remember(_network_of(user.id), user.id, now + _NETWORK_KNOWN_FOR, proof)


def is_elsewhere(user: User) -> bool:
    """Tell whether a user who is not known here is known somewhere."""
    return Device.any_of(user.id, clock.now())


def forget(user_id: str, *, but_here: bool = False) -> None:
    """Forget where a user is known, or everywhere but here."""
    Device.remove_but(user_id, _digests_here(user_id) if but_here else [])


def begin_factors(user_id: str) -> None:
    """Note that the first factor of an account was set up where this request comes from, and nowhere else."""
    Device.strengthen(_digests_here(user_id), Proof.FACTOR)


def settle(user: User) -> str:
    """Note that a user has just verified their address here; return the secret for the device cookie."""
    remember_network(user, None, Proof.LETTER)
    return _introduce(user, Proof.LETTER)


def introduce(user: User) -> str:
    """Note that a user signed in with the device that asks; return its secret."""
    return _introduce(user, proof_of(user))


def proof_of(user: User) -> Proof:
    """Return what a user has shown who signed in: a factor, if they have any."""
    return Proof.FACTOR if user.mfa_enabled else Proof.PASSWORD


def _introduce(user: User, proof: Proof) -> str:
    """Note that a user was in the browser that asks; return its secret.

    A secret that it shows stays only if it was issued to this user, for a proof as good, and is the only one: whoever
    planted any other would be known too. The new one of 256 bits replaces it, for the browser's other users too.
    """
    secrets, now = _secrets(), clock.now()
    notes = Device.known([_digest("device", user.id, secret) for secret in secrets], now)
    own = [secret for secret in secrets if _digest("device", user.id, secret) in notes]
    best = max((note.proof for note in notes.values()), default=proof)
    if len(own) == 1 and best >= proof:
        _remember_browser(own[0], user.id, now + KNOWN_FOR, proof)
        return own[0]
    secret = opaque_tokens.generate("")
    _remember_browser(secret, user.id, now + KNOWN_FOR, proof)
    for other in Device.sharing([_secret(text) for text in secrets], now, most=_MOST_USERS):
        if other.user != user.id:
            _remember_browser(secret, other.user, other.expires_at, Proof(other.proof or 0))
        Device.remove(other.digest)
    Device.keep_newest_browsers(user.id, MOST_BROWSERS)
    return secret


def _digests_here(user_id: str) -> list[str]:
    """Return what stands for the browser and the network that ask, where the user is known.

    Of several secrets of the browser all but one were planted, and nobody can tell which: then none counts.
    """
    recognition = _recognise(user_id)
    notes = [
        *(recognition.browsers if len(recognition.browsers) == 1 else ()),
        *([recognition.network] if recognition.network else []),
    ]
    return [note.digest for note in notes]


def _recognise(owner: ObjectId | str) -> Recognition:
    network = _network_of(owner)
    digests = [_digest("device", owner, secret) for secret in _secrets()]
    known = Device.known([*digests, network], clock.now())
    return Recognition(tuple(known[digest] for digest in digests if digest in known), known.get(network))


def _remember_browser(secret: str, owner: ObjectId, expires_at: datetime, proof: Proof) -> None:
    Device.remember(_digest("device", owner, secret), owner, expires_at, proof, secret=_secret(secret))


def _secrets() -> list[str]:
    """Return the secrets of the request's device cookies, each once; those that can't be ours are not looked for."""
    secrets = dict.fromkeys(origin.current().devices)
    return [secret for secret in secrets if opaque_tokens.is_well_formed(secret, "")][:_MOST_COOKIES]


def _network_of(owner: ObjectId | str) -> str:
    return _digest("network", owner, network_of(origin.current().ip))


def _secret(text: str) -> str:
    return hashlib.sha256(f"browser\0{text}".encode()).hexdigest()


def _digest(kind: str, owner: ObjectId | str, whose: str) -> str:
    return hashlib.sha256(f"{kind}\0{owner}\0{whose}".encode()).hexdigest()
