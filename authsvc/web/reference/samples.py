"""How to call a route, by curl and by the client for browsers, made from what the OpenAPI document says of it."""

import json
import re
import shlex
from typing import Any
from urllib.parse import quote, urlencode

from authsvc.web.reference import examples

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

FIRST_ERROR = 400
"""The first status that is no success."""
_SHORT = 40
"""Characters of a body that stand beside the call, in one line."""

# The members of a body that has none which it must have, or that say more with another.
_ALSO = {
    ("post", "/auth/refresh-token"): ("refreshToken",),
    ("post", "/auth/me/password"): ("currentPassword",),
    ("patch", "/admin/users/{user_id}"): ("disabled",),
    ("patch", "/admin/apps/{app_id}"): ("name",),
    ("post", "/admin/apps"): ("redirectUris",),
    ("post", "/federation/{provider}"): ("state", "code"),
}
# The parameters that a request can't do without, whatever the document says.
_QUERIES = {("delete", "/auth/sessions"): ("scope",)}

# What has a function of its own in the client. Without one it is `call`.
_FUNCTIONS = {
    ("post", "/auth/register"): "const {{user}} = await auth.register({body});",
    ("post", "/auth/login"): "const {{user, mfaRequired}} = await auth.login({body});",
    ("post", "/auth/login/mfa"): 'const {{user}} = await auth.completeMfa({{code: "123456"}});',
    ("post", "/auth/login/email"): "await auth.requestCode({body});",
    ("post", "/auth/login/email/code"): 'const {{user}} = await auth.loginWithCode({{code: "123456"}});',
    ("post", "/auth/login/passkey"): "const {{user}} = await auth.loginWithPasskey();",
    ("post", "/auth/federation/{provider}"): 'await auth.signInWith("google");',
    ("post", "/auth/refresh-token"): "const user = await auth.refresh();",
    ("post", "/auth/logout"): "await auth.logout();",
    ("delete", "/auth/logout"): "await auth.logout();",
    ("get", "/auth/me"): "const user = await auth.user();",
    ("get", "/auth/identities"): "const identities = await auth.identities();",
    ("delete", "/auth/identities/{identity_id}"): "await auth.unlink(identity.id);",
    ("post", "/auth/passkeys"): (
        'const {{challengeId, publicKey}} = await auth.call("POST", "/auth/passkeys/options");\n'
        "const credential = await auth.createPasskey(publicKey);\n"
        'await auth.call("POST", "/auth/passkeys", {{challengeId, credential, name: "Ada\'s laptop"}});'
    ),
}


class Samples:
    """The samples of one route."""

    def __init__(self, verb: str, path: str, operation: dict[str, Any], document: dict[str, Any]) -> None:
        """`operation` is what the OpenAPI `document` says of the route."""
        self._key = (verb, path)
        self._operation = operation
        self._schemas = document["components"]["schemas"]
        self._service = document["servers"][0]["url"]
        content = operation.get("requestBody", {}).get("content", {})
        self._media: str = next(iter(content), "")
        self._body_schema: dict[str, Any] = content.get(self._media, {})

    @property
    def body(self) -> dict[str, Any]:
        """Return an example of the body, empty if the route takes none or can do without."""
        if not self._media or not (self._operation["requestBody"].get("required") or self._key in _ALSO):
            return {}
        name = self._body_schema["schema"]["$ref"].rpartition("/")[2]
        return examples.of_body(name, self._schemas, _ALSO.get(self._key, ()))

    @property
    def answer(self) -> tuple[str, str]:
        """Return the status of a success, and an example of its body."""
        responses = self._operation["responses"]
        status = min(status for status in responses if int(status) < FIRST_ERROR)
        schema = responses[status].get("content", {}).get(JSON, {}).get("schema")
        return status, "" if schema is None else pretty(examples.of(schema, self._schemas))

    @property
    def curl(self) -> str:
        """Return a command for a shell; `$TOKEN` is an access token, and an id in the path is a variable too."""
        verb, path = self._key
        address = re.sub(r"\{(\w+)\}", lambda match: "$" + match[1].upper(), f"{self._service}{path}{self._query}")
        words = [] if verb == "get" else [f"-X {verb.upper()}"]
        quoted = f'"{address}"' if "$" in address else shlex.quote(address)
        lines = [" ".join(["curl", *words, quoted])]
        if any("bearer" in scheme for scheme in self._operation.get("security", [])):
            lines.append('-H "Authorization: Bearer $TOKEN"')
        if self._media == FORM:
            lines += [f"-d {shlex.quote(f'{name}={quote(str(value))}')}" for name, value in self.body.items()]
        elif self.body:
            text = json.dumps(self.body)
            body = text if len(text) <= _SHORT else json.dumps(self.body, indent=2).replace("\n", "\n  ")
            lines += [f"-H 'Content-Type: {JSON}'", f"-d {shlex.quote(body)}"]
        return " \\\n  ".join(lines)

    @property
    def client(self) -> str:
        """Return a script for a page, which uses the client for browsers."""
        verb, path = self._key
        known = _FUNCTIONS.get(self._key)
        if known is not None:
            return self._module + known.format(body=_literal(self.body))
        address = re.sub(r"\{(\w+)\}", lambda match: "${" + _camel(match[1]) + "}", path + self._query)
        text = f"`{address}`" if "$" in address else f'"{address}"'
        if self._media == FORM or not self._answers_json:
            return self._module + self._fetch(verb, path, text)
        body = f", {_literal(self.body)}" if self.body else ""
        call = f'await auth.call("{verb.upper()}", {text}{body});'
        return self._module + (call if self.answer[1] in ("", "{}") else f"const answer = {call}")

    @property
    def _query(self) -> str:
        named = _QUERIES.get(self._key, ())
        parameters = self._operation.get("parameters", [])
        pairs = [(one["name"], examples.of_parameter(one["name"], one["schema"])) for one in parameters]
        wanted = {name: value for name, value in pairs if name in named}
        return f"?{urlencode(wanted)}" if wanted else ""

    @property
    def _module(self) -> str:
        return f'import * as auth from "{self._service}/authsvc.js";\n\n'

    @property
    def _answers_json(self) -> bool:
        successes = [answer for status, answer in self._operation["responses"].items() if int(status) < FIRST_ERROR]
        return any(JSON in answer.get("content", {}) for answer in successes) or "204" in self._operation["responses"]

    def _fetch(self, verb: str, path: str, address: str) -> str:
        target = f"auth.service + {address}"
        if self._media == FORM:
            body = f"new URLSearchParams({_literal(self.body)})"
            return f'const answer = await auth.fetch({target}, {{method: "{verb.upper()}", body: {body}}});'
        return f"const answer = await auth.fetch({target});"


def pretty(value: Any) -> str:
    """Return a value as JSON that people read."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def _literal(body: dict[str, Any]) -> str:
    """Return a body as JavaScript: names without quotes."""
    one_line = json.dumps(body, ensure_ascii=False)
    text = re.sub(r'"(\w+)": ', r"\1: ", one_line)
    if len(text) <= _SHORT:
        return text
    members = (f"  {name}: {json.dumps(value, ensure_ascii=False)},\n" for name, value in body.items())
    return "{\n" + "".join(members) + "}"


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
