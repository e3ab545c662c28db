"""A hook that is asked about sign-ups, and about tokens."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.support.hooks import HookServer, asking


@pytest.fixture(scope="session")
def hook_server() -> Iterator[HookServer]:
    """Return a hook on this machine that nobody asks yet."""
    with HookServer() as server:
        yield server


@pytest.fixture
def hook(hook_server: HookServer) -> HookServer:
    """Return it as at first."""
    hook_server.reset()
    return hook_server


@pytest.fixture
def sign_up_hook(app: Flask, clean: None, hook: HookServer) -> Iterator[HookServer]:
    """Return a hook that is asked whether accounts may be made."""
    with asking(app, sign_up=hook.url):
        yield hook


@pytest.fixture
def token_hook(app: Flask, clean: None, hook: HookServer) -> Iterator[HookServer]:
    """Return a hook that is asked what tokens say besides."""
    with asking(app, token=hook.url):
        yield hook


@pytest.fixture
def both_hooks(app: Flask, clean: None, hook: HookServer) -> Iterator[HookServer]:
    """Return a hook that is asked about both."""
    with asking(app, sign_up=hook.url, token=hook.url):
        yield hook
