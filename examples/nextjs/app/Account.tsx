"use client";

import type {User} from "authsvc";
import {useState} from "react";
import {auth} from "./auth";
import {useAttempt} from "./useAttempt";

export function Account({user}: {user: User}) {
  const {attempt, problem, isBusy} = useAttempt();
  const [devices, setDevices] = useState<number>();
  const [passkey, setPasskey] = useState("");
  const rename = (form: FormData) => auth.updateProfile({name: `${form.get("name")}`});
  return (
    <section>
      {problem && <p role="alert" className="failed">{problem}</p>}
      <dl>
        <dt>Address</dt><dd>{user.email}</dd>
        <dt>Role</dt><dd>{user.role}</dd>
        {passkey && <><dt>Passkey</dt><dd>{passkey}</dd></>}
        {devices !== undefined && <><dt>Signed in on</dt><dd>{devices} {devices === 1 ? "device" : "devices"}</dd></>}
      </dl>
      <form onSubmit={(event) => {
        event.preventDefault();
        const form = new FormData(event.currentTarget);
        attempt(() => rename(form));
      }}>
        <label>Name <input name="name" defaultValue={user.name ?? ""} maxLength={100} required /></label>
        <button disabled={isBusy}>Change the name</button>
      </form>
      <button className="quiet" disabled={isBusy}
        onClick={() => attempt(async () => setDevices((await auth.sessions.list({limit: 100})).items.length))}>
        Count my devices
      </button>
      <button className="quiet" disabled={isBusy}
        onClick={() => attempt(async () => setPasskey((await auth.passkeys.add("This device")).name))}>
        Add a passkey
      </button>
      <button className="quiet" disabled={isBusy} onClick={() => attempt(auth.logout)}>Sign out</button>
    </section>
  );
}
