"""The pages of the reference that are written from the code: `make reference`. A test fails if one is stale."""

from collections.abc import Callable, Mapping
from pathlib import Path

from flask import Flask

from docs.generate import (
    client,
    commands,
    errors,
    events,
    http,
    identity_providers,
    layers,
    letters,
    metrics,
    settings,
    typescript,
    webhooks,
)

DOCS = Path(__file__).parents[1]
PAGES: Mapping[str, Callable[[Flask], str]] = {
    "reference/http.md": http.text,
    "reference/settings.md": settings.text,
    "reference/identity-providers.md": identity_providers.text,
    "reference/errors.md": errors.text,
    "reference/commands.md": commands.text,
    "reference/events.md": events.text,
    "reference/webhooks.md": webhooks.text,
    "reference/letters.md": letters.text,
    "reference/metrics.md": metrics.text,
    "reference/client.md": client.text,
    "../sdk/js/src/api.d.ts": typescript.text,
    "images/layers.svg": layers.picture,
}
