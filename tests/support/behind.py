"""An application behind a proxy: it tells which requests it was given, and speaks WebSocket."""

import base64
import hashlib
import http.server
import json
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with what it was asked; a WebSocket gets its first message back."""

    protocol_version = "HTTP/1.1"
    asked: list[dict[str, Any]]

    def do_GET(self) -> None:
        """Answer with the request's line, headers and length."""
        told = {
            "user": self.headers.get("X-Auth-User-Id"),
            "method": self.command,
            "target": self.path,
            "headers": self.headers.items(),
            "length": self._length(),
        }
        self.asked.append(told)
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self._speak()
            return
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_GET  # noqa: N815

    def _length(self) -> int:
        """Read the body; return how long it was."""
        if "Transfer-Encoding" not in self.headers:
            return len(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        length = 0
        while size := int(self.rfile.readline(), 16):
            length += len(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return length

    def _speak(self) -> None:
        key = self.headers["Sec-WebSocket-Key"] + _GUID
        accepted = base64.b64encode(hashlib.sha1(key.encode(), usedforsecurity=False).digest()).decode()
        self.send_response(101)
        for name, value in (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accepted)):
            self.send_header(name, value)
        self.end_headers()
        _, length = self.rfile.read(2)
        mask = self.rfile.read(4)
        text = bytes(byte ^ mask[place % 4] for place, byte in enumerate(self.rfile.read(length & 127)))
        self.wfile.write(struct.pack("BB", 0x81, len(text)) + text)
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def application() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Run it; yield its port, and the list of what it was asked."""
    asked: list[dict[str, Any]] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Echo,), {"asked": asked}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1], asked
    finally:
        server.shutdown()
        server.server_close()


def say(port: int, text: bytes, *headers: str) -> tuple[int, bytes]:
    """Open a WebSocket at a port of this machine and say something short; return the status and what comes back."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        "GET /socket?a=b HTTP/1.1",
        f"Host: localhost:{port}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
        *headers,
        "",
        "",
    ]
    with socket.create_connection(("127.0.0.1", port), timeout=15) as connection:
        connection.sendall("\r\n".join(lines).encode())
        stream = connection.makefile("rb")
        status = int(stream.readline().split()[1])
        while stream.readline() not in (b"\r\n", b""):
            pass
        if status != 101:
            return status, b""
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(text))
        connection.sendall(struct.pack("BB", 0x81, 0x80 | len(text)) + mask + masked)
        _, length = stream.read(2)
        return status, stream.read(length)
