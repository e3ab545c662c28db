// What an administrator does to an account or an app: what it does, and which letter the person gets, is said before.

import {open} from "../ui/dialog.js";
import {byId, make, toast} from "../ui/dom.js";
import {fieldError, onSubmit, setAlert} from "../ui/forms.js";
import {language, t} from "../ui/language.js";
import {faultText} from "../ui/messages.js";
import {withRecentSignIn} from "../ui/reauthenticate.js";
import {IN_ENGLISH} from "./sentences.js";

const TOO_GENERAL = ["bad_format", "not_allowed"];
const dialog = byId("act-dialog"), form = byId("act-form"), button = form.querySelector(".button:not([type=button])");
let current;

/**
 * Ask before an act, and do it. `letter` says which letter the person gets, null if none. With `typed` that text must be
 * typed; `fields` are made by `makeField`; `work` receives what was filled in. Resolve to whether it was done.
 */
export async function act({title, text, letter = null, typed = null, fields = [], yes, danger = false, work, done}) {
  byId("act-title").textContent = title;
  byId("act-text").textContent = text;
  byId("act-letter").textContent = letter ?? "";
  byId("act-letter").hidden = !letter;
  button.lastElementChild.textContent = yes;
  button.classList.toggle("danger", danger);
  const confirmation = typed === null ? [] : [makeField("typed", t("Type {text} to go on", {text: typed}), {required: true})];
  byId("act-fields").replaceChildren(...fields, ...confirmation);
  current = {typed, work};
  const closed = open(dialog);
  setAlert(form, null);
  form.querySelector(".act-fields input, .act-fields select, .act-fields textarea")?.focus();
  if (await closed !== "done") return false;
  if (done) toast(done);
  return true;
}

onSubmit(form, async (values) => {
  const {typed, work} = current;
  if (typed !== null && values.typed.toLowerCase() !== typed.toLowerCase()) {
    throw fieldError("typed", t("This is not the same. It is {text}.", {text: typed}));
  }
  const checked = Object.fromEntries([...form.elements].filter(({type}) => type === "checkbox")
    .map(({name, checked: isChecked}) => [name, isChecked]));
  await withRecentSignIn(() => work({...values, ...checked})).catch((error) => {
    throw Object.assign(error, {errors: error.errors?.map(explained)});
  });
  dialog.close("done");
});

/** Return a fault with what the service says of it below its text, where that would not tell what is possible. */
const explained = (fault) => language === "en" || !TOO_GENERAL.includes(fault.code) ? fault
  : {pointer: fault.pointer, detail: [faultText(fault), make("span", IN_ENGLISH, fault.detail)]};

/** Make an option of a choice: a value, what is shown for it, and the value that is chosen. */
const makeOption = (value, ...rest) =>
  make("option", {value, selected: value === rest.at(-1)}, rest.length > 1 ? rest[0] : value);

/** Make a field of the dialog: one line, several, or a choice. */
export function makeField(name, label, {value = "", type = "text", required = false, options = null, lines = 0, hint = ""} = {}) {
  const id = `act-${name}`, described = `${hint ? `${id}-hint ` : ""}${id}-error`;
  const shared = {id, name, required, "aria-describedby": described};
  const field = options ? make("select", shared, ...options.map((option) => makeOption(...[option].flat(), value)))
    : lines ? make("textarea", {...shared, rows: lines, spellcheck: "false"})
    : make("input", {...shared, type, maxlength: 320, autocomplete: "off", autocapitalize: "none", spellcheck: "false", dir: "auto"});
  if (!options) field.defaultValue = value; // to which the dialog sets it back
  return make("div", {class: "field"}, make("label", {for: id, dir: "auto"}, label), make("div", {class: "input"}, field),
    hint ? make("p", {class: "hint", id: `${id}-hint`}, hint) : null, make("p", {class: "error", id: `${id}-error`, hidden: true}));
}

/** Make a box of the dialog that can be ticked. */
export const makeTick = (name, label, hint, checked = false) => {
  const box = make("input", {type: "checkbox", name, checked});
  return make("label", {class: "checkbox"}, box, make("span", {}, label, make("span", {class: "muted"}, hint)));
};
