// What failed calls reject with.

export class AuthError extends Error {
  constructor(facts, cause) {
    super(facts.title || facts.code, {cause});
    Object.assign(this, facts, {name: "AuthError"});
  }
}

/** By name, as `instanceof` does not know the class of another copy of this package. */
export const isAuthError = (error, code) => error?.name === "AuthError" && (!code || error.code === code);
