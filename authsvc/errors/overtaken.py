"""Overtaken: a change that lost a race. No client sees it: the change is retried."""


class Overtaken(Exception):
    """The account is no longer as it was read: nothing was done."""
