// A protected route as the Express service had it: `node service.js PORT SECRET PROCESSES`.
// Whoever shows a token that it signed is let in until the token expires: it keeps no sessions, and knows of no sign-out.
import cluster from "node:cluster";
import express from "express";
import jwt from "jsonwebtoken";

const [port, secret, processes] = process.argv.slice(2);

function authenticated(request, response, next) {
  const [scheme, token] = (request.get("Authorization") ?? "").split(" ");
  try {
    if (scheme !== "Bearer") throw new Error("no token");
    request.user = jwt.verify(token, secret, { algorithms: ["HS256"] });
  } catch {
    return response.status(401).json({ message: "Unauthorized" });
  }
  next();
}

if (cluster.isPrimary) {
  for (let number = 0; number < Number(processes); number++) cluster.fork();
} else {
  const app = express();
  app.get("/", authenticated, (request, response) => response.json({ message: "It works!" }));
  app.listen(Number(port), "127.0.0.1");
}
