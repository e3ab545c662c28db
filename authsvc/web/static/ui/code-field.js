// The field for a code of six digits. It takes what is typed, pasted or filled in by a keyboard, however that is written.

import {t} from "./language.js";

const LENGTH = 6;

/** Return the value of a decimal digit in any script: they stand in rows of ten (Unicode 4.6). */
function valueOf(digit) {
  let zero = digit.codePointAt(0);
  while (/\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero -= 1;
  return (digit.codePointAt(0) - zero) % 10;
}

/** Return the digits of a text, as 0 to 9. */
export const digitsIn = (text) => [...text.matchAll(/\p{Nd}/gu)].map(([digit]) => valueOf(digit)).join("");

/**
 * Keep nothing but digits in a field, and send its form by itself once they are complete; or else move the focus to what
 * is still to be filled in.
 */
export function onDigits(field) {
  const {form} = field, status = field.closest(".field").querySelector("[role=status]");
  function take(event) {
    if (event.isComposing) return;
    const all = digitsIn(field.value), digits = all.slice(0, LENGTH);
    if (field.value !== digits) {
      const place = digitsIn(field.value.slice(0, field.selectionStart)).length;
      field.value = digits;
      field.setSelectionRange(place, place);
    }
    status.textContent = "";
    if (all.length !== LENGTH) return; // more were no code: the field holds the first of them, for the person to look at
    const next = [...form.elements].find((input) => input.required && !input.value);
    if (next) return next.focus();
    status.textContent = t("Checking the code.");
    form.requestSubmit();
  }
  field.addEventListener("input", take);
  field.addEventListener("compositionend", take);
}
