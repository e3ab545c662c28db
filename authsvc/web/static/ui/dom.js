// Helpers for what every page does with its elements. Text is inserted as text, never as markup.

export const byId = (id) => document.getElementById(id);

/** Make an element. Attributes that are null or false are left out; `children` are elements, texts or null. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

export const makeIcon = (name) => make("span", {class: `icon i-${name}`});

/** Make a button that does `work` when it is pressed; `label` tells screen readers what it belongs to. */
export function makeButton(text, work, {kind = "", label = null} = {}) {
  // Whoever says what they see must be understood (WCAG 2.5.3), and translations need not hold the words of each other.
  const name = label && !label.toLowerCase().includes(text.toLowerCase()) ? `${text}: ${label}` : label;
  const button = make("button", {type: "button", class: `button ${kind}`, "aria-label": name}, make("span", {}, text));
  onPress(button, work);
  return button;
}

/** Do `work` whenever the button is pressed, one press at a time; an error goes to `onError`, or is shown beside it. */
export function onPress(button, work, onError = (error) => showErrorAt(button, error)) {
  button.addEventListener("click", () => whileBusy(button, work).catch(onError));
  button.disabled = false; // which one that is shown at once is until somebody listens
}

/** Do `work` while the button shows that it is busy; to disable it would lose the focus. */
export async function whileBusy(button, work) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  clearNotes();
  try {
    await work();
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

/** Show one step of a page, name the page after it, and move the focus to `target` or to the step's heading. */
export function showStep(name, target) {
  for (const step of document.querySelectorAll("[data-step]")) step.hidden = step.dataset.step !== name;
  const heading = document.querySelector(`[data-step="${name}"] h1`), {title} = document;
  document.title = heading.textContent + title.slice(title.indexOf(" · "));
  (target ?? heading).focus();
}

/** Put a text into every placeholder of a kind. */
export function fillIn(kind, text) {
  for (const placeholder of document.querySelectorAll(`[data-${kind}]`)) {
    placeholder[placeholder instanceof HTMLInputElement ? "value" : "textContent"] = text;
  }
}

/** Show a text for a few seconds, and have screen readers read it. */
export function toast(text) {
  const message = make("p", {class: "toast"}, text);
  byId("toasts").replaceChildren(message);
  setTimeout(() => message.remove(), 6e3);
}

let describe = (error) => error.message;

/** Set the function that turns errors into texts. */
export function describeErrorsBy(errorText) {
  describe = errorText;
}

/** Return the text for an error, null if there is none. */
export const describeError = (error) => describe(error);

/** Take away what was said beside buttons. */
export function clearNotes() {
  for (const note of document.querySelectorAll("[data-note]")) note.remove();
}

/**
 * Show an error beside the button whose work it ended, unless there is nothing to say about it. It stays until something
 * else is pressed. Where the button is in the bar at the top, or gone since, it is shown at the head of the page.
 */
export function showErrorAt(button, error) {
  const text = describe(error);
  clearNotes();
  if (!text) return;
  const note = make("p", {class: "alert", role: "alert", "data-note": true}, text);
  const box = button.closest(".row, td, li, .banner"), line = button.closest("p") ?? button;
  if (!button.isConnected || button.closest("header")) (document.querySelector("main > .card") ?? byId("main")).prepend(note);
  else if (box) box.append(note);
  else line.after(note);
  note.scrollIntoView({block: "nearest"});
}

/** Return a promise that never resolves: the page is being left, and its button stays busy. */
export const untilUnload = () => new Promise(() => {});

document.addEventListener("click", ({target}) => {
  const button = target.closest("[data-reveal]");
  if (!button) return;
  const input = byId(button.dataset.reveal);
  const isRevealed = input.type === "password";
  input.type = isRevealed ? "text" : "password";
  button.setAttribute("aria-pressed", String(isRevealed));
  button.firstElementChild.className = `icon i-${isRevealed ? "eye-off" : "eye"}`;
});
