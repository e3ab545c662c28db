"""A Flask app that webhooks of authsvc tell: it keeps a table of the accounts, and takes each message once."""

import os
import sqlite3
from contextlib import closing

from flask import Flask, abort, request
from standardwebhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["WEBHOOK_SECRET"])
app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 100_000
TABLES = """
CREATE TABLE IF NOT EXISTS accounts (id TEXT PRIMARY KEY, name TEXT, email TEXT, sequence INTEGER);
CREATE TABLE IF NOT EXISTS heard (id TEXT PRIMARY KEY)"""
FOLLOW = """INSERT INTO accounts VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE
SET name = excluded.name, email = excluded.email, sequence = excluded.sequence WHERE sequence < excluded.sequence"""


@app.post("/webhooks")
def hear():
    try:
        message = webhook.verify(request.get_data(), dict(request.headers))
    except (WebhookVerificationError, ValueError):  # ValueError: not even in the form of a signature
        abort(400)
    with closing(sqlite3.connect("accounts.db")) as db, db:  # both in one transaction, or neither
        if db.execute("INSERT OR IGNORE INTO heard VALUES (?)", [request.headers["webhook-id"]]).rowcount:
            account = message["data"].get("account")
            if account:  # once it is gone, a row without a name stays: what comes late does not bring it back
                left = {} if message["type"] == "account.deleted" else account
                row = (account["id"], left.get("name"), left.get("email"), message["data"]["sequence"])
                db.execute(FOLLOW, row)
    return "", 204


if __name__ == "__main__":
    with closing(sqlite3.connect("accounts.db")) as made:
        made.executescript(TABLES)
    app.run("127.0.0.1", int(os.environ.get("PORT", "3000")), threaded=True)
