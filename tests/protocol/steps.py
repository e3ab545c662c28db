"""The steps of the model. Each generator yields what happens, in words, and what it leads to.

Between two steps anything else may happen. A pause, of a process or of the network, is no step at all while time goes
on; so is a death without a restart.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import product

from tests.protocol.rules import Order, Rules
from tests.protocol.states import NONE, Database, Fill, Notice, Phase, Reading, Revoker, Waiting, Worker, World

WorkerStep = tuple[str, Worker]
RevokerStep = tuple[str, Database, Revoker]


class Steps:
    """All steps under the same rules. What a part of the world can do is worked out once."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._lease = rules.lease if rules.has_lease else 0
        self._of_worker = lru_cache(None)(lambda *known: tuple(self._worker(*known)))
        self._of_revoker = lru_cache(None)(lambda *known: tuple(self._revoker(*known)))
        self._after_tick = lru_cache(None)(self._ticked)

    def start(self) -> World:
        """Return the state in which everything begins."""
        return World(
            Database(failovers=self.rules.failovers),
            (Revoker(is_ours=True), Revoker(is_ours=self.rules.both_end)),
            (Worker(missing=self.rules.missed),) * self.rules.workers,
        )

    def after(self, world: World) -> Iterator[tuple[str, World]]:
        """Yield everything that may happen next."""
        database, revokers, workers = world
        for number, revoker in enumerate(revokers):
            for what, stored, changed in self._of_revoker(revoker, database):
                others = (*revokers[:number], changed, *revokers[number + 1 :])
                yield f"revoker {number + 1} {what}", World(stored, others, workers)
        shown = database.notices if self.rules.order is Order.NUMBERS else database.notices[-self.rules.remembered :]
        for number, worker in enumerate(workers):
            for what, changed in self._of_worker(worker, database.is_live, shown, world.is_answered):
                others = _in_order(*workers[:number], changed, *workers[number + 1 :])
                yield f"a worker {what}", World(database, revokers, others)
        if database.failovers and len(database.notices) > database.durable:
            lost = database.notices[: database.durable]
            yield (
                "a failover",
                World(database._replace(notices=lost, failovers=database.failovers - 1), revokers, workers),
            )
        if self.rules.has_lease:  # nothing else counts time
            yield from self._ticks(world)

    def is_broken(self, world: World) -> bool:
        """Tell whether a worker accepts the session, or would at once, although it was said to have ended."""
        return any(one.accepted_late for one in world.workers) or (
            world.is_answered and self.rules.has_lease and any(map(self._would_accept, world.workers))
        )

    def _would_accept(self, worker: Worker) -> bool:
        next_request = worker.keeps and worker.lease > 0
        this_request = worker.request > 0 and (self.rules.lease_before_lookup or worker.lease > 0)
        return next_request or this_request

    def _worker(
        self, worker: Worker, is_live: bool, shown: tuple[Notice, ...], is_answered: bool
    ) -> Iterator[WorkerStep]:
        yield from self._fill(worker, is_live)
        yield from self._read(worker, shown)
        yield from self._serve(worker, is_answered)
        fresh = Worker(missing=worker.missing)
        if self.rules.crashes and worker != fresh:
            yield "is killed and starts again", fresh

    def _fill(self, worker: Worker, is_live: bool) -> Iterator[WorkerStep]:
        if not isinstance(worker.fill, Fill):
            yield "begins to fill", worker._replace(fill=Fill(worker.mark, has_read=False))
        elif not worker.fill.has_read:
            if is_live:
                yield "reads the session, live", worker._replace(fill=worker.fill._replace(has_read=True))
            else:
                yield "reads the session, ended", worker._replace(fill=NONE)
        else:
            is_kept = worker.fill.mark == worker.mark or not self.rules.guards_fills
            said = "keeps the session" if is_kept else "keeps nothing: there was a notice"
            yield said, worker._replace(fill=NONE, keeps=worker.keeps or is_kept)

    def _read(self, worker: Worker, shown: tuple[Notice, ...]) -> Iterator[WorkerStep]:
        reading, waiting = worker.reading, worker.waiting
        if not isinstance(reading, Reading):
            joined = waiting._replace(has_reading=True) if isinstance(waiting, Waiting) else NONE
            yield "begins to read notices", worker._replace(reading=Reading(self._lease), waiting=joined)
        elif not reading.has_read:
            seen = reading._replace(has_read=True, shown=shown)
            yield f"reads {len(shown)} of the notices", worker._replace(reading=seen)
            yield "loses what it read", worker._replace(reading=NONE, waiting=NONE)  # whoever shares it gets a 503
        else:
            yield "applies the notices", self._applied(worker, reading)

    def _applied(self, worker: Worker, reading: Reading) -> Worker:
        keeps, mark = self._judged(worker, reading.shown)
        fill, waiting = worker.fill, worker.waiting
        if self.rules.guards_fills and isinstance(fill, Fill) and fill.mark != mark:
            fill = NONE  # it would keep nothing: one state less
        accepted_late = False
        if isinstance(waiting, Waiting) and waiting.has_reading:
            accepted_late, waiting = waiting.is_late and keeps, NONE
        return worker._replace(
            keeps=keeps,
            mark=mark,
            lease=reading.left if self.rules.lease_from_start else self._lease,
            fill=fill,
            reading=NONE,
            waiting=waiting,
            accepted_late=accepted_late,
        )

    def _judged(self, worker: Worker, shown: tuple[Notice, ...]) -> tuple[bool, int]:
        """Return whether the session stays kept after these notices, and the mark of the last."""
        marks = [notice.mark for notice in shown]
        if self.rules.order is not Order.MARKS:
            new = [notice for notice in shown if notice.mark > worker.mark]
            return worker.keeps and not any(notice.is_ours for notice in new), max([worker.mark, *marks])
        if not shown or marks[-1] == worker.mark:
            return worker.keeps, worker.mark
        if worker.mark in marks:
            new = list(shown[marks.index(worker.mark) + 1 :])
        elif self.rules.forgets_at_gaps:
            return False, marks[-1]
        else:
            new = list(shown)
        return worker.keeps and not any(notice.is_ours for notice in new), marks[-1]

    def _serve(self, worker: Worker, is_answered: bool) -> Iterator[WorkerStep]:
        if self.rules.has_lease:
            if worker.request:
                yield "decides a request", worker._replace(request=0)
            elif worker.keeps and worker.lease:
                yield "finds the session for a request", worker._replace(request=worker.lease)
        elif worker.waiting == NONE:
            at_once = worker.reading != NONE and not self.rules.joins_next_reading
            waiting = Waiting(is_late=is_answered, has_reading=at_once)
            yield f"gets a request{', late' * is_answered}", worker._replace(waiting=waiting)

    def _revoker(self, revoker: Revoker, database: Database) -> Iterator[RevokerStep]:
        ends = database._replace(is_live=database.is_live and not revoker.is_ours)
        writes_now = revoker.phase == (Phase.START if self.rules.writes_first else Phase.HALF_DONE)
        if writes_now and revoker.is_ours and not database.is_live and not self.rules.repeats:
            yield "finds it ended and ANSWERS at once", database, revoker._replace(phase=Phase.ANSWERED)
        elif writes_now:
            yield "ends its session", ends, revoker._replace(phase=self._next(revoker))
        elif revoker.phase in (Phase.START, Phase.HALF_DONE):
            yield self._announcement(revoker, database)
        elif revoker.phase == Phase.NUMBERED:
            notices = tuple(sorted((*database.notices, Notice(revoker.mark, revoker.is_ours))))
            yield "stores its notice", database._replace(notices=notices), revoker._replace(phase=Phase.UNACKNOWLEDGED)
        elif revoker.phase == Phase.UNACKNOWLEDGED:
            yield self._acknowledgement(revoker, database)
        elif revoker.phase == Phase.WAITING and not revoker.wait:
            yield "ANSWERS", database, revoker._replace(phase=Phase.ANSWERED, mark=0)

    def _announcement(self, revoker: Revoker, database: Database) -> RevokerStep:
        number = database.last_mark + 1
        if self.rules.order is Order.NUMBERS:
            taken = database._replace(last_mark=number)
            return f"takes number {number}", taken, revoker._replace(phase=Phase.NUMBERED, mark=number)
        mark = number if self.rules.order is Order.MARKS else len(database.notices) + 1
        notices = (*database.notices, Notice(mark, revoker.is_ours))
        stored = database._replace(notices=notices, last_mark=number)
        return f"posts notice {mark}", stored, revoker._replace(phase=self._next(revoker), mark=mark)

    def _acknowledgement(self, revoker: Revoker, database: Database) -> RevokerStep:
        if Notice(revoker.mark, revoker.is_ours) not in database.notices and self.rules.writes_first:
            return "fails, and is tried again", database, revoker._replace(phase=Phase.HALF_DONE, mark=0)
        wait = self._lease + self.rules.margin if self.rules.waits and self.rules.has_lease else 0
        everywhere = database._replace(durable=len(database.notices))
        return "is acknowledged", everywhere, revoker._replace(phase=Phase.WAITING, wait=wait, mark=0)

    def _next(self, revoker: Revoker) -> Phase:
        return Phase.HALF_DONE if revoker.phase == Phase.START else Phase.UNACKNOWLEDGED

    def _ticks(self, world: World) -> Iterator[tuple[str, World]]:
        waited = tuple(one._replace(wait=max(0, one.wait - 1)) for one in world.revokers)
        may_miss = [(False, True) if one.missing else (False,) for one in world.workers]
        for misses in product(*may_miss):
            workers = _in_order(*map(self._after_tick, world.workers, misses))
            yield f"a tick{', which a clock misses' * any(misses)}", World(world.database, waited, workers)

    def _ticked(self, worker: Worker, misses: bool) -> Worker:
        if misses:
            return worker._replace(missing=worker.missing - 1)
        reading, request = worker.reading, worker.request
        if isinstance(reading, Reading):
            reading = reading._replace(left=max(0, reading.left - 1))
        if self.rules.lease_before_lookup:
            request = max(0, request - 1)
        return worker._replace(lease=max(0, worker.lease - 1), reading=reading, request=request)


def _in_order(*workers: Worker) -> tuple[Worker, ...]:
    """Return workers in an order of their own: it makes no difference which of them is which."""
    return workers if len(workers) == 1 else tuple(sorted(workers))
