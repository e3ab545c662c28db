// "Send it again": not before the letter that is on its way had time to arrive.

import {toast, toastError, whileBusy} from "./dom.js";

const PAUSE = 30; // seconds
const SEVERAL = 3; // after so many letters another one is not what helps

/**
 * Send a letter by `work` whenever a button is pressed, and count down on the button until it may be pressed again.
 * Return what starts to count, for a letter that was sent some other way.
 */
export function onResend(button, work, text = "Another email is on its way.") {
  const label = button.lastElementChild, name = label.textContent;
  let count = 0, timer;

  function wait(seconds = PAUSE) {
    const end = Date.now() + seconds * 1000;
    clearInterval(timer);
    button.setAttribute("aria-disabled", "true"); // it isn't disabled: that would lose the focus
    button.classList.add("waits");
    const tick = () => {
      const left = Math.ceil((end - Date.now()) / 1000);
      label.textContent = left > 0 ? `${name} in ${left} s` : name;
      if (left > 0) return;
      clearInterval(timer);
      button.classList.remove("waits");
      button.removeAttribute("aria-disabled");
    };
    tick();
    timer = setInterval(tick, 500);
  }

  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    try {
      await whileBusy(button, work);
      count += 1;
      toast(count < SEVERAL ? text : "We sent several emails. Look into your spam folder too.");
      wait();
    } catch (error) {
      toastError(error);
      if (error.status === 429) wait(Math.min(error.retryAfter ?? PAUSE, 3600));
    }
  });
  button.disabled = false;
  return wait;
}
