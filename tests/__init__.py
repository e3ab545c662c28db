"""The tests, and in `support` what they share: its assertions, too, tell the values that they compared."""

from pathlib import Path

import pytest

_FOLDERS = (path.name for path in Path(__file__).parent.iterdir() if (path / "__init__.py").exists())
pytest.register_assert_rewrite(*(f"tests.{name}" for name in _FOLDERS))
