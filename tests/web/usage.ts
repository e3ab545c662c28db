// How pages use the client: the compiler reads it, nobody runs it.
import * as authsvc from "./authsvc.js";
import { AuthError, type User } from "./authsvc.js";

export async function signIn(email: string, password: string): Promise<User> {
  const answer = await authsvc.login({ email, password });
  if (!answer.mfaRequired) return answer.user;
  if (answer.methods.includes("passkey")) return (await authsvc.completeMfa({ passkey: true })).user;
  const { user } = await authsvc.completeMfa({ mfaToken: answer.mfaToken, code: "123456" });
  return user;
}

export async function everythingElse(form: HTMLFormElement): Promise<void> {
  authsvc.configure({ audiences: ["https://api.example.com"] });
  const stop: () => void = authsvc.onChange((user) => { form.hidden = user !== null; });
  const registered = await authsvc.register({ name: "Ada", email: "ada@example.com", password: "an engine" });
  const name: string = registered.user ? registered.user.name : "";
  await authsvc.completeMfa({ recoveryCode: name });
  await authsvc.loginWithPasskey({ conditional: true, signal: new AbortController().signal });
  const who: User | null = await authsvc.user();
  const again: User | null = await authsvc.refresh();
  const answer: Response = await authsvc.fetch(new URL("/auth/me", authsvc.service), { method: "GET" });
  const { challengeId, publicKey } = await authsvc.call<{ challengeId: string; publicKey: object }>("POST", "/auth/passkeys/options");
  const credential: object = await authsvc.createPasskey(publicKey);
  await authsvc.call("POST", "/auth/passkeys", { challengeId, credential, name: who?.name ?? again?.email });
  await authsvc.getPasskey(publicKey, { mediation: "conditional" });
  try {
    await authsvc.logout();
  } catch (error) {
    if (error instanceof AuthError && error.code === "offline") console.log(error.retryAfter ?? answer.status);
  }
  stop();
}

export async function otherWays(email: string): Promise<User | undefined> {
  const { challengeId, expiresIn } = await authsvc.requestCode({ email, name: "Ada" });
  const answer = await authsvc.loginWithCode(expiresIn > 1 ? { code: "123456" } : { challengeId, code: "123456" });
  if (answer.mfaRequired) return (await authsvc.completeMfa({ code: answer.mfaToken })).user;
  await authsvc.signInWith("google");
  await authsvc.signInWith("github", { intent: "link", returnTo: "https://app.example.com/settings" });
  for (const { id, provider, lastUsedAt } of await authsvc.identities()) {
    if (provider === "google" && lastUsedAt === null) await authsvc.unlink(id);
  }
  return (await authsvc.signIn("/auth/login/email/link", { token: "x" })).user;
}

export async function mistakes(): Promise<void> {
  // @ts-expect-error: a sign-in may need a second factor first
  (await authsvc.login({ email: "a", password: "b" })).user.name;
  // @ts-expect-error: nobody may be signed in
  (await authsvc.user()).email;
  // @ts-expect-error: a proof is needed
  await authsvc.completeMfa({ mfaToken: "x" });
  // @ts-expect-error: a code is needed
  await authsvc.loginWithCode({});
  // @ts-expect-error: there is no such intent
  await authsvc.signInWith("google", { intent: "other" });
  // @ts-expect-error: a name is needed
  await authsvc.register({ email: "a", password: "b" });
}
