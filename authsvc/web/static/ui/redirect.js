// Where to go after a sign-in. Anyone can write `?return=` into a link, so only known addresses count.

const HOME = "/account/";
const INTERRUPTED = "authsvc return"; // in the storage
const REQUESTS = ["/account/authorize", "/account/device"]; // each is about what its query says
const LONGEST = 2000, LONGEST_ENCODED = 5900; // characters; the service refuses more
const READING = 3600e3; // milliseconds; an app's request waits no longer

/**
 * Return the address that `text` stands for, or null if it must not be followed: it may be a path of our own origin
 * `here`, or an address at one of `origins`. Browsers take `//evil`, `/\evil`, `https:evil` and tabs for other hosts.
 */
export function allowed(text, origins, here) {
  if (typeof text !== "string" || /[^\u0021-\u007e\u00a1-\uffff]|\\/.test(text)) return null; // blanks, control characters
  if (!/^(?:\/(?!\/)|https?:\/\/[^/])/.test(text)) return null;
  let url;
  try {
    url = new URL(text, here); // URL.canParse is younger than browsers that people still use
  } catch {
    return null;
  }
  if (url.username || url.password || ![here, ...origins].includes(url.origin)) return null;
  return text[0] === "/" && url.origin !== here ? null : url.href;
}

const returnText = () => new URLSearchParams(location.search).get("return");

const allowedHere = (text) => allowed(text, document.body.dataset.returns.split(" ").filter(Boolean), location.origin);

/** Return the storage; a browser that keeps none forgets what is put there. */
function storage() {
  try {
    return localStorage;
  } catch {
    return {};
  }
}

let isWaiting = false; // for what somebody does in the tab that a letter opens

const waitingFor = (text) => `authsvc return ${allowedHere(text)}`; // a lock

/** Tell whether another tab waits to go on to the same address. */
async function isAwaitedElsewhere(text = returnText()) {
  if (isWaiting || !text || !navigator.locks) return false;
  const {held} = await navigator.locks.query();
  return held.some(({name}) => name === waitingFor(text));
}

/** Return where to leave for after a sign-in, as the service takes it: a path, or an address in its usual spelling. */
export function returnAddress() {
  const text = returnText(), address = allowedHere(text);
  return !address ? HOME : text[0] === "/" ? text : address;
}

/**
 * Return where the link of a letter is to lead on to, as the service takes it; undefined for the account, and for what an
 * app or a device has asked for: only the browser that it asked in can answer that.
 */
export function letterTarget() {
  const target = returnAddress();
  const isRequest = REQUESTS.some((path) => new URL(target, location.origin).pathname === path);
  const fits = target.length <= LONGEST && `${new URLSearchParams({target})}`.length <= LONGEST_ENCODED;
  return target === HOME || isRequest || !fits ? undefined : target;
}

/** Leave for an address if it is allowed, or else for the account. */
export function leaveTo(text) {
  delete storage()[INTERRUPTED];
  location.replace(allowedHere(text) ?? HOME);
}

/** Leave for the page that asked for the sign-in, or else for the account. */
export const leave = () => leaveTo(returnText());

/**
 * Leave once somebody is signed in, in whatever tab. If another tab waits to go on to the same address, that one does:
 * it may be the window that an app has opened, and the app gets one answer. `stay` then says so here.
 */
export async function leaveOrStay(stay) {
  if (await isAwaitedElsewhere()) stay();
  else leave();
}

/** Let links return to an address, if it is allowed. */
export function passOn(selector, text) {
  if (!allowedHere(text)) return;
  for (const link of document.querySelectorAll(selector)) link.search = new URLSearchParams({return: text});
}

/** Pass the return address on to the links between the sign-in pages. */
export const keepReturnAddress = () => passOn("a[data-keep]", returnText());

/** Remember the return address while somebody reads a letter: the link in it opens a page that has none. */
export function rememberReturnAddress() {
  const text = returnText();
  if (!text) return;
  storage()[INTERRUPTED] = JSON.stringify({text, until: Date.now() + READING});
  if (!isWaiting) navigator.locks?.request(waitingFor(text), {mode: "shared"}, () => new Promise(() => {})); // until unload
  isWaiting = true;
}

/** Return where the sign-in was to return to that a letter interrupted; undefined if there was none. */
function interruptedText() {
  const {text, until} = JSON.parse(storage()[INTERRUPTED] ?? "{}");
  return until > Date.now() ? text : undefined;
}

/** Return where a page leads on to that a letter opened: where its link says, or else where this browser remembers. */
const textBehindLetter = () => returnText() ?? interruptedText();

/** Let the links on a page that a letter leads to go on there: those to the sign-in afterwards, others at once. */
export function recallReturnAddress() {
  const text = textBehindLetter(), address = allowedHere(text);
  passOn("a[data-recall]", text);
  if (!address) return;
  for (const link of document.querySelectorAll("a[data-way-on]")) {
    link.href = address;
    link.textContent = link.dataset.wayOn;
  }
}

/**
 * Return what leaves a page that a letter leads to likewise. If another tab waits now to go on there, that one will, as
 * soon as somebody is signed in; this one can `stay`.
 */
export async function findInterrupted() {
  const text = textBehindLetter(), isAwaited = await isAwaitedElsewhere(text);
  return (stay) => stay && isAwaited ? stay() : leaveTo(text);
}

/** Return the address of this page as a path: with the query if that says what the page is about, or else the fragment. */
export function hereAsPath() {
  if (!REQUESTS.includes(location.pathname)) return location.pathname.replace(/^\/account$/, HOME) + location.hash;
  const asked = new URLSearchParams(location.search);
  asked.delete("ui_locales"); // the cookie that came with the page has it
  return `${location.pathname}?${asked}`;
}

/** Leave for the sign-up, with a fragment for it, and return from there. */
export function goToSignUp(fragment = "") {
  location.replace(`/account/sign-up?${new URLSearchParams({return: hereAsPath()})}${fragment}`);
}

let isLeaving = false;

/**
 * Leave for the sign-in, with a fragment for it, and return from there unless the person chose to leave; `reason` is why
 * the session ended.
 */
export function goToSignIn(reason, fragment = "") {
  if (isLeaving) return;
  isLeaving = true;
  const returns = hereAsPath() !== HOME && !["logout", "account_deleted"].includes(reason);
  const query = new URLSearchParams({...(returns && {return: hereAsPath()}), ...(reason && {ended: reason})});
  location.replace(`/account/sign-in${query.size ? "?" : ""}${query}${fragment}`);
}
