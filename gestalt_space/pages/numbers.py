"""Numbers as pages write them; the filters of all templates."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gestalt_space.counts import counted_text
from gestalt_space.stats.estimates import Estimate, Finding

NONE = "–"
"""Stands where there is no number."""


def counted(number: int, noun: str = "", plural: str = "") -> str:
    """How many, with a comma at each thousand: `1,234`, `1 patient`, `2 patients`."""
    return counted_text(number, noun, plural or None) if noun else f"{number:,}"


def fixed(value: float, digits: int) -> str:
    """A number with so many digits after the point."""
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}") if value == value else NONE


def short(value: float) -> str:
    """A number with two digits that count, such as a p-value."""
    return f"{value:.2g}" if value == value else NONE


def number(value: float | None, digits: int) -> str:
    """A number of a document with so many digits that count; null is none."""
    return NONE if value is None else f"{value:.{digits}g}".replace("-", "\N{MINUS SIGN}")


def percent(share: float, digits: int = 0) -> str:
    """A share 0..1 as a percentage."""
    return f"{100 * share:.{digits}f} %"


def interval(of: Estimate) -> str:
    """The interval of a share 0..1, in per cent."""
    return f"({100 * of.low:.0f}–{100 * of.high:.0f})"


def share(of: Estimate) -> str:
    """A share 0..1 with its interval, in per cent."""
    return f"{percent(of.value, 1)} {interval(of)}"


def points(of: Estimate) -> str:
    """A difference of two shares with its interval, in percentage points."""
    value, low, high = (f"{100 * one:+.1f}" for one in (of.value, of.low, of.high))
    return f"{value} ({low} to {high})".replace("-", "\N{MINUS SIGN}")


def finding(of: Finding, digits: int) -> str:
    """A finding with its interval, where it has one."""
    value, low, high = (fixed(one, digits) for one in (of.estimate, of.low, of.high))
    return value if low == NONE else f"{value} ({low} to {high})"


def p_value_text(p: float) -> str:
    """A p-value."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


FILTERS: Mapping[str, Callable[..., str]] = {
    "counted": counted,
    "fixed": fixed,
    "number": number,
    "short": short,
    "percent": percent,
    "interval": interval,
    "share": share,
    "points": points,
    "finding": finding,
    "p_value": p_value_text,
}
