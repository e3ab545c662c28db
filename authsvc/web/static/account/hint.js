// The address of whoever an app says may want to sign in (`login_hint`). It travels behind `#`, which is sent to nobody.
// Anyone can write it into a link, so it decides nothing: it is put into a field, where the person can change it.

const NAME = "login_hint";
const LONGEST = 320; // characters, as the fields have it

/** Return the address that stands in a fragment, or "" if there is none, or something else. */
export function hintIn(fragment) {
  const text = new URLSearchParams(fragment.replace(/^#/, "")).get(NAME) ?? "";
  return text.length <= LONGEST && /^[^\s\p{C}@]+@[^\s\p{C}@]+$/u.test(text) ? text : "";
}

/** Return the fragment that carries an address on, "" without one. */
export const asFragment = (hint) => hint && `#${new URLSearchParams({[NAME]: hint})}`;

/** Put the address into a form that asks for one, move the focus on to `next`, and pass it on by links. */
export function fillInHint({elements: {email}}, next) {
  const hint = hintIn(location.hash);
  if (!hint) return;
  for (const link of document.querySelectorAll("a[data-keep]")) link.hash = asFragment(hint);
  if (email.value) return;
  email.value = hint;
  next?.focus();
}
