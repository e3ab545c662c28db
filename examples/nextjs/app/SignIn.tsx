"use client";

import {useState} from "react";
import {auth} from "./auth";
import {useAttempt} from "./useAttempt";

export function SignIn() {
  const {attempt, problem, isBusy} = useAttempt();
  const [step, setStep] = useState<"sign-in" | "sign-up" | "code" | "letter">("sign-in");

  async function signIn(form: FormData) {
    const answer = await auth.login({email: `${form.get("email")}`, password: `${form.get("password")}`});
    if (answer.mfaRequired) setStep("code"); // else `useAuth` knows it already
  }
  async function signUp(form: FormData) {
    const [name, email, password] = ["name", "email", "password"].map((field) => `${form.get(field)}`);
    const answer = await auth.register({name, email, password});
    if (!answer.user) setStep("letter");
  }
  async function complete(form: FormData) {
    const code = `${form.get("code")}`.trim();
    await auth.completeMfa(/^\d{6}$/.test(code) ? {code} : {recoveryCode: code});
  }

  const work = {"sign-in": signIn, "sign-up": signUp, code: complete, letter: async () => setStep("sign-in")}[step];
  const submit = (event: React.SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    return attempt(() => work(form));
  };

  return (
    <section>
      {problem && <p role="alert" className="failed">{problem}</p>}
      <form key={step} method="post" onSubmit={submit}>
        {step === "letter" && <p>Look into your mail: confirm your address, then sign in.</p>}
        {step === "sign-up" && <label>Name <input name="name" autoComplete="name" maxLength={100} required /></label>}
        {step.startsWith("sign") && (
          <>
            <label>Address <input name="email" type="email" autoComplete="username" required /></label>
            <label>
              Password <input name="password" type="password" required minLength={step === "sign-up" ? 8 : undefined}
                autoComplete={step === "sign-up" ? "new-password" : "current-password"} />
            </label>
          </>
        )}
        {step === "code" && (
          <label>Code of your authenticator app, or a recovery code
            <input name="code" autoComplete="one-time-code" required />
          </label>
        )}
        <button disabled={isBusy}>{step === "sign-in" ? "Sign in" : step === "sign-up" ? "Sign up" : "Continue"}</button>
        {step === "sign-in" && (
          <button type="button" className="quiet" disabled={isBusy} onClick={() => attempt(() => auth.loginWithPasskey())}>
            Use a passkey
          </button>
        )}
        {step === "code" && (
          <button type="button" className="quiet" disabled={isBusy} onClick={() => attempt(() => auth.completeMfa({passkey: true}))}>
            Use a passkey
          </button>
        )}
      </form>
      <button type="button" className="quiet" onClick={() => setStep(step === "sign-in" ? "sign-up" : "sign-in")}>
        {step === "sign-in" ? "New here?" : "Back to sign-in"}
      </button>
    </section>
  );
}
