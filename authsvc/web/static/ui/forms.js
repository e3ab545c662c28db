// Forms: each mistake is shown at its field, and the focus moves there.

import {onDigits} from "./code-field.js";
import {describeError, whileBusy} from "./dom.js";
import {t} from "./language.js";
import {FIELD_ERRORS, faultText} from "./messages.js";

/**
 * Do `work` with the values of a form whenever it is submitted. `fields` maps the codes of problems to the fields at
 * which they are shown; all others are shown at the top of the form. `findMore` returns mistakes that only this form has.
 */
export function onSubmit(form, work, fields = {}, findMore = () => []) {
  const button = form.querySelector(".button:not([type=button])");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearErrors(form);
    const mistakes = [...findMistakes(form), ...findMore(form)];
    if (mistakes.length) return markFields(form, mistakes);
    whileBusy(button, () => work(valuesOf(form), form))
      .catch((error) => showError(form, error, fields));
  });
  form.addEventListener("input", ({target}) => markField(target, null));
  for (const field of form.querySelectorAll("[data-digits]")) onDigits(field);
  button.disabled = false; // which it is until somebody listens
}

/** Return an error about a field, as the service reports one. */
export const fieldError = (name, detail) => Object.assign(new Error(detail), {errors: [{pointer: `/${name}`, detail}]});

/** Return the values of a form: trimmed, except for passwords. */
function valuesOf(form) {
  const values = {};
  for (const {name, value, type} of form.elements) {
    if (!name || type === "checkbox" || name === "username") continue;
    values[name] = /password/i.test(name) ? value : value.trim();
  }
  return values;
}

/** Show an error at the fields that it is about, or else at the top of the form. */
export function showError(form, error, fields = {}) {
  const errors = (error.errors ?? []).map(
    (fault) => [fault.pointer?.split("/")[1], faultText(fault)]);
  const mistakes = errors.filter(([name]) => fieldOf(form, name));
  if (mistakes.length) return markFields(form, mistakes);
  const field = fields[error.code];
  if (field && fieldOf(form, field)) return markFields(form, [[field, describeError(error)]]);
  setAlert(form, errors.length ? errors.flatMap(([, text]) => [text, " "].flat()) : describeError(error));
}

/** Show a text at the top of a form or section and move the focus there, or hide it if the text is null. */
export function setAlert(parent, text) {
  const alert = parent.querySelector("[data-alert]");
  alert.replaceChildren(...[text ?? []].flat());
  alert.hidden = !text;
  if (text) alert.focus();
}

/** Clear all errors shown on a form. */
export function clearErrors(form) {
  const alert = form.querySelector("[data-alert]");
  if (alert) alert.hidden = true;
  for (const input of form.elements) markField(input, null);
}

/** Empty a form, clear its errors and hide its passwords. */
export function resetForm(form) {
  const kept = [...form.querySelectorAll("[data-user]")].map((input) => [input, input.value]);
  form.reset();
  for (const [input, value] of kept) input.value = value; // tells password managers whose form it is
  clearErrors(form);
  for (const button of form.querySelectorAll('[data-reveal][aria-pressed="true"]')) button.click();
}

/** Tell whether these fields of a form are filled in; what is wrong is shown there. */
export function isFilledIn(form, names) {
  const mistakes = findMistakes(form).filter(([name]) => names.includes(name));
  if (mistakes.length) markFields(form, mistakes);
  return mistakes.length === 0;
}

function findMistakes(form) {
  const mistakes = [];
  for (const input of form.elements) {
    if (input.required && !input.value.trim()) mistakes.push([input.name, FIELD_ERRORS.required]);
    else if (input.type === "email" && input.required && !/^\S+@\S+$/.test(input.value.trim())) {
      mistakes.push([input.name, t("This isn't an email address.")]);
    }
  }
  return mistakes;
}

function fieldOf(form, name) {
  const field = name ? form.elements.namedItem(name) : null;
  return field instanceof RadioNodeList ? field[0] : field;
}

function markFields(form, mistakes) {
  for (const [name, text] of mistakes) markField(fieldOf(form, name), text);
  const first = fieldOf(form, mistakes[0][0]);
  first.focus();
  if ("digits" in first.dataset) first.select(); // what was typed stays, and the next digit takes its place
  first.closest(".field")?.querySelector(".error")?.scrollIntoView({block: "nearest"});
}

function markField(input, text) {
  const error = input.closest(".field")?.querySelector(".error");
  if (!error) return;
  const status = text && input.closest(".field").querySelector("[role=status]");
  if (status) status.textContent = "";
  if (text) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  error.replaceChildren(...[text ?? []].flat());
  error.hidden = !text;
}
