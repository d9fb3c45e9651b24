"""Data frames of pandas, which nothing else here needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gestalt_space.errors import UsageError

if TYPE_CHECKING:
    import pandas


def data_frame(
    values: Any, columns: Sequence[str], index: Sequence[str] | None = None
) -> pandas.DataFrame:
    """Values `(n, m)` under named columns. Raises `UsageError` where pandas is not installed."""
    try:
        import pandas
    except ImportError as error:
        raise UsageError("pandas is not installed.", "pip install pandas") from error
    return pandas.DataFrame(
        values, columns=list(columns), index=None if index is None else list(index)
    )
