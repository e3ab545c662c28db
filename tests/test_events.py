"""A change is one event: the catalogue, and the tables that have to know all of it."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from authsvc import events, subscribers
from authsvc.errors import NotFound
from authsvc.events import catalogue, each, happened, happening
from authsvc.events.event import Event, Outcome, Recorded
from authsvc.models.driver_errors import DATABASE_ERRORS
from authsvc.models.letters import LetterKind
from authsvc.services import letters
from authsvc.subscribers.changes import CHANGES, CHANGES_NOTHING
from authsvc.subscribers.notifications import LETTERS
from authsvc.subscribers.revocation import ENDS
from tests.support.service import ROOT

EVERY = list(catalogue.every_kind())
PACKAGE = ROOT / "authsvc"


class TestTheCatalogue:
    def test_it_has_every_class_of_event(self):
        def below(kind: type[Event]) -> Iterator[type[Event]]:
            for one in kind.__subclasses__():
                yield one
                yield from below(one)

        assert {kind for kind in below(Event) if hasattr(kind, "name")} == set(EVERY)

    def test_a_name_means_one_outcome_and_one_way_of_recording(self):
        rules: dict[str, set[tuple[Outcome, Recorded]]] = {}
        for kind in EVERY:
            rules.setdefault(kind.name, set()).add((kind.outcome, kind.recorded))
        assert {name: found for name, found in rules.items() if len(found) > 1} == {}

    def test_no_name_was_lost_since_the_first_version(self):
        """They are stored, and clients filter by them (contract.md)."""
        assert [name for name in FORMER if name not in catalogue.names()] == []


class TestEachTableKnowsEveryEvent:
    def test_every_event_has_a_letter_or_says_that_there_is_none(self):
        assert [kind.__name__ for kind in EVERY if kind not in LETTERS] == []

    def test_every_event_has_a_row_of_what_it_ends(self):
        assert [kind.__name__ for kind in EVERY if kind not in ENDS] == []

    def test_every_event_says_what_it_changes_or_that_it_is_told_once_it_is_done(self):
        assert [kind.__name__ for kind in EVERY if kind not in CHANGES] == []

    def test_what_is_done_inside_of_happening_can_be_settled_after_a_crash(self):
        """Only what is said to change something may have something done inside: `tests/services/test_crashes.py`."""
        inside = {
            name
            for path in PACKAGE.rglob("*.py")
            for name in re.findall(r"\bhappening\(\s*(?:catalogue\.)?([A-Z]\w+)[.(]", path.read_text())
        }
        assert len(inside) > 10
        assert {name for name in inside if CHANGES[getattr(catalogue, name)] is CHANGES_NOTHING} == ALL_LETTERS_AT_ONCE

    def test_every_recorded_event_has_a_sentence_for_the_activity_page(self):
        """In the account pages' messages; an administrator's own actions are told by name."""
        scripts = "".join(path.read_text() for path in (PACKAGE / "web/static/account").rglob("*.js"))
        own = [kind.name for kind in EVERY if kind.recorded is not Recorded.BY_EFFECT and kind not in ON_NO_OWN_PAGE]
        assert [name for name in own if f'"{name}"' not in scripts] == []

    def test_every_kind_of_letter_has_a_template(self):
        assert letters.kinds() == sorted(LetterKind)

    def test_no_letter_tells_a_secret_on_record(self):
        """What only the subscribers need is private: links above all."""
        for kind in EVERY:
            public = {name for name, one in kind.__dataclass_fields__.items() if not one.metadata.get("private")}
            assert not public & {"link", "undo", "token", "password", "email"}, kind.__name__


class TestImports:
    def test_nothing_but_app_imports_a_subscriber(self):
        importing = re.compile(r"^\s*(?:from|import) authsvc(?:\.| import .*\b)subscribers", re.MULTILINE)
        inside = {
            path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if importing.search(path.read_text())
        }
        assert {name for name in inside if not name.startswith("subscribers/")} == {"app.py"}

    def test_nothing_is_recorded_except_by_the_subscriber(self):
        by_hand = {
            path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if "AuditEvent(" in path.read_text()
        }
        assert by_hand == {"models/audit.py", "subscribers/audit.py"}


@pytest.fixture
def told() -> Iterator[list[str]]:
    """Return what two subscribers hear, outermost first."""
    heard: list[str] = []

    def subscriber(name: str) -> Callable[[Event], AbstractContextManager[None]]:
        @contextmanager
        def tell(event: Event) -> Iterator[None]:
            heard.append(f"{name} prepares {event.name}")
            try:
                yield
            except BaseException as error:
                heard.append(f"{name} hears {type(error).__name__}")
                raise
            heard.append(f"{name} confirms {event.name}")

        return tell

    events.subscribe(each(subscriber("outer")), each(subscriber("inner")))
    yield heard
    events.subscribe(*subscribers.IN_ORDER)


class TestHappening:
    def test_it_prepares_in_order_and_confirms_in_reverse(self, told: list[str]):
        with happening(catalogue.AccountEnabled()):
            told.append("done")
        name = "account.enabled"
        assert told == [
            f"outer prepares {name}",
            f"inner prepares {name}",
            "done",
            f"inner confirms {name}",
            f"outer confirms {name}",
        ]

    @pytest.mark.parametrize("error", [NotFound, DATABASE_ERRORS[0]])
    def test_all_hear_how_it_failed(self, told: list[str], error: type[Exception]):
        with pytest.raises(error), happening(catalogue.AccountEnabled()):
            raise error
        assert told[-2:] == [f"inner hears {error.__name__}", f"outer hears {error.__name__}"]

    def test_of_several_events_each_is_told(self, told: list[str]):
        with happening(catalogue.PasswordReset(), catalogue.EmailVerifiedByReset()):
            pass
        assert [line for line in told if "prepares" in line] == [
            "outer prepares password.reset",
            "outer prepares email.verified",
            "inner prepares password.reset",
            "inner prepares email.verified",
        ]

    def test_an_event_that_nobody_hears_is_an_error(self, told: list[str]):
        events.subscribe()
        with pytest.raises(RuntimeError):
            happened(catalogue.AccountEnabled())


ALL_LETTERS_AT_ONCE = {"LetterRetried"}
"""An operator's `letters retry --all` is recorded as tried: which letters it met can't be told from one of them."""

ON_NO_OWN_PAGE = {
    catalogue.AccountDeleted,
    catalogue.DatabaseBackedUp,
    catalogue.SigningKeyRotated,
    catalogue.SigningKeyRetired,
    catalogue.SigningKeysResealed,
    catalogue.SigningKeysReset,
    catalogue.LetterRetried,
    catalogue.LetterDropped,
    catalogue.UsersImported,
    catalogue.UsersExported,
}
"""What no account's own page shows: it is about the service, or there is no account any more."""

FORMER = json.loads((Path(__file__).parent / "former_actions.json").read_text())
