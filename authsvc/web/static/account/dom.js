// Small helpers for what every page does with its elements. Text goes in as text, never as markup.

export const byId = (id) => document.getElementById(id);

/** Make an element; `attributes` that are null are left out, `children` are elements or texts. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

export const icon = (name) => make("span", {class: `icon i-${name}`});

/** Make a button that does `work` when it is pressed; `more` says to those who hear it what it belongs to. */
export function makeButton(text, work, {kind = "", more = null} = {}) {
  const button = make("button", {type: "button", class: `button ${kind}`, "aria-label": more}, make("span", {}, text));
  onPress(button, work);
  return button;
}

/** Do `work` whenever the button is pressed, one at a time; what goes wrong is told in a toast. */
export function onPress(button, work, failed = tell) {
  button.addEventListener("click", () => busy(button, work).catch(failed));
}

/** Do `work` while the button shows that it is busy. It keeps the focus: a disabled one would lose it. */
export async function busy(button, work) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  try {
    await work();
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

/** Show one of the steps of a page, and put the focus on its heading or on `target`. */
export function showStep(name, target) {
  for (const step of document.querySelectorAll("[data-step]")) step.hidden = step.dataset.step !== name;
  (target ?? document.querySelector(`[data-step="${name}"] h1`)).focus();
}

/** Put a text wherever the page waits for it. */
export function fill(kind, text) {
  for (const place of document.querySelectorAll(`[data-${kind}]`)) place.textContent = text;
}

/** Say something for a moment, to those who look and those who listen. */
export function toast(text) {
  const said = make("p", {class: "toast"}, text);
  byId("toasts").replaceChildren(said);
  setTimeout(() => said.remove(), 6e3);
}

let sentence = (error) => error.message;

/** Let errors be told as `words` puts them. */
export function tellAs(words) {
  sentence = words;
}

/** Tell of an error in a toast; that somebody changed their mind is none. */
export function tell(error) {
  const said = sentence(error);
  if (said) toast(said);
}

/** What does not end: the page is being left, and its button stays busy. */
export const leaving = () => new Promise(() => {});

document.addEventListener("click", ({target}) => {
  const button = target.closest("[data-peek]");
  if (!button) return;
  const input = byId(button.dataset.peek);
  const shown = input.type === "password";
  input.type = shown ? "text" : "password";
  button.setAttribute("aria-pressed", String(shown));
  button.firstElementChild.className = `icon i-${shown ? "eye-off" : "eye"}`;
});
