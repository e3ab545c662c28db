// The journey by Node's fetch, and by its http module where fetch can't: `node client.mjs URL EMAIL PASSWORD IDLE`.
import http from "node:http";
import {setTimeout as sleep} from "node:timers/promises";

const [url, email, password, idle] = process.argv.slice(2);
const credentials = {email, password};
let cookie = "";

async function tell(step, path, options = {}) {
  const answer = await fetch(url + path, {duplex: "half", ...options});
  const text = await answer.text();
  const document = text ? JSON.parse(text) : {};
  const set = answer.headers.getSetCookie().find((one) => one.startsWith("refresh_token="));
  if (set) cookie = set.split(";")[0];
  console.log(step, answer.status, answer.headers.get("Content-Type") ?? "-", document.code ?? "-");
  return document;
}

// What fetch leaves to the http module: `Expect`, which sends the body only when it was asked for.
function expecting(step, path, body) {
  return new Promise((resolve, reject) => {
    const headers = {"Content-Type": "application/json", "Content-Length": Buffer.byteLength(body), Expect: "100-continue"};
    const request = http.request(url + path, {method: "POST", headers}, async (answer) => {
      let text = "";
      for await (const part of answer) text += part;
      console.log(step, answer.statusCode, answer.headers["content-type"] ?? "-", JSON.parse(text).code ?? "-");
      resolve();
    });
    request.on("continue", () => request.end(body));
    request.on("error", reject);
    request.flushHeaders();
  });
}

const stream = (text = "") => new ReadableStream({
  start(controller) {
    for (const part of [text.slice(0, 10), text.slice(10)]) if (part) controller.enqueue(new TextEncoder().encode(part));
    controller.close();
  },
});
const json = (body) => ({method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)});
const typed = {"Content-Type": "application/json; charset=utf-8"};

await tell("register", "/auth/register", json({...credentials, name: "Node"}));
let tokens = await tell("charset", "/auth/login", {...json(credentials), headers: typed});
tokens = await tell("refresh", "/auth/refresh-token", json({refreshToken: tokens.refreshToken}));
const renewed = stream(JSON.stringify({refreshToken: tokens.refreshToken}));
tokens = await tell("refresh-chunked", "/auth/refresh-token", {method: "POST", headers: typed, body: renewed});
const bearer = {Authorization: `Bearer ${tokens.accessToken}`};
await tell("cookie", "/auth/login", json({...credentials, transport: "cookie"}));
await tell("cookie-refresh", "/auth/refresh-token", {method: "POST", headers: {Cookie: cookie}});
await tell("cookie-refresh-chunked", "/auth/refresh-token", {method: "POST", headers: {Cookie: cookie}, body: stream()});
await tell("accept", "/", {headers: {...bearer, Accept: "text/html;q=0.9, */*;q=0.1"}});
await tell("post-chunked", "/auth/logout", {method: "POST", headers: {Cookie: cookie}, body: stream()});
await tell("problem", "/", {headers: {"Accept-Encoding": "gzip, br"}});
await expecting("expect", "/auth/login", JSON.stringify(credentials));
await sleep(idle * 1000);
await tell("idle", "/", {headers: bearer});
await tell("delete", "/auth/logout", {method: "DELETE", headers: bearer});
await tell("ended", "/", {headers: bearer});
