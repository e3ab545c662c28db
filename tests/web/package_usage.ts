// How apps use the package: the compiler reads it, nobody runs it.
import { createClient, isAuthError, type Change, type User } from "authsvc";
import { AuthProvider, useAuth, useUser } from "authsvc/react";
import { createAppSession, createVerifier } from "authsvc/server";

const auth = createClient({ url: "http://localhost:8000", storage: localStorage });

export async function use(): Promise<string> {
  const stop = auth.subscribe((user: User | null | undefined, { event, reason }: Change) => {
    if (event === "signed_out" && reason === "password_changed") console.log(user);
  });
  const { items, next } = await auth.sessions.list({ limit: 10 });
  const me = await auth.call("GET", "/auth/me");
  const codes: string[] = await auth.withFreshSignIn(auth.createRecoveryCodes, async ({ hasPassword }) =>
    hasPassword ? { password: "x" } : null);
  const token: string | null = await auth.getAccessToken();
  await auth.updateProfile({ name: `${next} ${token} ${codes.length}` });
  try {
    await auth.passkeys.remove(items[0]!.id);
  } catch (error) {
    if (isAuthError(error, "fresh_login_required")) console.log(error.retryAfter);
    // @ts-expect-error: there is no such code
    if (isAuthError(error, "no_such_code")) return "";
  }
  stop();
  // @ts-expect-error: nobody may be signed in
  auth.current.email;
  // @ts-expect-error: it takes a name
  await auth.updateProfile({ surname: "x" });
  return me.email;
}

export const Page = () => {
  const { isLoading, client } = useAuth();
  return AuthProvider({ client, initialUser: isLoading ? null : useUser() });
};

export async function serve(request: Request): Promise<Response> {
  const session = createAppSession({ url: "http://localhost:8000", origin: "http://localhost:3000", secret: ["new", "old"] });
  const { accessToken, setCookie, cookie } = await session.getSession(request);
  const { sid, role } = await createVerifier({ url: "http://localhost:8000" })(accessToken);
  const user: User | null = await session.getUser({ headers: new Headers({ cookie }) });
  return user?.name === sid ? session.handle(request) : new Response(role, { headers: { "Set-Cookie": setCookie ?? "" } });
}
