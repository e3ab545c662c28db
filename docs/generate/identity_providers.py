"""`reference/identity-providers.md`: what the file of IDENTITY_PROVIDERS may say, from its rules."""

from flask import Flask

from authsvc.settings.identity_providers import ABOUT, ALWAYS, MOST, PRESETS, SECRETS, Preset
from docs.generate import markdown

INTRODUCTION = f"""
`IDENTITY_PROVIDERS` names a TOML file, with a table for each provider that people can sign in with, at most {MOST}. The
name of a table is part of addresses: small letters, digits and hyphens. It is read at the start; a file that is wrong
keeps the service from starting.

```toml
[google]
client_id = "….apps.googleusercontent.com"
client_secret_env = "GOOGLE_CLIENT_SECRET"

[work]
kind = "oidc"
label = "Example Inc."
issuer = "https://login.example.com"
client_id = "authsvc"
client_secret_file = "/run/secrets/work"
```

A secret can stand in the table (`client_secret`), in a variable of the environment that is named there
(`client_secret_env`), or in a file (`client_secret_file`); the same goes for Apple's `key`. No log, command or error
shows it.

`flask providers list` says which redirect URI has to be registered at each, and `flask providers check` asks each
whether it would do: it gets the metadata and the keys, and shows a code that is none, so that a wrong secret is found.
"""
REACHED = """
## How they are asked

In production only by https, at addresses of the public internet and, with `private`, of private networks; outside it
also on this machine, by plain http too. No redirect is followed and no proxy used. A step of a sign-in waits 6 seconds
in all (with a `REQUEST_DEADLINE` below 7, a second less than that) and reads 256 KiB of an answer, and at most 32 in a
worker wait for one provider: more get `503 upstream_unavailable` at once. Metadata and keys are kept for ten minutes; a
token that none of the keys has signed makes a worker ask for them again, once a minute. Clocks may differ by 30
seconds.
"""


def text(_app: Flask) -> str:
    """Return the page."""
    members = markdown.table(("member", "of", "default", "what it is"), map(_member, ABOUT))
    presets = markdown.table(
        ("kind", "issuer", "it needs", "it is asked for", "comes back by", "can confirm who you are"),
        (_preset(kind, preset) for kind, preset in PRESETS.items()),
    )
    return markdown.page(
        "Identity providers",
        INTRODUCTION,
        f"## Presets\n\n{presets}",
        "The last column: whether it says when somebody signed in, so that it can be asked for a fresh login.",
        f"## Members\n\n{members}",
        REACHED,
    )


def _member(name: str) -> tuple[str, str, str, str]:
    kinds = [kind for kind, preset in PRESETS.items() if name in (*preset.needs, *preset.may)]
    needed = any(name in preset.needs for preset in PRESETS.values())
    defaults = {
        "enabled": "`true`",
        "trusted": "`false`",
        "algorithms": "`RS256`",
        "kind": "the name",
        "issuer": "see above",
    }
    default = defaults.get(name, "required" if needed else "that of the preset" if name in ("label", "scope") else "")
    about = ABOUT[name] + (f". Or `{name}_env`, `{name}_file`" if name in SECRETS else "")
    return f"`{name}`", "all" if name in ALWAYS else ", ".join(kinds), default, about


def _preset(kind: str, preset: Preset) -> tuple[str, ...]:
    issuer = f"`{preset.issuer}`" if preset.issuer else "that of `tenant`" if kind == "microsoft" else "yours"
    needs = ", ".join(f"`{name}`" for name in preset.needs)
    way = "a form" if preset.form_post else "a link"
    return f"`{kind}`", issuer, needs, f"`{preset.scope}`", way, "yes" if preset.reauthenticates else "no"
