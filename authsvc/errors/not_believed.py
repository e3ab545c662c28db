"""What a provider of identities said, and does not hold. Whoever asked it decides what that means."""


class NotBelieved(Exception):
    """The message says why, for the log, without a value of what was said."""
