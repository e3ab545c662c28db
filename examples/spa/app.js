// Everything a page does with authsvc: who is signed in, signing in and out, and calls with the token.
import * as authsvc from "http://localhost:8000/authsvc.js";

const at = (id) => document.getElementById(id);
const fields = (form) => Object.fromEntries(new FormData(form));
const status = document.querySelector("[role=status]");

function say(text, failed = false) {
  status.textContent = text;
  status.hidden = !text;
  status.classList.toggle("failed", failed);
}

function show(section) {
  for (const one of document.querySelectorAll("section")) one.hidden = one.id !== section;
}

// The one place that decides what is shown: called at the start, and on every change in whichever tab.
authsvc.onChange((user) => {
  at("name").textContent = user ? `, ${user.name}` : "";
  at("email").textContent = user?.email ?? "";
  at("role").textContent = user?.role ?? "";
  show(user ? "member" : "guest");
  say("");
  if (!user) offerPasskeys();
});
authsvc.user().catch(({code}) => say(`The service does not answer (${code}); trying again.`, true));

async function offerPasskeys() { // beside the addresses that the browser suggests
  try {
    await authsvc.loginWithPasskey({conditional: true});
  } catch ({code}) {
    if (code === "challenge_invalid") offerPasskeys(); // it was shown for longer than the five minutes it is good for
  }
}

function onSecondFactor({methods}) {
  const codes = methods.some((one) => one !== "passkey");
  at("second").code.required = codes;
  at("second-passkey").hidden = !methods.includes("passkey");
  show("factor");
  say("");
}

const actions = {
  "sign-in": async (form) => {
    const answer = await authsvc.login(fields(form));
    form.password.value = "";
    if (answer.mfaRequired) onSecondFactor(answer);
  },
  "sign-up": async (form) => {
    const answer = await authsvc.register(fields(form));
    form.reset();
    if (answer.verificationRequired) say("Look into your mail: confirm your address, then sign in.");
  },
  "second": async (form) => {
    const code = form.code.value.trim();
    await authsvc.completeMfa(/^\d{6}$/.test(code) ? {code} : {recoveryCode: code});
    form.reset();
  },
  "second-passkey": () => authsvc.completeMfa({passkey: true}),
  "use-passkey": () => authsvc.loginWithPasskey(),
  "add-passkey": async () => {
    const {challengeId, publicKey} = await authsvc.call("POST", "/auth/passkeys/options");
    const credential = await authsvc.createPasskey(publicKey);
    const {name} = await authsvc.call("POST", "/auth/passkeys", {challengeId, name: "This device", credential});
    say(`Added: ${name}`);
    at("always-ask").hidden = false; // a first passkey alone does not make the password insufficient
  },
  "always-ask": async () => {
    await authsvc.call("POST", "/auth/mfa/require");
    at("always-ask").hidden = true;
    say("From now on it is asked for after your password.");
  },
  "greet": async () => {
    const answer = await authsvc.fetch(authsvc.service + "/"); // as to any API that is an audience
    const said = await answer.json();
    say(said.message ?? said.title, !answer.ok);
  },
  "sign-out": () => authsvc.logout(),
};

for (const link of document.querySelectorAll("[data-page]")) link.href = authsvc.service + link.dataset.page;

const SAID = {
  email_unverified: `Confirm your address first. In development the letter is at ${authsvc.service}/dev/outbox.`,
  offline: "The service can't be reached. Does it run, and does it list this page in CORS_ORIGINS?",
  aborted: "",
  passkey_cancelled: "No passkey was used.",
};

async function attempt(event) {
  event.preventDefault();
  try {
    await actions[event.currentTarget.id](event.currentTarget);
  } catch (error) {
    say(SAID[error.code] ?? error.errors?.[0].detail ?? error.message, true);
  }
}

for (const id of Object.keys(actions)) at(id).addEventListener(at(id).tagName === "FORM" ? "submit" : "click", attempt);
