"""The only place that shapes the errors of OAuth: `{error, error_description}` (RFC 6749 section 5.2)."""

from flask import Response, g, json, render_template, request

from authsvc.errors import Problem
from authsvc.errors.oauth_refusal import OAuthError, OAuthRefusal
from authsvc.http import pages
from authsvc.languages import translatable

FOR_PEOPLE = ("/oauth2/authorize",)
"""Where browsers are sent: whoever prefers a page gets one."""

_BY_STATUS = {429: OAuthError.TEMPORARILY_UNAVAILABLE, 503: OAuthError.TEMPORARILY_UNAVAILABLE}
_SENTENCES = {
    429: translatable("There were too many attempts. Wait a minute, then go back to the app and try again."),
    503: translatable("The service isn't available right now. Wait a minute, then go back to the app and try again."),
}
_STATUS = {OAuthError.INVALID_CLIENT: 401, OAuthError.INVALID_TOKEN: 401, OAuthError.INSUFFICIENT_SCOPE: 403}


def render(refusal: OAuthRefusal) -> Response:
    """Return the answer to a refused request."""
    headers = {}
    if refusal.challenge is not None:
        headers["WWW-Authenticate"] = refusal.challenge
    elif refusal.error == OAuthError.INVALID_CLIENT:
        headers["WWW-Authenticate"] = 'Basic realm="authsvc"'
    elif refusal.error in (OAuthError.INVALID_TOKEN, OAuthError.INSUFFICIENT_SCOPE):
        headers["WWW-Authenticate"] = f'Bearer error="{refusal.error}"'  # RFC 6750 section 3
    return _answer(refusal.error, refusal.description, _STATUS.get(refusal.error, 400), headers)


def render_problem(problem: Problem) -> Response:
    """Return the answer for what goes wrong here as everywhere: a method, a size, the database."""
    if request.path in FOR_PEOPLE:
        answer = _page(problem) if pages.preferred() else _document(problem)
        answer.vary.add("Accept")
        return answer
    return _document(problem)


def _page(problem: Problem) -> Response:
    g.problem = problem.code
    text = _SENTENCES.get(problem.status, translatable("Go back to the app and try again."))
    page = pages.respond(render_template("app_failure.html", text=text), status=problem.status)
    page.headers.update(problem.headers)
    return page


def _document(problem: Problem) -> Response:
    if problem.status >= 500 and problem.status not in _BY_STATUS:
        return _answer(OAuthError.SERVER_ERROR, "Something went wrong here.", problem.status, problem.headers)
    error = _BY_STATUS.get(problem.status, OAuthError.INVALID_REQUEST)
    return _answer(error, problem.title, problem.status, problem.headers)


def _answer(error: OAuthError, description: str, status: int, headers: dict[str, str]) -> Response:
    g.problem = error.value
    body = json.dumps({"error": error, "error_description": description}, separators=(",", ":"))
    return Response(f"{body}\n", status, headers, content_type="application/json")
