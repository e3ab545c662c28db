// The one client of this app. Its address comes from the environment of the build, or is that of `make run`.
import {createClient} from "authsvc";

export const auth = createClient({url: import.meta.env.VITE_AUTHSVC ?? "http://localhost:8000"});
