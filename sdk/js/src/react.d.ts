import type { ReactElement, ReactNode } from "react";
import type { AuthError, Client, User } from "./index.js";

/** Give a client to the components below; `initialUser` is who the server says is signed in. */
export function AuthProvider(props: { client: Client; initialUser?: User | null; children?: ReactNode }): ReactElement;
/** The user, null if nobody is signed in, undefined while that is not known. */
export function useUser(): User | null | undefined;
export function useAuth(): {
  user: User | null | undefined; error: AuthError | undefined; isLoading: boolean; client: Client };
