"""The same patients as for spaces, one thread."""

from tests.training.space.conftest import one_thread

__all__ = ["one_thread"]
