"""Answers that hold no secret, and that pages of any origin may read (CORS)."""

from flask import Response, current_app, request


def let_anyone_read(response: Response) -> None:
    """Let pages of any origin read an answer, without credentials.

    A listed origin is echoed, as everywhere: for a page that asks with credentials, `*` gives no permission.
    """
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    if request.headers.get("Origin") not in current_app.config["CORS_ORIGINS"]:
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.vary.add("Origin")
