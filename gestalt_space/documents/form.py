"""What the forms of documents are made of: typed dictionaries, whose fields are the wire format.

A field is written down in its form and nowhere else: renaming one of a record inside the program
cannot change a document.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeVar

from typing_extensions import TypedDict

F = TypeVar("F")


class Form(TypedDict):
    """The fields of a document, or of a part of one. There are no others."""


# As pydantic's `with_config` writes it, so that forms do not import pydantic.
Form.__pydantic_config__ = {"extra": "forbid"}  # type: ignore[attr-defined]


def filled(form: type[F], source: object, **others: Any) -> F:
    """A form filled with the attributes of a record that have the names of its fields, and with
    `others`. Raises `AttributeError` and `TypeError` for fields that the one or the other lacks.
    """
    names = form.__annotations__
    if unknown := others.keys() - names.keys():
        raise TypeError(f"{form.__name__} has no field {sorted(unknown)[0]}")
    return {  # type: ignore[return-value]
        name: others[name] if name in others else _plain(getattr(source, name)) for name in names
    }


def time_text(at: datetime) -> str:
    """A time as it stands in documents: ISO 8601 to the second, in UTC."""
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat(timespec="seconds")


def rounded(value: Any, digits: int = 4) -> Any:
    """Numbers to four decimals, in whatever they stand."""
    if isinstance(value, dict):
        return {name: rounded(item, digits) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item, digits) for item in value]
    return round(value, digits) if isinstance(value, float) else value


def without_nan(value: Any) -> Any:
    """What JSON can hold: lists, text keys, and null for what is not a number."""
    if isinstance(value, dict):
        return {str(key): without_nan(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(one) for one in value]
    return None if value != value else value


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
