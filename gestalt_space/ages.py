"""Ages in years, compared and written to the day: `4y2m` and `50m` are one age."""

from __future__ import annotations

DAYS_PER_YEAR = 365.25
HALF_A_DAY = 0.5 / DAYS_PER_YEAR
"""In years."""


def same_age(a: float, b: float) -> bool:
    """Whether two ages in years are the same day of a life: at most half a day apart."""
    return abs(a - b) <= HALF_A_DAY


def age_text(years: float) -> str:
    """An age in years, 0 or more, as years, months and days: `4y2m`, `18m`, `10d`, `0d`.

    The shortest notation of that day that `parse_age` reads; a month is a twelfth of a year.
    """
    months, rest = divmod(years * 12, 1)
    days = round(rest * DAYS_PER_YEAR / 12)
    if same_age((months + 1) / 12, years):
        months, days = months + 1, 0
    whole, months = divmod(int(months), 12)
    if whole == 1 and months:
        whole, months = 0, months + 12
    parts = ((whole, "y"), (months, "m"), (days, "d"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0d"
