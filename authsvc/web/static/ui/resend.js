// "Send it again": not before the letter that is on its way had time to arrive.

import {showErrorAt, toast, whileBusy} from "./dom.js";
import {t} from "./language.js";
import {recall, remember} from "./storage.js";

const PAUSE = 30; // seconds
const SEVERAL = 3; // after so many letters another one is not what helps; the service may send none then
const MEMORY = 3600e3; // milliseconds for which letters are counted

/**
 * Send a letter by `work` whenever one of `buttons` is pressed, and count down on all of them until one may be pressed
 * again; the tab remembers that. Return what starts to count, for a first letter that was sent some other way.
 */
export function onResend(buttons, work, text = t("Another email is on its way.")) {
  const all = [buttons].flat().map((button) => {
    const label = button.lastElementChild;
    return {button, label, action: label.textContent};
  });
  const key = `authsvc letters ${location.pathname} ${all[0].button.id}`; // in the storage of this tab
  let counted = {count: 0, ...recall(key)}, timer;
  if (!(counted.since > Date.now() - MEMORY)) counted = {count: 0};

  function count(seconds, number) {
    const now = Date.now();
    counted = {count: number, since: counted.since ?? now, until: now + 1000 * seconds};
    remember(key, counted);
    countDown();
  }

  function countDown() {
    clearInterval(timer);
    const tick = () => {
      const left = Math.ceil((counted.until - Date.now()) / 1000), waits = left > 0;
      for (const {button, label, action} of all) {
        label.textContent = waits ? t("{action} in {seconds} s", {action, seconds: left}) : action;
        button.classList.toggle("waits", waits);
        if (waits) button.setAttribute("aria-disabled", "true"); // it isn't disabled: that would lose the focus
        else button.removeAttribute("aria-disabled");
      }
      if (!waits) clearInterval(timer);
    };
    tick();
    timer = setInterval(tick, 500);
  }

  async function send(button) {
    if (button.getAttribute("aria-disabled") === "true") return;
    try {
      await whileBusy(button, work);
      count(PAUSE, counted.count + 1);
      toast(counted.count < SEVERAL ? text : t("You asked for {count} emails. Use the newest one, and look into your spam folder.",
        {count: counted.count}));
    } catch (error) {
      showErrorAt(button, error);
      if (error.status === 429) count(Math.min(error.retryAfter ?? PAUSE, 3600), counted.count);
    }
  }

  for (const {button} of all) {
    button.addEventListener("click", () => send(button));
    button.disabled = false;
  }
  if (counted.until > Date.now()) countDown();
  return () => {
    counted = {count: 0};
    count(PAUSE, 1);
  };
}
