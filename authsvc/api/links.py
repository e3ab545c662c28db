"""Links in letters: what a page shows before somebody uses one."""

from authsvc.errors import LinkInvalid, TooManyAttempts
from authsvc.flows import inspect_link
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import public
from authsvc.models.links import Link
from authsvc.schemas.emails import LinkSchema
from authsvc.schemas.links import LinkFactsSchema

blp = Blueprint("links", __name__, description="The links in letters.")


@blp.post("/auth/links/inspect")
@public
@blp.arguments(LinkSchema)
@blp.response(200, LinkFactsSchema)
@blp.problems(LinkInvalid, TooManyAttempts)
def inspect(link: dict[str, str]) -> Link:
    """Say what a link does and for which address, without using it up.

    A link that has verified an address may set a password for 60 minutes: its purpose is `reset` then.
    """
    return inspect_link.inspect(**link)
