import {useAuth} from "authsvc/react";
import {Account} from "./Account";
import {SignIn} from "./SignIn";

/** What is shown follows from who is signed in, in whichever tab that changes. */
export function App() {
  const {user, error, isLoading} = useAuth();
  return (
    <main>
      <h1>{user ? `Hello, ${user.name ?? user.email}` : "Hello"}</h1>
      {isLoading && <p>One moment …</p>}
      {error && <p role="status" className="failed">The service can't be reached. Trying again.</p>}
      {user && <Account user={user} />}
      {user === null && <SignIn />}
      <p className="hint">Open this page in a second tab: whoever signs in or out in one does so in both.</p>
    </main>
  );
}
