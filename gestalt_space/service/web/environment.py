"""The templates of the pages in each language: values are escaped, and one that is missing is an
error. Numbers and dates are written as the language has them."""

from __future__ import annotations

from datetime import datetime
from functools import cache

from babel import Locale, dates, numbers
from jinja2 import Environment, PackageLoader, StrictUndefined

from gestalt_space.service.web.languages import Language, translations

NONE = "–"
"""Stands where there is no number."""


@cache
def environment(language: Language) -> Environment:
    """The templates in a language."""
    made = Environment(
        loader=PackageLoader("gestalt_space.service"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(  # type: ignore[attr-defined]
        translations(language), newstyle=True
    )
    locale = Locale.parse(language)

    def number(value: float | None, digits: int = 0) -> str:
        """With so many digits after the point."""
        if value is None or value != value:
            return NONE
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        return numbers.format_decimal(value, pattern, locale=locale)

    def percent(share: float | None, digits: int = 0) -> str:
        """A share 0..1."""
        if share is None:
            return NONE
        pattern = locale.percent_formats[None].pattern
        wanted = "#,##0" + ("." + "0" * digits if digits else "")
        return numbers.format_percent(share, pattern.replace("#,##0", wanted), locale=locale)

    def day(value: datetime) -> str:
        return dates.format_date(value, "long", locale=locale)

    def time(value: datetime) -> str:
        return dates.format_datetime(value, "medium", locale=locale)

    made.filters.update(number=number, percent=percent, day=day, time=time)
    return made
