"""The little of Markdown that the generated pages need."""

from collections.abc import Iterable, Sequence

NOTICE = "% Written from the code by `make reference`: do not edit it.\n\n"


def page(title: str, *parts: str) -> str:
    """Return a page: its title, then its parts, each after a blank line."""
    return f"{NOTICE}# {title}\n\n" + "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table, or nothing if there is no row."""
    cells = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", "|" + "---|" * len(head), *cells]) if cells else ""
