"use strict";
const main = document.querySelector("main");
const form = document.querySelector("form");
const status = document.querySelector("[role=status]");
const token = new URLSearchParams(location.hash.slice(1)).get("token");
history.replaceState(null, "", location.pathname);  // the secret leaves the address bar and the history
const say = (text) => { status.textContent = text; };
if (token) form.hidden = false;
if (form.hidden) say("This link is not complete. Open it again from the letter.");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  say("One moment …");
  try {
    const body = {...(token ? {token} : {}), ...Object.fromEntries(new FormData(form))};
    const answer = await fetch(main.dataset.post, {
      method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body),
    });
    if (answer.ok) { form.hidden = true; say(main.dataset.done); return; }
    const problem = await answer.json();
    say(problem.errors ? problem.errors.map((error) => error.detail).join(" ") : `${problem.title}. ${problem.detail}`);
  } catch {
    say("There was no answer. Try again in a moment.");
  }
  button.disabled = false;
});
