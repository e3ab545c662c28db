"""`reference/metrics.md`: every metric, with its labels."""

from collections.abc import Iterator

from flask import Flask

from authsvc import metrics
from docs.generate import markdown

INTRODUCTION = """
The setting `METRICS` says where they are served. They are summed over the workers of one machine.
[Monitoring](../operate/monitoring.md) says which are worth an alert.
"""


def text(_app: Flask) -> str:
    """Return the page."""
    return markdown.page("Metrics", INTRODUCTION, markdown.table(("metric", "labels", "what it counts"), rows()))


def rows() -> Iterator[tuple[str, str, str]]:
    """Yield a row for each metric."""
    for family in metrics.REGISTRY.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        collector = metrics.REGISTRY._names_to_collectors[family.name]
        yield f"`{name}`", ", ".join(collector._labelnames), family.documentation  # type: ignore[attr-defined]
