"""Which webhooks there are, as a process knows it: read a few times a second, whatever happens."""

import threading
from concurrent.futures import ThreadPoolExecutor

from flask import Flask
from pymongo import monitoring

from authsvc.services import webhook_table


class _Readings(monitoring.CommandListener):
    """Counts how often the table is read, by all threads."""

    count = 0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command.get("find") == "webhooks":
            _Readings.count += 1

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


monitoring.register(_Readings())


class TestReadings:
    def test_many_who_ask_at_once_wait_for_one(self, app: Flask, clean: None) -> None:
        people = 30
        together = threading.Barrier(people)

        def ask(_: int) -> bool:
            together.wait(10)
            return webhook_table.listening("account.registered")

        before = _Readings.count
        with ThreadPoolExecutor(people) as pool:
            assert not any(pool.map(ask, range(people)))
        assert 1 <= _Readings.count - before <= 3
