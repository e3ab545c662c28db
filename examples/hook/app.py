"""A hook of authsvc: it lets in only people of some domains, and says in each token what plan somebody has."""

import os

from flask import Flask, jsonify, request
from standardwebhooks import Webhook, WebhookVerificationError

DOMAINS = os.environ.get("DOMAINS", "example.com").split()
PLANS = {"ada@example.com": "pro"}

app = Flask(__name__)
webhook = Webhook(os.environ["HOOK_SECRET"])


@app.post("/")
def answer():
    try:
        question = webhook.verify(request.get_data(), dict(request.headers))
    except (WebhookVerificationError, ValueError):
        return jsonify(error="authsvc did not sign this"), 401
    data = question["data"]
    if question["type"] == "sign_up":
        if data["email"].rpartition("@")[2] in DOMAINS:
            return jsonify(allow=True)
        return jsonify(allow=False, reason=f"Please use an address at {' or '.join(DOMAINS)}.")
    account = data.get("account", {})  # an app that acts for itself has none
    email = account.get("email") if account.get("emailVerified") else None  # else it may be anybody's
    return jsonify(claims={"plan": PLANS.get(email, "free")})


if __name__ == "__main__":
    app.run("127.0.0.1", int(os.environ.get("PORT", "3000")), threaded=True)
