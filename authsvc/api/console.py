"""What the console shows and does beside accounts, events and apps: the service as a whole, and its letters."""

from typing import Any

from authsvc.errors import AccountDisabled, NotFound, TooManyAttempts
from authsvc.flows import administer_account
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import current_user, for_console
from authsvc.models.deliveries import DeliveryState
from authsvc.models.signing_keys import Ring
from authsvc.schemas.admin import AdminUserSchema
from authsvc.schemas.console import (
    ConsoleSchema,
    FindingsSchema,
    LanguageSchema,
    LetterKindsSchema,
    LetterQuerySchema,
    OutgoingLetterPageSchema,
    ResetLinkSchema,
    RingSchema,
    SettingsSchema,
    SigningKeysSchema,
    StatsSchema,
    WordingSchema,
)
from authsvc.schemas.emails import AcceptedSchema
from authsvc.services import console, doctor, letter_previews, mail, signing_keys
from authsvc.services.letters import Wording
from authsvc.services.paging import Page
from authsvc.services.users import listing, profile
from authsvc.services.users.listing import UserRow

blp = Blueprint("administration", __name__, description="The console: role `admin`, and a second factor.")


@blp.get("/admin/console")
@for_console()
@blp.response(200, ConsoleSchema)
def about() -> dict[str, Any]:
    """Show what the console has to know first. An administrator without a second factor sets one up before that."""
    return console.about()


@blp.get("/admin/stats")
@for_console()
@blp.response(200, StatsSchema)
def stats() -> dict[str, Any]:
    """Show how many accounts and letters there are, what happened on each of the last 14 days, and the first steps."""
    return console.stats()


@blp.get("/admin/doctor")
@for_console()
@blp.response(200, FindingsSchema)
def examine() -> dict[str, Any]:
    """Examine the deployment as `flask doctor` does. It may take some seconds."""
    return doctor.report()


@blp.get("/admin/letters")
@for_console()
@blp.arguments(LetterQuerySchema, location="query")
@blp.response(200, OutgoingLetterPageSchema)
def list_letters(query: dict[str, Any]) -> Page:
    """List letters, newest first, without what they say."""
    return mail.list_letters(DeliveryState(query.pop("state")), **query)


@blp.post("/admin/letters/<id:letter_id>/retry")
@for_console()
@blp.response(202, AcceptedSchema)
@blp.problems(NotFound)
def retry_letter(letter_id: str) -> dict[str, Any]:
    """Try to deliver a letter now, and for another 48 hours."""
    mail.retry(letter_id, by=current_user.user_id)
    return {}


@blp.delete("/admin/letters/<id:letter_id>")
@for_console(fresh=True)
@blp.response(204)
@blp.problems(NotFound)
def drop_letter(letter_id: str) -> None:
    """Delete a letter that has not been delivered. Nobody receives it, or the links in it."""
    mail.drop(letter_id, by=current_user.user_id)


@blp.get("/admin/letter-kinds")
@for_console()
@blp.response(200, LetterKindsSchema)
def list_letter_kinds() -> dict[str, Any]:
    """List the kinds of letter, and the languages in which they are written."""
    return letter_previews.index()


@blp.get("/admin/letter-kinds/<kind>")
@for_console()
@blp.arguments(LanguageSchema, location="query")
@blp.response(200, WordingSchema)
@blp.problems(NotFound)
def preview_letter(query: dict[str, str], kind: str) -> Wording:
    """Show a letter of a kind with sample data."""
    return letter_previews.preview(kind, language=query["language"])


@blp.post("/admin/letter-kinds/<kind>/sample")
@for_console()
@blp.arguments(LanguageSchema)
@blp.response(202, AcceptedSchema)
@blp.problems(NotFound, TooManyAttempts)
def send_sample(body: dict[str, str], kind: str) -> dict[str, Any]:
    """Send the caller a letter of a kind with sample data."""
    letter_previews.send_sample(profile.find(current_user.user_id), kind, language=body["language"])
    return {}


@blp.post("/admin/users/<id:user_id>/verify-email")
@for_console(fresh=True)
@blp.response(200, AdminUserSchema)
@blp.problems(NotFound, AccountDisabled)
def verify_email(user_id: str) -> UserRow:
    """Vouch for the address of an account, whose owner is known by other means. Nothing else about it changes."""
    return listing.row_of(administer_account.verify_email(current_user, user_id))


@blp.post("/admin/users/<id:user_id>/reset-link")
@for_console(fresh=True)
@blp.response(200, ResetLinkSchema)
@blp.problems(NotFound, AccountDisabled)
def make_reset_link(user_id: str) -> dict[str, str]:
    """Make a link that sets a password, for a user who gets no letters.

    It works once, for an hour, for anyone who has it.
    """
    return {"link": administer_account.reset_link(current_user, user_id)}


@blp.get("/admin/settings")
@for_console()
@blp.response(200, SettingsSchema)
def list_settings() -> dict[str, Any]:
    """List the settings that the service runs with, without secrets and credentials."""
    return {"items": console.settings()}


@blp.get("/admin/signing-keys")
@for_console()
@blp.response(200, SigningKeysSchema)
def list_signing_keys() -> dict[str, Any]:
    """List the signing keys."""
    return {"items": console.list_keys()}


@blp.post("/admin/signing-keys/rotation")
@for_console(fresh=True)
@blp.arguments(RingSchema)
@blp.response(202, AcceptedSchema)
def rotate_signing_keys(body: dict[str, str]) -> dict[str, Any]:
    """Publish the next key of a ring, which takes over signing after 15 minutes. A second call makes no other one."""
    signing_keys.rotate(ring=Ring(body["ring"]), by=current_user.user_id)
    return {}
