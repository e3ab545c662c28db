"""A mail server made of a bare socket, which answers each step of the dialogue as it was told."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

Step = Callable[[socket.socket], bool]
"""What is done at a step in place of the usual answer; tells whether the conversation goes on."""

USUAL = {
    "CONNECT": b"220 ready\r\n",
    "EHLO": b"250 ready\r\n",
    "MAIL": b"250 ok\r\n",
    "RCPT": b"250 ok\r\n",
    "DATA": b"354 go on\r\n",
    "BODY": b"250 taken\r\n",
    "RSET": b"250 ok\r\n",
    "NOOP": b"250 ok\r\n",
    "QUIT": b"221 bye\r\n",
}


def says(answer: str) -> Step:
    """Answer this, and go on."""

    def step(line: socket.socket) -> bool:
        line.sendall(f"{answer}\r\n".encode())
        return True

    return step


def hangs_up(line: socket.socket) -> bool:
    """Close the connection without a word."""
    line.shutdown(socket.SHUT_RDWR)
    return False


def resets(line: socket.socket) -> bool:
    """Reset the connection."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    line.close()
    return False


def babbles(line: socket.socket) -> bool:
    """Answer with bytes that are no answer, and hang up."""
    line.sendall(b"\xff\xfe\x00 what?\r\n")
    return hangs_up(line)


def answers_and_hangs_up(answer: bytes) -> Step:
    """Give this answer and close the connection in the same breath."""

    def step(line: socket.socket) -> bool:
        line.sendall(answer)
        return hangs_up(line)

    return step


class RudeMailServer:
    """Listens on a port of 127.0.0.1; `at` names what it does at which step.

    `taken` counts the letters it said yes to, `commands` are the lines it was sent, in capitals.
    """

    def __init__(self, **at: Step) -> None:
        self.at: dict[str, Step] = at
        self.taken = 0
        self.commands: list[bytes] = []
        self._listening = socket.create_server(("127.0.0.1", 0))

    @property
    def url(self) -> str:
        """Return the MAIL_URL of it."""
        return f"smtp://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._listening.accept()
                threading.Thread(target=self._talk, args=[line], daemon=True).start()

    def _talk(self, line: socket.socket) -> None:
        with suppress(OSError, ValueError), line, line.makefile("rb") as read:
            if not self._do("CONNECT", line):
                return
            for command in read:
                self.commands.append(command.upper())
                verb = command[:4].decode().upper().strip()
                if not self._do(verb, line) or verb == "QUIT":
                    return
                if verb == "DATA" and "DATA" not in self.at:
                    while read.readline() not in (b".\r\n", b""):
                        pass
                    step = self.at.get("BODY")
                    self.taken += step is None or getattr(step, "takes", False)
                    if not self._do("BODY", line):
                        return

    def _do(self, verb: str, line: socket.socket) -> bool:
        step = self.at.get(verb)
        if step is not None:
            return step(line)
        line.sendall(USUAL.get(verb, b"502 what?\r\n"))
        return True
