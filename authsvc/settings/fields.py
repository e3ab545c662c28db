"""Kinds of settings: how the text of each is read, and how the reference describes it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError, fields

from authsvc.settings import identity_providers, limits
from authsvc.settings.formats import words

Rule = Callable[[Any], str | None]
"""Returns what is wrong with a value, without quoting it; None if nothing is."""


@dataclass(frozen=True, slots=True)
class Derived:
    """A default that follows from the settings above it: how the reference describes it, and how to get its text."""

    description: str
    text: Callable[[Mapping[str, str]], str]


Default = str | Derived | None


def must(holds: Callable[[Any], object], complaint: str) -> Rule:
    """Return the rule that a value holds, with what to say if it does not."""
    return lambda value: None if holds(value) else complaint


def each(rule: Rule) -> Rule:
    """Return the rule that each part of a list keeps a rule."""
    return lambda parts: next((fault for part in parts if (fault := rule(part)) is not None), None)


def _as_it_is(text: str) -> str:
    return text


class Setting(fields.Field[Any]):
    """One variable of the environment, its text taken as it is.

    `default` is None if the setting is required; `development` is the default outside production, if that differs.
    `rules` hold everywhere, `strict` ones only in production. An empty text counts as not set, and is not judged.
    """

    bounds = ""

    def __init__(
        self,
        about: str,
        *,
        default: Default = "",
        development: Default = None,
        bounds: str | None = None,
        tidy: Callable[[str], str] = _as_it_is,
        rules: tuple[Rule, ...] = (),
        strict: tuple[Rule, ...] = (),
    ) -> None:
        super().__init__(required=default is None, error_messages={"required": "is missing"})
        self.about = about
        self.default, self.development = default, default if development is None else development
        self.bounds = self.bounds if bounds is None else bounds
        self._tidy = tidy
        self.rules = rules
        self.strict = strict
        self.production = True  # the schema says otherwise

    def text(self, environ: Mapping[str, str], above: Mapping[str, str]) -> str | None:
        """Return the text to read: from the environment, else the default; None if there is neither."""
        text = self.tidied(environ.get(str(self.name), ""))
        default = self.default if self.production else self.development
        return text or (default.text(above) if isinstance(default, Derived) else default)

    def tidied(self, text: str) -> str:
        """Return a text as it is kept."""
        return self._tidy(text)

    def parse(self, text: str) -> Any:
        """Return the value that a text stands for. Raises ValidationError."""
        return text

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> Any:
        parsed = self.parse(value)
        for rule in (*self.rules, *(self.strict if self.production else ())):
            fault = rule(parsed) if value else None
            if fault is not None:
                raise ValidationError(fault)
        return parsed


class Whole(Setting):
    """A whole number within bounds; `strict_least` is a higher least in production."""

    def __init__(
        self, about: str, default: int | Derived, least: int, most: int, *, strict_least: int | None = None
    ) -> None:
        self._least, self._strict_least, self._most = least, least if strict_least is None else strict_least, most
        bounds = f"{least} to {most}"
        super().__init__(
            about,
            default=default if isinstance(default, Derived) else str(default),
            bounds=bounds if strict_least is None else f"{bounds}; in production at least {strict_least}",
        )

    def parse(self, text: str) -> int:
        """Return the number."""
        least = self._strict_least if self.production else self._least
        if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) is None or not least <= int(text) <= self._most:
            raise ValidationError(f"must be a whole number from {least} to {self._most}")
        return int(text)


class Switch(Setting):
    """Something that is on or off: True or False."""

    bounds = "on or off"

    def parse(self, text: str) -> bool:
        """Tell whether it is on."""
        if text not in ("on", "off"):
            raise ValidationError("must be on or off")
        return text == "on"


class Words(Setting):
    """A list, separated by commas or blanks."""

    def tidied(self, text: str) -> str:
        """Return the parts, separated by one blank."""
        return " ".join(words(text))

    def parse(self, text: str) -> list[str]:
        """Return the parts."""
        return words(text)


class Choice(Setting):
    """One of a few words."""

    def __init__(self, about: str, *choices: str, default: str, tidy: Callable[[str], str] = _as_it_is) -> None:
        bounds = f"{', '.join(choices[:-1])} or {choices[-1]}"
        rule = must(lambda text: text in choices, f"must be {bounds}")
        super().__init__(about, default=default, bounds=bounds, tidy=tidy, rules=(rule,))


class Limits(Setting):
    """Limits by name, as `login_account=5/300 mfa_account=10/900`: attempts and seconds of each that is named."""

    def parse(self, text: str) -> dict[str, limits.Pair]:
        """Return what is named."""
        pairs = {}
        for number, part in enumerate(words(text), 1):
            name, _, value = part.partition("=")
            pair = limits.pair(value)
            if name not in limits.TABLE or name in pairs or pair is None:
                advice = "must name limits, each once, with attempts and seconds: login_account=5/300"
                raise ValidationError(f"{advice} (look at entry {number})")
            pairs[name] = pair
        return pairs


class ProvidersFile(Setting):
    """A file of providers of identities, whose secrets may stand in other variables of the environment."""

    _environ: Mapping[str, str] = {}

    def text(self, environ: Mapping[str, str], above: Mapping[str, str]) -> str | None:
        """Return the name of the file; secrets are taken from the environment that it comes from."""
        self._environ = environ
        return super().text(environ, above)

    def parse(self, text: str) -> tuple[identity_providers.ProviderSettings, ...]:
        """Return the providers."""
        try:
            return identity_providers.read(text, self._environ, production=self.production)
        except identity_providers.NotUsable as error:
            raise ValidationError(str(error)) from error


class FormerLimit(fields.Field[limits.Pair]):
    """A limit that is set by a variable of its own, as all were before LIMITS."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> limits.Pair:
        pair = limits.pair(value)
        if pair is None:
            raise ValidationError("must be a number of attempts and of seconds: 10/60")
        return pair
