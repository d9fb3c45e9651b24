"""Counts in words, the same in messages, tables and pages."""

from __future__ import annotations


def counted_text(count: int, noun: str, nouns: str | None = None) -> str:
    """`1 row`, `1,996 rows`. `nouns`: the plural, where it is not made by an s."""
    return f"{count:,} {noun if count == 1 else nouns or f'{noun}s'}"
