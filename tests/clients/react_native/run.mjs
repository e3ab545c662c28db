// The example in jsdom, started again and again as on a phone: `node run.mjs EXAMPLE SERVICE`. It writes what was seen.
import {setTimeout as sleep} from "node:timers/promises";
import {build} from "esbuild";
import {JSDOM} from "jsdom";

const [example, service] = process.argv.slice(2);
const entry = `
  import App from "${example}/App.js";
  import {AppRegistry} from "react-native";
  AppRegistry.registerComponent("App", () => App);
  AppRegistry.runApplication("App", {rootTag: document.getElementById("root")});
`;
const {outputFiles: [{text: script}]} = await build({
  stdin: {contents: entry, resolveDir: example, loader: "jsx"},
  bundle: true, write: false, format: "iife", jsx: "automatic", loader: {".js": "jsx"},
  alias: {"react-native": "react-native-web"},
  define: {"process.env.EXPO_PUBLIC_AUTHSVC": JSON.stringify(service), "process.env.NODE_ENV": '"production"'},
});

/** Start the app with what its storage has. `isOffline` takes the network away. */
function start(stored = {}, isOffline = false) {
  const {window} = new JSDOM('<!doctype html><div id="root"></div>', {
    url: "http://localhost/", runScripts: "outside-only", pretendToBeVisual: true,
  });
  const offline = () => Promise.reject(new TypeError("Network request failed"));
  Object.assign(window, {Request, Response, Headers, AbortSignal, AbortController, fetch: isOffline ? offline : fetch});
  for (const [name, value] of Object.entries(stored)) window.localStorage.setItem(name, value);
  window.eval(script);
  return window;
}

async function until(window, text) {
  for (let times = 0; times < 300; times += 1) {
    if (window.document.body.textContent.includes(text)) return;
    await sleep(50);
  }
  throw new Error(`${text} is not in: ${window.document.body.textContent}`);
}

function type(window, label, text) {
  const field = window.document.querySelector(`[aria-label="${label}"]`);
  Object.getOwnPropertyDescriptor(window.HTMLInputElement.prototype, "value").set.call(field, text);
  field.dispatchEvent(new window.Event("input", {bubbles: true}));
}

function press(window, title) {
  const button = [...window.document.querySelectorAll("[role=button]")].find((one) => one.textContent === title);
  button.dispatchEvent(new window.MouseEvent("click", {bubbles: true}));
}

const storedOf = ({localStorage}) => Object.fromEntries(
  Object.entries(localStorage).filter(([name]) => name.startsWith("authsvc.")));
const seen = {};

const first = start();
await until(first, "Sign in");
type(first, "Name, if you are new", "Ada");
type(first, "Address", `${crypto.randomUUID()}@example.com`);
type(first, "Password", "an analytical engine");
press(first, "Sign up");
await until(first, "Hello, Ada");
seen.afterSignUp = storedOf(first);
first.close();

const away = start(seen.afterSignUp, true);
await until(away, "The service can't be reached");
seen.offline = storedOf(away);
away.close();

const second = start(seen.afterSignUp);
await until(second, "Hello, Ada");
seen.afterRestart = storedOf(second);
press(second, "Sign out");
await until(second, "Sign in");
seen.afterSignOut = storedOf(second);
second.close();

const third = start(seen.afterSignOut);
await until(third, "Sign in");
console.log(JSON.stringify(seen));
process.exit(0);
