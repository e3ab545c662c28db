// Sign in by password, add a passkey, sign in with it: all that a page needs, without a library.
const authsvc = document.body.dataset.authsvc;
const say = (text) => { document.querySelector("[role=status]").textContent = text; };
let access; // in memory alone; the refresh token is in a cookie that no script reads

async function call(method, path, body) {
  const headers = {"Content-Type": "application/json"};
  if (access) headers.Authorization = `Bearer ${access}`;
  const answer = await fetch(authsvc + path, {method, headers, credentials: "include", body: JSON.stringify(body)});
  const said = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw new Error(said.title);
  return said;
}

function welcome({accessToken, user}) {
  access = accessToken;
  say(`Signed in as ${user.email}`);
}

async function signIn(email, password) {
  const answer = await call("POST", "/auth/login", {email, password, transport: "cookie"});
  if (!answer.mfaRequired) return welcome(answer);
  const {mfaToken} = answer; // the password was right, and a passkey is to come too
  const proof = await ask("/auth/login/passkey/options", {mfaToken});
  welcome(await call("POST", "/auth/login/mfa", {mfaToken, ...proof, transport: "cookie"}));
}

async function signUp(email, password) {
  const answer = await call("POST", "/auth/register", {name: email.split("@")[0], email, password, transport: "cookie"});
  if (answer.user) welcome(answer);
  say("Signed up. Open the letter that confirms your address: in development it is at " + authsvc + "/dev/outbox");
}

async function ask(path, body) {
  const {challengeId, publicKey} = await call("POST", path, body);
  const options = PublicKeyCredential.parseRequestOptionsFromJSON(publicKey);
  return {challengeId, credential: (await navigator.credentials.get({publicKey: options})).toJSON()};
}

const actions = {
  use: async () => welcome(await call("POST", "/auth/login/passkey",
    {...await ask("/auth/login/passkey/options", {}), transport: "cookie"})),
  add: async () => {
    const {challengeId, publicKey} = await call("POST", "/auth/passkeys/options");
    const options = PublicKeyCredential.parseCreationOptionsFromJSON(publicKey);
    const credential = (await navigator.credentials.create({publicKey: options})).toJSON();
    const {name} = await call("POST", "/auth/passkeys", {challengeId, name: "This device", credential});
    say(`Added: ${name}`);
  },
  leave: async () => { await call("POST", "/auth/logout"); access = undefined; say("Signed out"); },
};

const attempt = (action) => action().catch((error) => say(error.message));
for (const [id, action] of Object.entries(actions)) document.getElementById(id).onclick = () => attempt(action);
document.querySelector("form").onsubmit = (event) => {
  event.preventDefault();
  const {email, password} = event.target.elements;
  const enter = event.submitter?.name === "new" ? signUp : signIn;
  attempt(() => enter(email.value, password.value));
};
document.querySelector("main").hidden = false; // not before: a form that no script heeds puts what was typed elsewhere
