"""Two machines against one database: what one does counts at the other, whatever happens to either."""

import secrets
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import cycle
from typing import Any

import pytest
from bson import ObjectId
from requests import RequestException, Response

from tests.api.forging import header_of
from tests.machines.conftest import GUESSES, Pair
from tests.support.races import ROUNDS, eventually, race
from tests.support.service import Visitor

pytestmark = [pytest.mark.race, pytest.mark.external]

AT_ONCE = 8
LEAD = 8
LEASE_OVER = 0.3
"""After so long a machine that keeps sessions has to ask the database again."""
PATIENCE = 6.0
"""How long a client waits for a machine that has lost its database: the step's limit of 4 seconds, and a little."""
CUTS = ["pull", "lose"]


def address() -> str:
    """Return an address that nobody has."""
    return f"{secrets.token_hex(6)}@example.com"


def code(answer: Response) -> tuple[int, str | None]:
    """Return the status of an answer, and the code of its problem."""
    return answer.status_code, answer.json().get("code") if answer.status_code >= 400 else None


def at_both(pair: Pair, call: Callable[[Visitor], Response]) -> list[Response]:
    """Make a call eight times at each machine, all at once."""
    return race(*(partial(call, visitor) for visitor in pair.visitors * AT_ONCE))


def all_dead(pair: Pair, tokens: dict[str, Any]) -> bool:
    """Tell whether both machines refuse both tokens."""
    return all(
        answer.status_code == 401
        for visitor in pair.visitors
        for answer in (visitor.home(tokens["accessToken"]), visitor.refresh(tokens["refreshToken"]))
    )


class TestStart:
    def test_both_start_on_an_empty_database_and_have_one_key(self, pair: Pair) -> None:
        rings = [visitor.request("GET", "/.well-known/jwks.json").json() for visitor in pair.visitors]
        assert rings[0] == rings[1]
        assert pair.database.signing_keys.count_documents({}) == 1


class TestRotation:
    def test_refreshes_go_from_machine_to_machine(self, pair: Pair) -> None:
        """Each machine is shown what the other has just written."""
        tokens = pair.visitors[0].register(address()).json()
        for visitor in cycle_of(pair, 20):
            answer = visitor.refresh(tokens["refreshToken"])
            assert code(answer) == (200, None)
            tokens = answer.json()
        assert pair.database.sessions.find_one({"user": ObjectId(tokens["user"]["id"])})["generation"] == 21

    def test_sixteen_with_one_token_share_one_generation(self, pair: Pair) -> None:
        """R56, F7: eight at each machine."""
        tokens = pair.visitors[0].register(address()).json()
        owner = ObjectId(tokens["user"]["id"])
        for turn in range(ROUNDS):
            answers = at_both(pair, lambda visitor, token=tokens["refreshToken"]: visitor.refresh(token))
            assert {code(answer) for answer in answers} == {(200, None)}
            session = pair.database.sessions.find_one({"user": owner})
            assert (session["generation"], session.get("endedAt")) == (turn + 2, None)
            tokens = answers[turn % len(answers)].json()

    def test_a_signing_key_of_one_machine_is_the_other_s_too(self, pair: Pair) -> None:
        """R98: whichever machine signs by it first, the other verifies at once, and nobody is refused."""
        node = pair.nodes[0]
        before = {key["kid"] for key in ring_of(pair.visitors[1])}
        done = node.flask("keys", "rotate", "--lead", str(LEAD))
        assert done.returncode == 0, done.stderr
        seen: set[str] = set()
        end = time.monotonic() + 60
        while not seen - before and time.monotonic() < end:
            for one, other in (pair.visitors, pair.visitors[::-1]):
                token = one.register(address()).json()["accessToken"]
                seen.add(header_of(token)["kid"])
                assert code(other.home(token)) == (200, None)
            time.sleep(0.2)
        assert seen - before, "the next key never signed"


class TestRegistration:
    def test_of_sixteen_who_register_one_address_one_wins(self, pair: Pair) -> None:
        """R14: whichever machine they ask."""
        for _ in range(ROUNDS):
            email = address()
            answers = at_both(pair, lambda visitor, email=email: visitor.register(email))
            assert Counter(map(code, answers)) == {(201, None): 1, (409, "email_taken"): 2 * AT_ONCE - 1}
            assert pair.database.users.count_documents({"email": email}) == 1


class TestSignOut:
    def test_what_one_machine_ended_is_over_at_the_other(self, pair: Pair) -> None:
        """By the time that the answer is there; both have just accepted the token, and know the session."""
        for one, other in ((pair.visitors, pair.visitors[::-1])[turn % 2] for turn in range(2 * ROUNDS)):
            tokens = one.register(address()).json()
            assert [code(visitor.home(tokens["accessToken"])) for visitor in (one, other)] == [(200, None)] * 2
            assert one.logout(tokens["accessToken"]).status_code == 204
            assert code(other.home(tokens["accessToken"])) == (401, "session_ended")
            assert all_dead(pair, tokens)

    def test_all_sessions_at_once(self, pair: Pair) -> None:
        email = address()
        tokens = [pair.visitors[0].register(email).json()]
        tokens += [visitor.login(email).json() for visitor in cycle_of(pair, 6)]
        bearer = {"Authorization": f"Bearer {tokens[0]['accessToken']}"}
        answer = pair.visitors[1].request("DELETE", "/auth/sessions?scope=all", headers=bearer)
        assert answer.ok, answer.text
        assert all(all_dead(pair, one) for one in tokens)

    def test_a_refresh_at_one_machine_and_a_sign_out_at_the_other(self, pair: Pair) -> None:
        """R57, F8: what the refresh returned is worth nothing once the sign-out is acknowledged."""
        one, other = pair.visitors
        for _ in range(ROUNDS):
            tokens = one.register(address()).json()
            refreshed, ended = race(
                lambda tokens=tokens: one.refresh(tokens["refreshToken"]),
                lambda tokens=tokens: other.logout(tokens["accessToken"]),
            )
            assert ended.status_code == 204
            assert all_dead(pair, tokens)
            assert refreshed.status_code == 401 or all_dead(pair, refreshed.json())

    def test_an_account_that_an_operator_disabled_is_out_at_both(self, pair: Pair) -> None:
        email = address()
        tokens = pair.visitors[0].register(email).json()
        assert code(pair.visitors[1].home(tokens["accessToken"])) == (200, None)
        done = pair.nodes[0].flask("users", "disable", email)
        assert done.returncode == 0, done.stderr
        assert all_dead(pair, tokens)
        assert [code(visitor.login(email))[0] for visitor in pair.visitors] == [403, 403]


class TestThrottle:
    def test_guesses_at_both_machines_count_together(self, pair: Pair) -> None:
        """R22, R26: of sixteen at once exactly as many pass as at one machine."""
        email = address()
        pair.visitors[0].register(email)
        pair.database.devices.delete_many({})  # these guesses are a stranger's
        answers = at_both(pair, lambda visitor: visitor.login(email, "not the right phrase"))
        assert Counter(answer.status_code for answer in answers) == {401: GUESSES, 429: 2 * AT_ONCE - GUESSES}


class TestLetters:
    def test_each_goes_out_once(self, pair: Pair) -> None:
        """Both machines have workers that look for letters, and take them at once."""
        people = [address() for _ in range(24)]
        race(
            *(
                lambda visitor=visitor, email=email: visitor.register(email)
                for visitor, email in zip(cycle(pair.visitors), people, strict=False)
            )
        )
        eventually(lambda: {*people} <= {*received(pair)}, 60)
        eventually(lambda: pair.database.letters.count_documents({"to": {"$in": people}, "dueAt": {"$ne": None}}) == 0)
        assert {email: count for email, count in received(pair).items() if email in people} == dict.fromkeys(people, 1)


class TestPowerCut:
    def test_the_other_machine_goes_on(self, pair: Pair) -> None:
        """A machine goes out in the midst of work: what it acknowledged is there, and its sessions live on."""
        lost, visitor = pair.nodes[0], pair.visitors[1]
        kept: list[dict[str, Any]] = []
        with ThreadPoolExecutor(4) as pool:
            for _ in range(4):
                pool.submit(work_until_it_ends, Visitor(lost.url, patience=2), kept)
            eventually(lambda: len(kept) >= 8)
            lost.lose_power()
            begin = time.monotonic()
            assert code(visitor.register(address())) == (201, None)
            assert time.monotonic() - begin < PATIENCE
        for tokens in kept:  # within their grace time: of some the machine had just used the refresh token
            assert code(visitor.home(tokens["accessToken"])) == (200, None)
            assert code(visitor.refresh(tokens["refreshToken"])) == (200, None)

    def test_the_letter_in_its_hands_is_sent_by_the_other(self, pair: Pair) -> None:
        """F9: it had leased the letter, and told the mail server nothing of it yet."""
        lost, email = pair.nodes[0], address()
        for server in pair.mail:
            server.behaviour = "hang"
        Visitor(lost.url).register(email)
        eventually(lambda: (letter_to(pair, email) or {}).get("attempts", 0) >= 1)
        lost.lose_power()
        pair.mail[1].behaviour = "take"
        for worker in pair.nodes[1].workers():  # which may have had it
            worker.kill()
        pair.database.letters.update_one({"to": email}, {"$currentDate": {"dueAt": True}})  # the lease is over
        eventually(lambda: (letter_to(pair, email) or {}).get("deliveredAt") is not None, 60)
        assert received(pair)[email] == 1


class TestCut:
    """A machine that its database can't be reached from refuses; it never believes what it knew."""

    @pytest.mark.parametrize("cut", CUTS)
    def test_it_accepts_nothing_meanwhile_and_all_again_afterwards(self, pair: Pair, cut: str) -> None:
        one, other = pair.visitors
        tokens = one.register(address()).json()
        assert code(other.home(tokens["accessToken"])) == (200, None)
        getattr(pair.nodes[1].back, cut)()
        time.sleep(LEASE_OVER)
        begin = time.monotonic()
        calls = [
            lambda: other.home(tokens["accessToken"]),
            lambda: other.refresh(tokens["refreshToken"]),
            lambda: other.logout(tokens["accessToken"]),
            lambda: other.login("somebody@example.com"),
        ]
        answers = race(*calls)
        assert {code(answer) for answer in answers} == {(503, "database_unavailable")}
        assert time.monotonic() - begin < PATIENCE
        assert other.request("GET", "/readyz").status_code == 503
        assert other.request("GET", "/healthz").status_code == 200
        assert code(one.home(tokens["accessToken"])) == (200, None)  # the sign-out above was not acknowledged, nor made
        pair.nodes[1].back.mend()
        eventually(lambda: other.home(tokens["accessToken"]).status_code == 200, 30)
        assert code(other.refresh(tokens["refreshToken"])) == (200, None)

    @pytest.mark.parametrize("cut", CUTS)
    def test_a_sign_out_that_it_can_not_hear_of_counts(self, pair: Pair, cut: str) -> None:
        """From the moment that it is acknowledged at the other machine, through the cut and after it."""
        one, other = pair.visitors
        tokens = one.register(address()).json()
        warm = [Visitor(pair.nodes[1].url, keep_alive=True) for _ in range(4)]
        for visitor in warm:
            assert code(visitor.home(tokens["accessToken"])) == (200, None)
        getattr(pair.nodes[1].back, cut)()
        assert one.logout(tokens["accessToken"]).status_code == 204
        answers = race(*(partial(visitor.home, tokens["accessToken"]) for visitor in warm))
        assert {answer.status_code for answer in answers} <= {401, 503}
        pair.nodes[1].back.mend()
        seen = {answer.status_code for answer in until(lambda: other.home(tokens["accessToken"]), 401, 30)}
        assert seen <= {401, 503}

    def test_a_refresh_whose_answer_from_the_database_was_lost(self, pair: Pair) -> None:
        """R56: the cut comes in the midst of it; the client goes to the other machine, and is not taken for a thief."""
        for turn in range(ROUNDS):
            tokens = pair.visitors[0].register(address()).json()
            with ThreadPoolExecutor(1) as pool:
                answer = pool.submit(pair.visitors[1].refresh, tokens["refreshToken"])
                time.sleep(0.004 * turn)
                pair.nodes[1].back.lose()
                assert answer.result().status_code in (200, 503)
            again = pair.visitors[0].refresh(tokens["refreshToken"])
            assert code(again) == (200, None)
            assert code(pair.visitors[0].home(again.json()["accessToken"])) == (200, None)
            pair.repair()


def cycle_of(pair: Pair, count: int) -> list[Visitor]:
    """Return clients of the two machines in turns."""
    return [visitor for _, visitor in zip(range(count), cycle(pair.visitors), strict=False)]


def ring_of(visitor: Visitor) -> list[dict[str, Any]]:
    """Return the published keys."""
    return list(visitor.request("GET", "/.well-known/jwks.json").json()["keys"])


def received(pair: Pair) -> Counter[str]:
    """Count the letters that were delivered, by receiver: the mail servers of both machines took them."""
    return Counter(str(letter["To"]) for server in pair.mail for letter in server.letters)


def letter_to(pair: Pair, email: str) -> dict[str, Any] | None:
    """Return the letter to an address as it is stored."""
    return pair.database.letters.find_one({"to": email})


def until(call: Callable[[], Response], status: int, seconds: float) -> list[Response]:
    """Repeat a call until it has this status; return all answers."""
    answers = [call()]
    end = time.monotonic() + seconds
    while answers[-1].status_code != status:
        assert time.monotonic() < end, answers[-1].text
        answers.append(call())
    return answers


def work_until_it_ends(visitor: Visitor, kept: list[dict[str, Any]]) -> None:
    """Register and refresh at a machine until it answers no more; keep what was acknowledged last."""
    with suppress(RequestException):
        while True:
            tokens = visitor.register(address()).json()
            kept.append(tokens)
            for _ in range(3):
                answer = visitor.refresh(tokens["refreshToken"])
                tokens.update(answer.json())
