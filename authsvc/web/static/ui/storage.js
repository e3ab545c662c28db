// What a tab remembers for itself, until it is closed. A browser that keeps nothing forgets it at once.

function storage() {
  try {
    return sessionStorage;
  } catch {
    return {};
  }
}

/** Remember a value under a name. */
export function remember(name, value) {
  storage()[name] = JSON.stringify(value);
}

/** Return what is remembered under a name, {} if there is nothing. */
export const recall = (name) => JSON.parse(storage()[name] ?? "{}");

/** Forget what is remembered under a name. */
export function forget(name) {
  delete storage()[name];
}
