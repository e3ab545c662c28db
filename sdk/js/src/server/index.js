// For servers: verify an access token, and keep the sessions of browsers in a cookie of the app's own.

export {AuthError, isAuthError} from "../errors.js";
export {createAppSession} from "./session.js";
export {createVerifier} from "./verifier.js";
