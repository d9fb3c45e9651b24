"""Long lists of values, for questions to a database: it binds a limited number of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

AT_ONCE = 500
"""Values of one question, at the most. SQLite has bound 999 by default, and 32,766 since 3.32."""


def chunks(values: Collection[T]) -> Iterator[list[T]]:
    """The values in their order, as many at a time as one question may have."""
    remaining = iter(values)
    while some := list(islice(remaining, AT_ONCE)):
        yield some
