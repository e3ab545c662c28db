// A page that is rendered can't set a cookie: so a session is refreshed here, before the page is rendered.
import {NextResponse, type NextRequest} from "next/server";
import {isAuthError} from "authsvc/server";
import {getAppSession} from "./lib/session";

export async function proxy(request: NextRequest) {
  try {
    const {cookie, setCookie} = await getAppSession().getSession(request);
    if (!setCookie) return NextResponse.next();
    const headers = new Headers(request.headers);
    headers.set("cookie", cookie);
    const response = NextResponse.next({request: {headers}});
    response.headers.append("set-cookie", setCookie);
    return response;
  } catch (error) {
    if (!isAuthError(error)) throw error;
    return NextResponse.next(); // the page says that the service can't be reached
  }
}

export const config = {matcher: ["/((?!api|_next|favicon.ico).*)"]};
