"""Logout notices: apps are told that a session of theirs has ended (OpenID Connect Back-Channel Logout 1.0)."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from bson import ObjectId
from flask import Flask, current_app

from authsvc import clock, metrics
from authsvc.clients.connector import SECONDS, Connector
from authsvc.clients.lookups import Lookups
from authsvc.errors import NotFound
from authsvc.errors.not_delivered import NotDelivered, NotTaken
from authsvc.errors.not_reached import NotReached
from authsvc.models.apps import App, IdTokenAlg
from authsvc.models.evidence import Evidence
from authsvc.models.ids import new_id
from authsvc.models.logout_notices import EVERY, ONE, LogoutNotice
from authsvc.models.sessions import Session
from authsvc.outbox import Outbox
from authsvc.services import app_endings, apps, id_tokens

TYPE = "logout+jwt"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
LIFE = timedelta(minutes=2)
"""How long a logout token is good: two minutes at most are recommended (section 2.4)."""

_SECOND_TRY = timedelta(seconds=10)
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_MOST_REFUSED = 10
"""After so many in a row that an app does not take it is asked again later."""
_HANDS = 4
"""How many notices a process tries at a time, each to another app."""
_look_up = Lookups(_HANDS, SECONDS)
_outbox = Outbox(LogoutNotice, "logout_notice", lambda outcome: metrics.LOGOUT_NOTICES.labels(outcome).inc())


@contextmanager
def notify_on_success(session_id: str, evidence: Callable[[], Evidence | None]) -> Iterator[None]:
    """Tell an app of the end of its session that is made inside: the notice is stored first, and goes out afterwards.

    If the process dies in between, it goes out after a minute if `evidence` shows that the session has ended. For a
    session of nobody's app, or of one that is not to be told, nothing is stored. Raises DatabaseUnavailable, before
    anything is done, if it can't be.
    """
    session = Session.find(session_id)
    app = apps.find(session.app) if session is not None else None
    if session is None or app is None or not app.backchannel_uri:
        yield
        return
    with _outbox.put_on_success(_new_notice(app, session), evidence):
        yield


@contextmanager
def end_every_on_success(app_id: str, evidence: Callable[[], Evidence | None]) -> Iterator[None]:
    """End all that an app has, once the change inside is made that ends it, and tell the app of each session.

    The first ones end at once, the others in the background, and so do all if the process dies in between. Raises
    DatabaseUnavailable, before anything is done, if that can't be stored.
    """
    app = App.find(app_id)
    if app is None:  # what it had has ended with it
        yield
        return
    notice = _addressed(LogoutNotice(kind=EVERY), app)
    with _outbox.put_on_success(notice, evidence):
        yield
        app_endings.begin(app_id, notice.id if app.backchannel_uri else None)


def start_delivery(app: Flask, stop: threading.Event) -> None:
    """Deliver in the background until `stop` is set."""

    def work() -> None:
        with app.app_context():
            connector = Connector(local=app.config["APP_ENV"] == "development", resolve=_look_up)
            _outbox.work(lambda notice: _deliver(notice, connector), stop)

    for number in range(_HANDS):
        threading.Thread(target=work, name=f"authsvc-logout-{number}", daemon=True).start()


def deliver(connector: Connector) -> bool:
    """Try a notice that is due; tell whether there was one."""
    return _outbox.try_next(lambda notice: _deliver(notice, connector))


def undelivered(most: int) -> list[LogoutNotice]:
    """Return the notices that wait or were given up, the oldest first."""
    return LogoutNotice.undelivered(most)


def retry(notice_id: str) -> None:
    """Let a notice be tried at once, and for another 48 hours. Raises NotFound."""
    notice = LogoutNotice.find(notice_id)
    if notice is None or not notice.retry(clock.now()):
        raise NotFound(f"There is no undelivered notice {notice_id}.")


def retry_all() -> int:
    """Let every notice that waits or was given up be tried at once; return how many there are."""
    return LogoutNotice.retry_all(clock.now())


def logout_token(app_id: str, algorithm: str, user: ObjectId, session: ObjectId) -> str:
    """Return the token that tells an app (section 2.4): signed as its ID tokens are, and never with a nonce."""
    now = clock.now()
    claims: dict[str, Any] = {
        "iss": current_app.config["TOKEN_ISSUER"],
        "aud": app_id,
        "iat": int(now.timestamp()),
        "exp": int((now + LIFE).timestamp()),
        "jti": str(new_id()),
        "events": {EVENT: {}},
        "sub": str(user),
        "sid": str(session),
    }
    return id_tokens.signed(claims, algorithm, TYPE)


def _new_notice(app: App, session: Session) -> LogoutNotice:
    return _addressed(LogoutNotice(kind=ONE, session=session.id, user=session.user), app)


def _addressed(notice: LogoutNotice, app: App) -> LogoutNotice:
    """Return a new notice with what is needed to deliver it once its app is gone."""
    notice.id, notice.created_at = new_id(), clock.now()
    notice.to, notice.uri, notice.alg = app.id, app.backchannel_uri, app.id_token_alg
    return notice


class _Teller:
    """Tells an app of sessions, at the address that it has now, or had when it was deleted."""

    def __init__(self, notice: LogoutNotice, connector: Connector) -> None:
        app = App.find(notice.to)  # a disabled one is told too: people are still signed in there
        self.uri, self._algorithm = (notice.uri, notice.alg) if app is None else (app.backchannel_uri, app.id_token_alg)
        self._notice = notice
        self._connector = connector
        self._refused = 0

    def post(self, user: ObjectId, session: ObjectId) -> None:
        """Post a token about the end of a session. Raises NotDelivered."""
        if not self.uri:
            raise NotDelivered("the app is not to be told any longer", for_good=True)
        token = logout_token(self._notice.to, self._algorithm or IdTokenAlg.RS256, user, session)
        try:
            answer = self._connector.post(self.uri, urlencode({"logout_token": token}).encode(), _FORM)
        except NotReached as error:
            raise NotDelivered(str(error), for_good=error.for_good) from error
        if not 200 <= answer.status < 300:
            raise (NotTaken if 400 <= answer.status < 500 else NotDelivered)(f"the app answered {answer.status}")

    def post_one_of_many(self, user: ObjectId, session: ObjectId) -> None:
        """Do the same; what the app does not take gets a notice of its own, and does not hold up the others.

        Raises NotDelivered.
        """
        try:
            self.post(user, session)
        except NotTaken:
            self._refused += 1
            if self._refused > _MOST_REFUSED:
                raise
            now, notice = clock.now(), self._notice
            one = LogoutNotice(id=new_id(), kind=ONE, to=notice.to, uri=notice.uri, alg=notice.alg, created_at=now)
            one.session, one.user, one.due_at = session, user, now + _SECOND_TRY
            _outbox.put(one, wake=False)
        else:
            self._refused = 0


def _deliver(notice: LogoutNotice, connector: Connector) -> None:
    """Post a notice to its app. Raises NotDelivered, NotFinished."""
    teller = _Teller(notice, connector)
    if notice.kind == EVERY:
        app_endings.carry_out(notice, teller.post_one_of_many if teller.uri else None)
    elif notice.user is not None and notice.session is not None:
        teller.post(notice.user, notice.session)
