// The refresh token is in a cookie of the service, which no script reads.

import {AuthError} from "./errors.js";
import {isInDevelopment} from "./wire.js";

/** Return the cookie: it goes with each request by itself, if the browser keeps it. */
export function createCookieVault(wire) {
  const refresh = () => wire.post("/auth/refresh-token");

  /** Browsers say nothing when they drop the cookie of another site: ask for it. Resolve to the answer that counts. */
  async function keep(answer) {
    if (navigator.cookieEnabled && location.hostname === new URL(wire.base).hostname) return answer;
    try {
      return {...answer, ...await refresh()};
    } catch (error) {
      if (error.code !== "token_missing") return answer;
      await wire.post("/auth/logout", undefined, {Authorization: `Bearer ${answer.accessToken}`}).catch(() => {});
      const title = `The browser keeps no cookie of ${wire.base} for ${location.origin}`;
      if (isInDevelopment()) console.warn(`authsvc: ${title}. Open it by the host of the service; see CORS_ORIGINS.`);
      throw new AuthError({code: "cookie_refused", title}, error);
    }
  }

  return {transport: "cookie", refresh, logout: () => wire.post("/auth/logout"), forget() {}, keep};
}
