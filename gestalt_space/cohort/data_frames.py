"""Data frames of pandas, imported when one is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas


def data_frame(
    values: Any, columns: Sequence[str], index: Sequence[str] | None = None
) -> pandas.DataFrame:
    """Values `(n, m)` under named columns."""
    import pandas

    return pandas.DataFrame(
        values, columns=list(columns), index=None if index is None else list(index)
    )
