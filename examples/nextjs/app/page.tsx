import {getUser} from "../lib/session";
import {Account} from "./Account";
import {SignIn} from "./SignIn";

export default async function Page() {
  const user = await getUser();
  return (
    <>
      <h1>{user ? `Hello, ${user.name ?? user.email}` : "Hello"}</h1>
      {user ? <Account user={user} /> : <SignIn />}
      <p className="hint">This heading comes from the server. <a href="/private">A page for members</a></p>
    </>
  );
}
