"""`make scale` measures every route by key, and says of each other one why it does not."""

import re

from flask import Flask

from bench import routes_by_key

PARTS = ("/auth/", "/admin/", "/oauth2/", "/.well-known/")


def routes(app: Flask) -> set[str]:
    """Return method and path of each route of the API, with `{id}` for whatever stands in it."""
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule == "/" or rule.rule.startswith(PARTS)]
    return {
        f"{method} {re.sub('<[^>]+>', '{id}', rule.rule)}"
        for rule in rules
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }


class TestRoutes:
    def test_each_is_measured_or_there_is_a_reason(self, app: Flask) -> None:
        measured = {name.partition(",")[0] for name in routes_by_key.REQUESTS}
        beside = [name for names in routes_by_key.BESIDES.values() for name in names]
        assert len(set(beside)) == len(beside)
        assert measured | set(beside) == routes(app)
        assert not measured & set(beside)
