import {isAuthError} from "authsvc/server";
import type {Metadata} from "next";
import type {ReactNode} from "react";
import {getUser} from "../lib/session";
import {Providers} from "./Providers";
import "./style.css";

export const metadata: Metadata = {title: "Next.js and authsvc", icons: "data:,"};

/** The server knows who is signed in, so the first picture is the right one. */
export default async function Layout({children}: {children: ReactNode}) {
  const user = await getUser().catch((error) => {
    if (!isAuthError(error)) throw error;
    return undefined; // it is not known; the page says why
  });
  return (
    <html lang="en">
      <body>
        <Providers initialUser={user}><main>{children}</main></Providers>
      </body>
    </html>
  );
}
