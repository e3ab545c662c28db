import {redirect} from "next/navigation";
import {getUser} from "../../lib/session";

/** A page for members. The service is asked, so whoever was signed out elsewhere does not see it. */
export default async function Private() {
  const user = await getUser();
  if (!user) redirect("/");
  return (
    <>
      <h1>For members</h1>
      <p>{user.email} is signed in at this moment.</p>
      <p><a href="/">Back</a></p>
    </>
  );
}
