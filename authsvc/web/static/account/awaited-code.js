// The code in the letter that confirms an address: a page that signs up leaves for another one, which asks for it.

import {forget, recall, remember} from "../ui/storage.js";

const AWAITED = "authsvc email code";

/** Remember in this tab for which challenge a code is on its way. */
export function awaitCode(challenge) {
  if (challenge) remember(AWAITED, {...challenge, until: Date.now() + 1000 * challenge.expiresIn});
}

/** Return the challenge for which a code is on its way, undefined if there is none. */
export function awaitedChallenge() {
  const {challengeId, until} = recall(AWAITED);
  return until > Date.now() ? challengeId : undefined;
}

export const forgetCode = () => forget(AWAITED);
