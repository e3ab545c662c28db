// An app of the package's users, on Node alone: `handle` at /api/auth, and what a page of it would read.
import {createServer} from "node:http";
import {readFile, writeFile} from "node:fs/promises";
import {createAppSession, createVerifier, isAuthError} from "authsvc/server";

const {AUTHSVC, PORT, SECRETS, CACHE} = process.env;
const files = {
  get: (key) => readFile(`${CACHE}/${key}`, "utf8").catch((error) => { if (error.code !== "ENOENT") throw error; }),
  set: (key, value) => writeFile(`${CACHE}/${key}`, value),
};
const session = createAppSession({
  url: AUTHSVC, origin: `http://localhost:${PORT}`, secret: SECRETS.split(" "), cache: CACHE ? files : undefined,
  addressOf: ({headers}) => headers.get("X-Browser"),
});
const verify = createVerifier({url: AUTHSVC});

const routes = {
  "/user": async (request) => Response.json(await session.getUser(request)),
  "/token": async (request) => Response.json(await session.getSession(request)),
  "/claims": async (request) => Response.json(await verify(request.headers.get("X-Token"))),
};

async function answer(request, path) {
  try {
    return await (routes[path] ?? session.handle)(request);
  } catch (error) {
    if (!isAuthError(error)) throw error;
    return Response.json({code: error.code}, {status: error.status ?? 503});
  }
}

createServer(async (incoming, outgoing) => {
  const {method, url, headers, rawHeaders} = incoming;
  const body = ["GET", "HEAD"].includes(method) ? undefined : incoming;
  const request = new Request(`http://${headers.host}${url}`, {
    method, body, duplex: "half", headers: rawHeaders.flatMap((name, at) => at % 2 ? [] : [[name, rawHeaders[at + 1]]]),
  });
  const response = await answer(request, url);
  outgoing.writeHead(response.status, [...response.headers].flat());
  outgoing.end(Buffer.from(await response.arrayBuffer()));
}).listen(PORT, "127.0.0.1");
