"use client";

import type {User} from "authsvc";
import {AuthProvider} from "authsvc/react";
import {useRouter} from "next/navigation";
import {useEffect, type ReactNode} from "react";
import {auth} from "./auth";

/** Whatever changes of who is signed in, in whichever tab, has the server's part of the page rendered anew. */
export function Providers({initialUser, children}: {initialUser: User | null | undefined; children: ReactNode}) {
  const router = useRouter();
  const id = initialUser?.id;
  useEffect(() => auth.subscribe((user, {event}) => {
    if (event === "unreachable") return;
    if (event !== "restored" || user?.id !== id) router.refresh();
  }), [router, id]);
  return <AuthProvider client={auth} initialUser={initialUser}>{children}</AuthProvider>;
}
