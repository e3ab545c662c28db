"""A Flask app behind authsvc: it asks authsvc who is calling, so that a sign-out counts at once."""

import os
from functools import wraps

import requests
from flask import Flask, g, jsonify, request

AUTHSVC = os.environ.get("AUTHSVC", "http://localhost:8000")

app = Flask(__name__)


def signed_in(**condition):
    """Let in whom `/auth/verify` lets in; a personal access token is as good as a session, an app's token is not."""

    def guard(view):
        @wraps(view)
        def guarded(*args, **kwargs):
            shown = {name: value for name, value in request.headers if name == "Authorization"}
            try:
                answer = requests.get(f"{AUTHSVC}/auth/verify", headers=shown, params=condition, timeout=10)
            except requests.RequestException:
                return jsonify(error="authsvc can't be asked"), 503, {"Retry-After": "2"}
            if answer.status_code == 204:
                g.user = answer.headers["X-Auth-User-Id"]
                return view(*args, **kwargs)
            told = {"WWW-Authenticate": answer.headers.get("WWW-Authenticate", "Bearer")}
            return answer.json(), answer.status_code, told

        return guarded

    return guard


@app.get("/")
@signed_in()
def home():
    return jsonify(user=g.user)


@app.get("/admin")
@signed_in(role="admin")
def admin():
    return jsonify(admin=g.user)


if __name__ == "__main__":
    app.run("127.0.0.1", int(os.environ.get("PORT", "3000")), threaded=True)
