// One tab at a time may change the refresh token: if answers overtook each other, an old one would be sent later, and
// the service would take that for a theft.

const LEASE_LIFETIME = 45_000; // milliseconds; longer than the two requests of a logout

/** Return a function that does one piece of work at a time; the work learns whether it had to wait for another. */
export function createQueue(name) {
  const {locks} = globalThis.navigator || {}; // undefined in insecure contexts, and outside browsers
  if (locks) return (work) => withLock(locks, name, work);
  if (globalThis.document) return (work) => withLease(name, work);
  let last = Promise.resolve();
  return (work) => {
    const done = last.then(() => work());
    last = done.catch(() => {});
    return done;
  };
}

function withLock(locks, name, work) {
  return locks.request(name, {ifAvailable: true}, (lock) => lock && work().then((value) => ({value})))
    .then((result) => result ? result.value : locks.request(name, () => work(true)));
}

/** Do the same without Web Locks: take a lease in the storage, "<owner> <time of expiry>", and see whether it stays. */
async function withLease(name, work) {
  const owner = String(Math.random());
  const readLease = () => (localStorage[name] || "").split(" ");
  let hasWaited;
  while (readLease()[0] !== owner) {
    if (readLease()[1] > Date.now()) hasWaited = true;
    else localStorage[name] = `${owner} ${Date.now() + LEASE_LIFETIME}`;
    await new Promise((resolve) => setTimeout(resolve, 20 + 40 * Math.random()));
  }
  return work(hasWaited).finally(() => delete localStorage[name]);
}
