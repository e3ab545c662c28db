"""Answers to requests that never reach the application: problem documents, as the application's."""

import json
import os
import re
import secrets
from typing import Any

from gunicorn import util

from authsvc import security_headers, settings
from authsvc.errors import InternalError, RequestMalformed
from authsvc.serving.connections import MAX_HEAD_BYTES, linger, reading

_ORIGIN = re.compile(rb"\r\norigin:([^\r\n]*)(?=\r\n)", re.IGNORECASE)
_DETAILS = {
    400: "The request is not well-formed HTTP.",
    414: "Path and query have more than 8,190 characters.",
    417: "Expect asks for something other than 100-continue.",
    431: "A header field has more than 32 kB, all of them have more than 64 kB, or there are more than 100.",
    501: "Transfer-Encoding names something other than chunked.",
}


def refuse(sock: Any, status: int, reason: str, _message: str) -> None:
    """Answer a request that can't be read with a problem document (RFC 9457) that quotes nothing of it.

    A page of CORS_ORIGINS may read it, if the Origin header came before the fault.
    """
    kind = InternalError if status == 500 else RequestMalformed
    document = {
        "type": f"/problems/{kind.code}",
        "title": kind.title,
        "status": status,
        "detail": _DETAILS.get(status, kind().detail),
        "code": kind.code,
        "requestId": secrets.token_hex(16),
    }
    body = json.dumps(document, separators=(",", ":")) + "\n"
    headers = {
        "Connection": "close",
        "Content-Type": "application/problem+json",
        "Content-Length": str(len(body)),
        "X-Request-ID": document["requestId"],
        **security_headers.for_service_at(os.environ.get("PUBLIC_URL", "")),
        **_permission(),
    }
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers.items()), "", body]
    util.write_nonblock(sock, "\r\n".join(lines).encode())
    linger(sock)


def _permission() -> dict[str, str]:
    """Return the CORS headers for the request that is being read."""
    allowed = settings.words(os.environ.get("CORS_ORIGINS", ""))
    request = reading.get()
    origins = _ORIGIN.findall(request.head, 0, MAX_HEAD_BYTES) if request is not None else []
    origin = origins[0].decode("latin-1").strip(" \t") if len(origins) == 1 else ""
    vary = {"Vary": "Origin"} if allowed else {}
    return {**vary, **security_headers.permission_for(origin)} if origin in allowed else vary
