// The language of the page. The English text is the key.

/** The language in which texts, dates and numbers are written. */
export const language = document.documentElement.lang || "en";

const plural = new Intl.PluralRules(language);

/** Return a text in that language; `{name}` stands for a value. */
export const t = (text, values = {}) => text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);

/** Return the text for a count: `{count}` stands for it. */
export const tn = (one, other, count, values = {}) =>
  t(plural.select(count) === "one" ? one : other, {count: new Intl.NumberFormat(language).format(count), ...values});
