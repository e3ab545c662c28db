"""Sign out because an app asks for it: the page asks the person, unless the app shows for whom it asks."""

from dataclasses import dataclass

from authsvc.models.apps import App
from authsvc.services import apps, sign_outs
from authsvc.services.callers import Caller


@dataclass(frozen=True, slots=True)
class SignOutStep:
    """What the page does next: `ask` the person, `sign_out`, or, once nobody is signed in, `done`.

    `redirect` is where to go then, None if nowhere.
    """

    name: str
    app: App | None
    email: str | None = None
    redirect: str | None = None


def advance(secret: str, who: Caller | None) -> SignOutStep:
    """Go one step further with a request, for whoever looks at it. Raises RequestGone.

    Nothing ends here: the page signs out as everywhere, and comes back when nobody is signed in any longer.
    """
    request = sign_outs.find(secret)
    app = apps.find(request.app)
    if who is None:
        return SignOutStep("done", app, redirect=sign_outs.finish(request))
    if request.user is not None and str(request.user) == who.user_id:
        return SignOutStep("sign_out", app, who.email)
    return SignOutStep("ask", app, who.email)  # there is no genuine hint, or somebody else is signed in here
