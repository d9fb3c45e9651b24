"""Fonts for names in any writing: matplotlib's own first, then what the machine has."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

OWN = "DejaVu Sans"
"""It comes with matplotlib, and has Latin, Greek, Cyrillic and more."""
KNOWN = (
    *("Noto Sans CJK TC", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans TC", "Noto Sans SC"),
    *("Source Han Sans TC", "Source Han Sans SC", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei"),
    *("PingFang TC", "Hiragino Sans GB", "Microsoft JhengHei", "Microsoft YaHei"),
    *("Arial Unicode MS", "Droid Sans Fallback"),
)
"""Looked into first, in this order: they have the writings of most patients' names."""
_BOXES = "Last Resort"
"""A font that has a box for every character."""
_REGULAR = ("400", "normal", "regular")
_INVISIBLE = frozenset("\n\r\t\u200b\u200c\u200d\u200e\u200f\ufe0e\ufe0f")


@lru_cache(maxsize=1)
def usual() -> tuple[str, ...]:
    """The families in which all text is drawn: matplotlib's own, and the first of the known ones
    that this machine has."""
    _look_again()
    there = {one.name for one in font_manager.fontManager.ttflist}
    return (OWN, *[name for name in KNOWN if name in there][:1])


def families_for(texts: Iterable[str]) -> tuple[tuple[str, ...], str]:
    """The usual families, and those that have the other characters of some texts, to be tried in
    this order; and the characters that no font of this machine has, sorted."""
    wanted = frozenset("".join(texts)) - _INVISIBLE
    with of_any_weight():
        for name in usual():
            wanted -= _characters(str(font_manager.findfont(name)))
    families, left = _fallbacks(wanted) if wanted else ((), wanted)
    return (*usual(), *families), "".join(sorted(left))


@contextmanager
def of_any_weight() -> Iterator[None]:
    """Without matplotlib's notices that a font does not have the weight that is asked for: many
    with Chinese characters have one weight alone."""
    logger = logging.getLogger("matplotlib.font_manager")

    def passes(record: logging.LogRecord) -> bool:
        return "Failed to find font weight" not in record.msg

    logger.addFilter(passes)
    try:
        yield
    finally:
        logger.removeFilter(passes)


def _look_again() -> None:
    """Let matplotlib know of fonts that were installed after it made its list."""
    manager = font_manager.fontManager
    listed = {str(one.fname) for one in manager.ttflist}
    for path in sorted(set(font_manager.findSystemFonts()) - listed):
        try:
            manager.addfont(path)
        except (OSError, RuntimeError):
            # Not a font that can be drawn with.
            continue


@lru_cache(maxsize=64)
def _fallbacks(wanted: frozenset[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    plain = [
        one
        for one in font_manager.fontManager.ttflist
        if one.style == "normal" and str(one.weight) in _REGULAR and not one.name.startswith(_BOXES)
    ]
    order = {name: place for place, name in enumerate(KNOWN)}
    families: list[str] = []
    left = wanted
    for one in sorted(plain, key=lambda one: (order.get(one.name, len(KNOWN)), one.name)):
        if left and one.name not in families and left & _characters(str(one.fname)):
            families.append(one.name)
            left -= _characters(str(one.fname))
    return tuple(families), left


@lru_cache(maxsize=16)
def _characters(path: str) -> frozenset[str]:
    """What a font file has; nothing for one that cannot be read."""
    try:
        return frozenset(map(chr, FT2Font(path).get_charmap()))
    except (OSError, RuntimeError):
        return frozenset()
