// How a letter looks: each kind with sample data, in each language, in light and dark, on a computer and on a phone.

import {call} from "/authsvc.js";
import {byId, make, onPress, toast} from "../ui/dom.js";
import {language, t} from "../ui/language.js";
import {fillPlace, makePlace} from "../ui/place.js";
import {letterName} from "./letter-words.js";
import {filtersOf, onFilter, queryOf} from "./listing.js";

const form = byId("preview-filters"), frame = byId("preview-frame"), place = makePlace(byId("preview-place"));
const languages = new Intl.DisplayNames(language, {type: "language"});
const WIDEST_PHONE = 640; // pixels
let isFilled = false, asked = "";

/** Show the kinds of letter to choose from, and the one that is chosen. */
export async function showPreviews() {
  if (isFilled) return;
  await fillPlace(place, () => call("GET", "/admin/letter-kinds"), fill);
  if (isFilled) await show();
}

function fill({items, languages: tags}) {
  const kinds = items.map((kind) => make("option", {value: kind}, letterName(kind)))
    .sort((one, other) => one.textContent.localeCompare(other.textContent, language));
  form.elements.kind.replaceChildren(...kinds);
  form.elements.kind.value = "verify";
  form.elements.language.replaceChildren(...tags.map((tag) =>
    make("option", {value: tag, selected: tag === language}, languages.of(tag) ?? tag)));
  // At first as somebody would see it here.
  form.elements.scheme.value = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  form.elements.width.value = innerWidth < WIDEST_PHONE ? "360" : "600";
  isFilled = true;
}

const pathOf = ({kind}) => encodeURIComponent(kind);

async function show() {
  const chosen = filtersOf(form), text = queryOf({language: chosen.language});
  frame.width = chosen.width;
  const address = `/account/letter-preview/${pathOf(chosen)}${queryOf({language: chosen.language, scheme: chosen.scheme})}`;
  if (address === asked) return;
  asked = address;
  byId("preview").hidden = true;
  await fillPlace(place, () => call("GET", `/admin/letter-kinds/${pathOf(chosen)}${text}`), (written) => {
    if (address !== asked) return;
    byId("preview-subject").textContent = written.subject;
    byId("preview-text").textContent = written.text;
    frame.src = address;
    byId("preview").hidden = false;
  });
}

onFilter(form, show);
onPress(byId("preview-send"), async () => {
  const chosen = filtersOf(form);
  await call("POST", `/admin/letter-kinds/${pathOf(chosen)}/sample`, {language: chosen.language});
  toast(t("“{letter}” is on its way to you.", {letter: letterName(chosen.kind)}));
});
