"""What the steps of the models cost that are about apps, and about letters with codes: a part of `growth`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo.database import Database

from authsvc.models.apps import App, AppKind, AuthMethod
from authsvc.models.assertions import Assertion
from authsvc.models.authorizations import Authorization
from authsvc.models.daily_counts import DailyCount
from authsvc.models.email_codes import EmailCode
from authsvc.models.grants import Grant
from authsvc.models.logout_notices import LogoutNotice
from authsvc.models.sessions import Session
from authsvc.models.sign_outs import SignOut

APP = "app_of_all"
"""An app that everybody has signed in to."""

Step = Callable[[], Any]


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def of_app_sessions(database: Database[dict[str, Any]], session: dict[str, Any]) -> dict[str, Step]:
    """Return the steps that touch the session of a user at an app that everybody uses. `session` is to be theirs."""
    database.sessions.insert_one(session)
    key, owner, moment, day = session["_id"], str(session["user"]), _now(), timedelta(days=1)
    nobody, notice = str(ObjectId()), ObjectId()

    def copy_account() -> None:
        found = Session.find(str(key))
        assert found is not None
        found.copy_account(found.role, found.email)

    def end_by_notice() -> None:
        Session.end_by_notice([key], "admin", moment, notice)
        database.sessions.update_one({"_id": key}, {"$unset": {"endedAt": 1}})

    def tell() -> None:
        assert [one.id for one in Session.to_be_told(notice, 10)] == [key]
        Session.note_told([ObjectId()])

    return {
        "live_of_apps": lambda: Session.live_of_apps(owner)[0],
        "live_of_apps, of one": lambda: Session.live_of_apps(owner, app=APP)[0],
        "beyond, of one app": lambda: Session.beyond(owner, moment, day, 0, app=APP)[0],
        "children_of": lambda: Session.children_of(nobody, but_with=None),
        "children_of, but with": lambda: Session.children_of(nobody, but_with="offline_access"),
        "count_own": lambda: Session.count_own(owner, moment, day),
        "opened_since": lambda: Session.opened_since(session["user"], moment - day),
        "copy_account": copy_account,
        "end_expired, which is not": lambda: Session.end_expired(str(key), "expired", moment, day),
        "end_outdated, which is not": lambda: Session.end_outdated(key, 1, "replaced", moment),
        "end_by_notice": end_by_notice,
        "to_be_told": tell,
        "end_each": lambda: Session.end_each([key], "admin", moment),
    }


def of_grants() -> dict[str, Step]:
    """Return the steps that touch what one user allows one app."""
    user, moment = ObjectId(), _now()

    def made() -> Grant:
        return Grant(id=ObjectId(), user=user, app=APP, scopes=["openid"], created_at=moment, last_used_at=moment)

    def allow_and_take_back() -> None:
        grant = made()
        assert grant.insert_if_first()
        assert not made().insert_if_first()
        before = Grant.find(user, APP)
        assert before is not None
        assert grant.add()
        grant.take_back(before)
        grant.take_back(None)

    def allow_and_revoke() -> None:
        grant = made()
        assert grant.insert_if_first()
        assert Grant.find_own(str(grant.id), str(user)) is not None
        assert len(Grant.of(str(user), 10)) == 1
        Grant.of(str(user), 10, before=str(grant.id))
        Grant.note_use(user, APP, moment)
        Grant.remove_each([ObjectId()])
        assert Grant.remove(str(grant.id), str(user)) is not None
        Grant.remove_all(str(user))

    return {"allow and take back": allow_and_take_back, "allow and revoke": allow_and_revoke}


def of_authorizations() -> dict[str, Step]:
    """Return the steps that touch one request of an app, or of a device."""
    user, moment = ObjectId(), _now()
    later = moment + timedelta(days=1)

    def made(**members: Any) -> Authorization:
        found = Authorization(
            id=ObjectId(), digest="new", app=APP, created_at=moment, expires_at=later, code_expires_at=later, **members
        )
        assert found.insert_with_new_code()
        return found

    def exchange() -> None:
        request = made()
        assert Authorization.find("new", moment) is not None
        assert request.decide(moment, user=user)
        assert request.confirm(moment - timedelta(days=1), code_digest="new code")
        assert Authorization.find_unused("new code", APP) is not None
        assert Authorization.use("new code", APP, moment) is not None
        assert Authorization.note_reuse("new code", APP, moment) is not None
        assert request.read_again() is not None
        request.forget()

    def cancel() -> None:
        made(user=user)
        Authorization.cancel_all(user, moment)
        Authorization.cancel_all(user, moment, app=APP, grant=ObjectId())
        Authorization.remove_all(user)

    def device() -> None:
        request = made(user_code="typed")
        assert Authorization.find_typed("typed", moment) is not None
        assert Authorization.of_device("new", APP) is not None
        assert request.poll(moment, moment, 5)
        request.forget()

    return {"a code": exchange, "cancel_all": cancel, "a device": device}


def of_codes() -> dict[str, Step]:
    """Return the steps that touch one code from a letter, one sign-out, one assertion, one notice, one day, one app."""
    user, moment = ObjectId(), _now()
    later = moment + timedelta(days=1)

    def code() -> None:
        made = EmailCode(
            digest="new",
            purpose="sign_in",
            user=user,
            counter="x",
            email="x",
            code="x",
            link="new",
            code_expires_at=later,
            expires_at=later,
        )
        made.put()
        assert EmailCode.find_by_digest("new", moment) is not None
        assert EmailCode.find_by_link("new", moment) is not None
        assert EmailCode.take_try("new", 5)
        EmailCode.give_back_try("new")
        assert EmailCode.redeem("new")
        EmailCode.remove_all(str(user), ["sign_in"])

    def sign_out() -> None:
        SignOut(digest="new", expires_at=later).insert()
        found = SignOut.find("new", moment)
        assert found is not None
        assert found.remove()

    def notice() -> None:
        made = LogoutNotice(kind="logout", to=APP, created_at=moment, due_at=moment).insert()
        leased = LogoutNotice.lease(_now(), timedelta(minutes=3))
        assert leased is not None
        leased.settle(due_at=None, delivered_at=moment)
        LogoutNotice.drop(made.id)

    def app() -> None:
        App(
            id="app_new",
            name="x",
            kind=AppKind.DEVICE.value,
            auth_method=AuthMethod.NONE.value,
            created_at=moment,
        ).insert()
        found = App.find_enabled("app_new")
        assert found is not None
        assert App.names(["app_new"]) == {"app_new": "x"}
        assert found.change(name="y") is not None
        assert App.remove("app_new")

    return {
        "EmailCode": code,
        "SignOut": sign_out,
        "Assertion.use": lambda: Assertion.use(str(ObjectId()), later),
        "Assertion.is_used": lambda: Assertion.is_used("nothing"),
        "LogoutNotice": notice,
        "DailyCount": lambda: (DailyCount.add("2026-11-30", {"x": 1}, later), DailyCount.of(["2026-11-30"])),
        "App": app,
    }
