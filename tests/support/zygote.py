"""A process that has imported what a program needs, and forks for each time that it is asked to run.

`tests.support.forking` starts it with a socket as standard input and the program's name as argument. A fork is what
`python -m <program> …` becomes: the same interpreter, with the encodings of its environment. Only imports are done:
for `flask` those of the package, for `gunicorn` those that a worker may have made before gevent patches the standard
library. So no module of authsvc, nor prometheus_client, which reads its environment when it is imported.
"""

import os
import pickle
import runpy
import select
import signal
import socket
import sys
from importlib import import_module

import coverage

PRELOADED = {
    "flask": ["authsvc.app"],
    "gunicorn": [
        *("argon2", "bcrypt", "cryptography.x509", "email_validator", "flask", "flask_cors", "flask_jwt_extended"),
        *("flask_smorest", "gunicorn.app.wsgiapp", "gunicorn.workers.ggevent", "jwt", "marshmallow", "mongoengine"),
        *("publicsuffixlist", "pyotp", "segno", "structlog", "webauthn", "zxcvbn"),
    ],
}


def main(program: str) -> None:
    """Fork for each request until the socket is closed. Returns in the process of a program only."""
    for module in PRELOADED[program]:
        import_module(module)
    with socket.socket(fileno=os.dup(0)) as requests:
        while (request := _next(requests)) is not None:
            arguments, environ, descriptors = request
            if _fork(descriptors):
                break
            for descriptor in descriptors:
                os.close(descriptor)
        else:
            os._exit(0)
    os.environb.clear()
    os.environb.update(environ)
    coverage.process_startup()
    sys.argv = [program, *map(os.fsdecode, arguments)]


def _next(requests: socket.socket) -> tuple[list[bytes], dict[bytes, bytes], list[int]] | None:
    head, descriptors, _, _ = socket.recv_fds(requests, 4, 4)
    if not head:
        return None
    arguments, environ = pickle.loads(requests.recv(int.from_bytes(head), socket.MSG_WAITALL))
    return arguments, environ, descriptors


def _fork(descriptors: list[int]) -> bool:
    """Fork the program, below a process that waits for it and reports its pid and its end; tell which one this is."""
    if child := os.fork():
        os.waitpid(child, 0)
        return False
    if os.fork():
        os._exit(0)  # what waits is nobody's child, so that the next request can be read at once
    report = socket.socket(fileno=descriptors.pop())
    if program := os.fork():
        for descriptor in (0, *descriptors):
            os.close(descriptor)
        report.sendall(program.to_bytes(4))
        status = _wait(program, report)
        report.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, signed=True))
        os._exit(0)
    report.close()
    os.setsid()
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    return True


def _wait(program: int, report: socket.socket) -> int:
    """Return the status with which a program ends; tell it to if whoever asked for it has ended."""
    if hasattr(os, "pidfd_open"):
        ended = os.pidfd_open(program)
        if ended not in select.select([ended, report], [], [])[0]:
            os.kill(program, signal.SIGTERM)
    return os.waitpid(program, 0)[1]


if __name__ == "__main__":
    main(sys.argv[1])
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
