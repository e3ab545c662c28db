// Who an id stands for, and which id an address stands for. Each is asked for once.

import {call} from "/authsvc.js";

const names = new Map();
let line = Promise.resolve(); // one after the other: a page of events may name a hundred people

/** Return what an account is called; its id if it is gone. */
export function nameOf(id) {
  if (!names.has(id)) {
    const name = line.then(() => call("GET", `/admin/users/${encodeURIComponent(id)}`))
      .then(({email}) => email, () => id);
    line = name;
    names.set(id, name);
  }
  return names.get(id);
}

/** Return the id of an account by its id or its address, null if there is none. */
export async function resolvePerson(text) {
  if (/^[0-9a-f]{24}$/i.test(text)) return text;
  const {items} = await call("GET", `/admin/users?${new URLSearchParams({q: text, limit: 2})}`);
  const exact = items.find(({email}) => email.toLowerCase() === text.toLowerCase());
  return exact?.id ?? (items.length === 1 ? items[0].id : null);
}
