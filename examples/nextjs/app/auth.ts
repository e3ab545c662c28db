// The client of the browser. It asks this app's server, which stands before the service.
import {createClient} from "authsvc";

export const auth = createClient({url: "/api"});
