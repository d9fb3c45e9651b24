"""Types of columns that mean the same on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, String
from sqlalchemy.types import TypeDecorator, TypeEngine

Key = BigInteger().with_variant(Integer, "sqlite")
"""An integer of 64 bits."""


def text_of(length: int | None = None) -> TypeEngine[str]:
    """A text that is sorted and compared by its bytes, as SQLite does: PostgreSQL has an order of
    its own in each database, and output would not be reproducible."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


Text = text_of()


class Moment(TypeDecorator[datetime]):
    """A time, in UTC whatever the server's time zone is; SQLite keeps no zone with it."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """As it is stored."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """As it was given."""
        if value is None:
            return None
        known: datetime = value
        return known.replace(tzinfo=UTC) if known.tzinfo is None else known.astimezone(UTC)
