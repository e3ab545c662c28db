// Where somebody is in the console stands behind `#`: the screen, what is open in it, and its filters.
// `#people/65f0…?role=admin`

/** Return what an address names. */
export function readRoute(hash = location.hash) {
  const [path, query = ""] = hash.replace(/^#/, "").split("?");
  const [screen, id = ""] = path.split("/");
  return {screen, id: decode(id), query: Object.fromEntries(new URLSearchParams(query))};
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch { // somebody has written it by hand
    return text;
  }
}

/** Return the address of a place in the console. Empty filters are left out. */
export function addressOf(screen, id = "", query = {}) {
  const parameters = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
  return `#${screen}${id ? `/${encodeURIComponent(id)}` : ""}${parameters.size ? `?${parameters}` : ""}`;
}

/** Go to a place in the console; `replace` leaves no step to go back to. */
export function goTo(screen, id, query, {replace = false} = {}) {
  const address = addressOf(screen, id, query);
  if (address === location.hash) return;
  if (!replace) {
    location.hash = address;
    return;
  }
  history.replaceState(null, "", address);
  dispatchEvent(new HashChangeEvent("hashchange"));
}
