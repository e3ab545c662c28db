"""F10: administrators who let each other go at once, over two workers of a real gunicorn; one is always left."""

from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from tests.support.races import race, rounds
from tests.support.service import Service, Visitor

pytestmark = pytest.mark.race
Database = MongoDatabase[dict[str, Any]]

PASSWORD = "correct horse battery"


@pytest.fixture
def visitor(service: Service, served: Database) -> Visitor:
    """Return somebody at a running service."""
    return Visitor(service.url)


def administrators(visitor: Visitor, served: Database, count: int) -> list[dict[str, Any]]:
    """Return so many administrators, signed in."""
    made = [visitor.register(f"admin{number}@example.com", PASSWORD).json() for number in range(count)]
    served.users.update_many({}, {"$set": {"role": "admin"}})
    served.sessions.update_many({}, {"$set": {"role": "admin"}})
    return made


def active(served: Database) -> int:
    """Return how many administer."""
    return served.users.count_documents({"role": "admin", "disabledAt": None})


def ask(visitor: Visitor, who: dict[str, Any], method: str, path: str, body: Any = None) -> Callable[[], Any]:
    """Return a request in somebody's name, to be sent in a race."""
    headers = {"Authorization": f"Bearer {who['accessToken']}"}
    return lambda: visitor.request(method, path, json=body, headers=headers)


def demote(visitor: Visitor, who: dict[str, Any], whom: dict[str, Any]) -> Callable[[], Any]:
    return ask(visitor, who, "PATCH", f"/admin/users/{whom['user']['id']}", {"role": "user"})


def disable(visitor: Visitor, who: dict[str, Any], whom: dict[str, Any]) -> Callable[[], Any]:
    return ask(visitor, who, "PATCH", f"/admin/users/{whom['user']['id']}", {"disabled": True})


def remove(visitor: Visitor, who: dict[str, Any], whom: dict[str, Any]) -> Callable[[], Any]:
    return ask(visitor, who, "DELETE", f"/admin/users/{whom['user']['id']}")


def leave(visitor: Visitor, who: dict[str, Any], _whom: dict[str, Any]) -> Callable[[], Any]:
    return ask(visitor, who, "DELETE", "/auth/me")


class TestOneIsLeft:
    @rounds
    @pytest.mark.parametrize(
        ("one", "other"),
        [(demote, demote), (disable, disable), (remove, remove), (leave, leave), (demote, leave), (disable, remove)],
    )
    def test_two_administrators_cannot_remove_each_other(
        self, visitor: Visitor, served: Database, one: Any, other: Any, turn: int
    ):
        """R89, F10"""
        first, second = administrators(visitor, served, 2)
        answers = race(one(visitor, first, second), other(visitor, second, first))
        assert active(served) >= 1
        statuses = sorted(answer.status_code for answer in answers)
        done = sum(status < 300 for status in statuses)
        assert done == 1 or (done == 2 and other is leave), [
            answer.text for answer in answers
        ]  # first demoted, then gone
        assert set(statuses) <= {200, 204, 401, 403, 404, 409}, statuses
        assert served.locks.count_documents({}) == 0

    @rounds
    def test_of_many_who_leave(self, visitor: Visitor, served: Database, turn: int):
        """Sixteen at once, by all ways there are: whoever is left over can go on."""
        made = administrators(visitor, served, 16)
        ways = [demote, disable, remove, leave]
        jobs = [ways[n % 4](visitor, made[n], made[(n + 1) % 16]) for n in range(16)]
        race(*jobs)
        assert active(served) >= 1
        left = served.users.find_one({"role": "admin", "disabledAt": None})
        signed_in = visitor.login(left["email"], PASSWORD).json()
        assert ask(visitor, signed_in, "GET", "/admin/users")().status_code == 200

    @rounds
    def test_who_is_made_one_meanwhile_is_not_let_go_unseen(self, visitor: Visitor, served: Database, turn: int):
        """Disabling a user needs no look at the others; one who is made an administrator at that moment does."""
        root, user = administrators(visitor, served, 2)
        served.users.update_one({"_id": ObjectId(user["user"]["id"])}, {"$set": {"role": "user"}})
        promote = ask(visitor, root, "PATCH", f"/admin/users/{user['user']['id']}", {"role": "admin"})
        race(promote, disable(visitor, root, user), leave(visitor, root, user))
        assert active(served) >= 1
