// An Express app that webhooks of authsvc tell: it keeps a table of the accounts, and takes each message once.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import express from "express";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.WEBHOOK_SECRET);
const file = "accounts.json";
const app = express();

function verified(request) {
  try {
    return webhook.verify(request.body, request.headers);
  } catch {
    return null;
  }
}

function take(id, { type, data: { account, sequence } }) {
  const { accounts, heard } = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { accounts: {}, heard: [] };
  if (heard.includes(id)) return;
  if (account && sequence > (accounts[account.id]?.sequence ?? 0)) {
    // Once it is gone, a row without a name stays: what comes late does not bring it back.
    const { name = null, email = null } = type === "account.deleted" ? {} : account;
    accounts[account.id] = { name, email, sequence };
  }
  writeFileSync(`${file}.new`, JSON.stringify({ accounts, heard: [...heard, id] }));
  renameSync(`${file}.new`, file); // both at once, or neither
}

app.post("/webhooks", express.raw({ type: () => true }), (request, response) => {
  const message = verified(request);
  if (message) take(request.get("webhook-id"), message);
  response.sendStatus(message ? 204 : 400);
});
app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1");
