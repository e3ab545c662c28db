// Forms: what is wrong is told at its field, and the focus goes there.

import {busy} from "./dom.js";
import {FIELDS, sentence} from "./words.js";

/**
 * Do `work` with the values of a form whenever it is sent. `places` names the field that a problem belongs to, by the
 * problem's code; what belongs to none is told at the head of the form.
 */
export function onSend(form, work, places = {}) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clear(form);
    const wrong = missing(form);
    if (wrong.length) return point(form, wrong);
    busy(form.querySelector(".button:not([type=button])"), () => work(valuesOf(form), form))
      .catch((error) => show(form, error, places));
  });
  form.addEventListener("input", ({target}) => mark(target, null));
}

/** Return what is in a form: texts without the blanks around them, but passwords as they are. */
function valuesOf(form) {
  const values = {};
  for (const {name, value, type} of form.elements) {
    if (!name || type === "checkbox" || name === "username") continue;
    values[name] = /password/i.test(name) ? value : value.trim();
  }
  if ("code" in values) values.code = values.code.replace(/\s/g, "");
  return values;
}

/** Show what went wrong. */
export function show(form, error, places = {}) {
  const found = (error.errors ?? []).map(({pointer, code, detail}) => [pointer?.split("/")[1], FIELDS[code] ?? detail]);
  const own = found.filter(([name]) => fieldOf(form, name));
  if (own.length) return point(form, own);
  const place = places[error.code];
  if (place && fieldOf(form, place)) return point(form, [[place, sentence(error)]]);
  alertIn(form, found.length ? found.map(([, text]) => text).join(" ") : sentence(error));
}

/** Show a text at the head of a form or section, and put the focus on it. */
export function alertIn(place, text) {
  const alert = place.querySelector("[data-alert]");
  alert.textContent = text ?? "";
  alert.hidden = !text;
  if (text) alert.focus();
}

/** Take back all that was said about a form. */
export function clear(form) {
  const alert = form.querySelector("[data-alert]");
  if (alert) alert.hidden = true;
  for (const input of form.elements) mark(input, null);
}

/** Empty a form, and hide what it shows of a password. */
export function reset(form) {
  const kept = [...form.querySelectorAll("[data-user]")].map((input) => [input, input.value]);
  form.reset();
  for (const [input, value] of kept) input.value = value; // by which password managers know whose form it is
  clear(form);
  for (const button of form.querySelectorAll('[data-peek][aria-pressed="true"]')) button.click();
}

function missing(form) {
  const wrong = [];
  for (const input of form.elements) {
    if (input.required && !input.value.trim()) wrong.push([input.name, FIELDS.required]);
    else if (input.type === "email" && input.required && !/^\S+@\S+$/.test(input.value.trim())) {
      wrong.push([input.name, "This is not an email address."]);
    }
  }
  return wrong;
}

function fieldOf(form, name) {
  const found = name ? form.elements.namedItem(name) : null;
  return found instanceof RadioNodeList ? found[0] : found;
}

function point(form, wrong) {
  for (const [name, text] of wrong) mark(fieldOf(form, name), text);
  const first = fieldOf(form, wrong[0][0]);
  first.focus();
  first.closest(".field")?.querySelector(".error")?.scrollIntoView({block: "nearest"});
}

function mark(input, text) {
  const place = input.closest(".field")?.querySelector(".error");
  if (!place) return;
  if (text) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  place.textContent = text ?? "";
  place.hidden = !text;
}
