// The sessions of this app, for the server alone: the browser has a sealed cookie, and no token.
import {createAppSession} from "authsvc/server";
import {headers} from "next/headers";
import {cache} from "react";

function setting(name: string, inDevelopment: string): string {
  const value = process.env[name] || (process.env.NODE_ENV === "production" ? "" : inDevelopment);
  if (!value) throw new Error(`Set ${name}.`);
  return value;
}

let made: ReturnType<typeof createAppSession> | undefined;

/** Made by the first request, so that a build needs no secret. */
export const getAppSession = () => made ??= createAppSession({
  url: setting("AUTHSVC", "http://localhost:8000"),
  origin: setting("ORIGIN", "http://localhost:3000"),
  secret: setting("SESSION_SECRET", "only for development, not a secret"),
});

/** Ask who is signed in at this moment, once for all parts of a page. Rejects if the service can't be reached. */
export const getUser = cache(async () => {
  const request = {headers: await headers()};
  return getAppSession().getUser(request);
});
