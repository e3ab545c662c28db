import {isAuthError} from "authsvc";
import {useState} from "react";

const SAID: Record<string, string> = {
  invalid_credentials: "The address or the password is not right.",
  email_taken: "There is an account with this address already: sign in.",
  email_unverified: "Confirm your address first. In development the letter is at /dev/outbox of the service.",
  fresh_login_required: "Sign out and in again first.",
  offline: "The service can't be reached. Try again.",
  cookie_refused: "The browser keeps no cookie of the service. Open this page by the service's host.",
  passkey_cancelled: "No passkey was used.",
};

function toText(error: unknown) {
  if (!isAuthError(error)) throw error;
  return SAID[error.code] ?? error.errors?.[0]?.detail ?? error.message;
}

/** Do something, and say what is under way and what went wrong. */
export function useAttempt() {
  const [problem, setProblem] = useState("");
  const [isBusy, setBusy] = useState(false);
  async function attempt(work: () => Promise<unknown>) {
    setBusy(true);
    setProblem("");
    try {
      await work();
    } catch (error) {
      setProblem(toText(error));
    } finally {
      setBusy(false);
    }
  }
  return {attempt, problem, isBusy};
}
