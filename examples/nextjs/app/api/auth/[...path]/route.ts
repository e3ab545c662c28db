// What the browser's client asks: `createClient({url: "/api"})`.
import {getAppSession} from "../../../../lib/session";

const handle = (request: Request) => getAppSession().handle(request);

export {handle as DELETE, handle as GET, handle as PATCH, handle as POST};
