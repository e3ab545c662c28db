"""Files that browsers load: scripts, styles, pictures."""

from pathlib import Path

from flask import Response, request, send_from_directory

# The system's own table of types is not asked: it differs from one machine to the next.
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ts": "text/plain; charset=utf-8",
    ".webp": "image/webp",
}


def send(path: Path, *, max_age: int | None = None) -> Response:
    """Return a file that browsers may keep for `max_age` seconds, and revalidate after that.

    Raises werkzeug's NotFound.
    """
    response = send_from_directory(path.parent, path.name, max_age=max_age, conditional=False)
    response.content_type = _TYPES.get(path.suffix, "application/octet-stream")
    # Read it at once: the files are small, and none stays open for a client that never reads its answer.
    response.direct_passthrough = False
    response.get_data()
    response.close()
    # Conditional, but without ranges: nobody needs part of so small a file, and a bad range would be one more error.
    response.make_conditional(request)
    return response
