// The language of the page. The English text is the key; a module of `texts/` adds the translations before the page starts.

const {lang, dir} = globalThis.document?.documentElement ?? {};

/** The language in which texts, dates and numbers are written. */
export const language = lang || "en";

const plural = new Intl.PluralRules(language), number = new Intl.NumberFormat(language);
const translations = new Map();

/** Add translations: a text for each English one, or one for each category of counts. */
export function add(texts) {
  for (const [text, translated] of Object.entries(texts)) translations.set(text, translated);
}

// A name in another script must not change the order of the words around it (UAX 9, isolates).
const isolated = (value) => dir === "rtl" && typeof value === "string" ? `\u2068${value}\u2069` : value;

const fillIn = (text, values) => text.replace(/\{(\w+)\}/g, (all, name) => isolated(values[name]) ?? all);

/** Return a text in that language; `{name}` stands for a value. */
export const t = (text, values = {}) => fillIn(translations.get(text) ?? text, values);

/** Return a text in that language as a list of texts and elements; `{name}` stands for an element. */
export const tParts = (text, values) =>
  (translations.get(text) ?? text).split(/\{(\w+)\}/).map((part, index) => index % 2 ? values[part] : part);

/** Return the text for a count: `{count}` stands for it. */
export function tn(one, other, count, values = {}) {
  const category = plural.select(count);
  const forms = translations.get(one) ?? {one, other};
  return fillIn(forms[category] ?? forms.other, {count: number.format(count), ...values});
}
