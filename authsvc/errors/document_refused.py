"""A metadata document of an app that can't be had, or is none."""

from authsvc.errors.oauth_refusal import AppUnknown


class DocumentRefused(AppUnknown):
    """The message says why, for the log only: people and apps get one answer, whatever it was."""
