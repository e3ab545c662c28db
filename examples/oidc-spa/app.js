// A page on another site than authsvc that signs people in by OpenID Connect: authorization code with PKCE.
// CLIENT_ID is what `flask apps create` has printed.

const AUTHSVC = "http://localhost:8000";
const CLIENT_ID = "app_…";

const {UserManager, WebStorageStateStore} = globalThis.oidc;
const byId = (id) => document.getElementById(id);
const here = `${location.origin}${location.pathname}`;

const manager = new UserManager({
  authority: AUTHSVC,
  client_id: CLIENT_ID,
  redirect_uri: here,
  post_logout_redirect_uri: here, // registered too, as --logout-uri
  scope: "openid profile email",
  loadUserInfo: true, // name and address: the ID token says only who it is
  userStore: new WebStorageStateStore({store: sessionStorage}),
});

function show(user) {
  byId("guest").hidden = Boolean(user);
  byId("member").hidden = !user;
  byId("name").textContent = user?.profile.name ? `, ${user.profile.name}` : "";
  byId("email").textContent = user?.profile.email ?? "";
}

function say(text) {
  const status = document.querySelector("[role=status]");
  status.textContent = text;
  status.hidden = !text;
}

/** Do `work` when the button is pressed, and say so if it fails. */
function onPress(id, work) {
  byId(id).addEventListener("click", () => work().catch((error) => say(error.message)));
}

onPress("sign-in", () => manager.signinRedirect());
onPress("renew", async () => {
  show(await manager.signinSilent()); // by the refresh token: no frame, no cookie
  byId("renewed").textContent = "just now";
});
onPress("sign-out", () => manager.signoutRedirect({state: "signed out"})); // here, and at authsvc

async function begin() {
  const answer = new URLSearchParams(location.search);
  if (!answer.has("state")) return manager.getUser();
  try {
    if (answer.has("code") || answer.has("error")) return await manager.signinCallback();
    const {userState} = await manager.signoutCallback(); // refuses a state that this tab has not sent
    say(`You are ${userState}.`);
    return null;
  } finally {
    history.replaceState(null, "", here); // the code has done its work, and does not belong in the address
  }
}

begin().then(show, (error) => {
  show(null);
  say(error.message);
});
