"""What training needs before it begins."""

from __future__ import annotations

from importlib.util import find_spec

from gestalt_space.errors import UsageError


def check_packages(*names: str) -> None:
    """Raises `UsageError` where one of these packages is not installed."""
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"Training needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} "
            "not installed.",
            "Run `pip install 'gestalt-space[training]'`.",
        )
