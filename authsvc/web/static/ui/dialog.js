// One dialog: opening it, and closing it by its buttons.

import {resetForm} from "./forms.js";

/** Open a dialog; resolve once it is closed, to its return value. */
export function open(dialog) {
  for (const form of dialog.querySelectorAll("form")) resetForm(form);
  const message = dialog.querySelector(".message");
  if (message) message.textContent = "";
  dialog.returnValue = "";
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue), {once: true});
    dialog.showModal();
  });
}

document.addEventListener("click", ({target}) => target.closest("[data-close]")?.closest("dialog").close());
