"""Fonts for names in any writing: matplotlib's own first, then what the machine has."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

OWN = "DejaVu Sans"
"""It comes with matplotlib, and has Latin, Greek, Cyrillic and more."""
KNOWN = (
    *("Noto Sans CJK SC", "Noto Sans CJK TC", "Noto Sans CJK JP", "Noto Sans SC", "Noto Sans TC"),
    *("Source Han Sans SC", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Microsoft YaHei"),
    *("PingFang SC", "Hiragino Sans GB", "Arial Unicode MS", "Droid Sans Fallback", "Noto Sans"),
)
"""Looked into first, in this order: they have the writings of most patients' names."""


@lru_cache(maxsize=1)
def installed() -> tuple[str, ...]:
    """Those of the known families that this machine has."""
    there = {one.name for one in font_manager.fontManager.ttflist}
    return tuple(name for name in KNOWN if name in there)


def families_for(texts: Iterable[str]) -> tuple[tuple[str, ...], str]:
    """The families that together have every character of some texts, to be tried in this order, and
    the characters that no font of this machine has, sorted."""
    wanted = frozenset("".join(texts)) - _characters(_path(OWN)) - _INVISIBLE
    families, left = _fallbacks(wanted) if wanted else ((), frozenset[str]())
    return (OWN, *families), "".join(sorted(left))


_INVISIBLE = frozenset("\n\r\t\u200b\u200c\u200d\u200e\u200f\ufe0e\ufe0f")


@lru_cache(maxsize=64)
def _fallbacks(wanted: frozenset[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    entries = font_manager.fontManager.ttflist
    order = {name: place for place, name in enumerate(KNOWN)}
    plain = [
        one
        for one in entries
        if one.style == "normal" and str(one.weight) in _REGULAR and not one.name.startswith(_BOXES)
    ]
    families: list[str] = []
    left = wanted
    for one in sorted(plain, key=lambda one: (order.get(one.name, len(KNOWN)), one.name)):
        if left and one.name not in families and left & _characters(one.fname):
            families.append(one.name)
            left -= _characters(one.fname)
    return tuple(families), left


_BOXES = "Last Resort"
"""A font that has a box for every character."""
_REGULAR = ("400", "normal", "regular")


@lru_cache(maxsize=16)
def _characters(path: str) -> frozenset[str]:
    """What a font file has; nothing for one that cannot be read."""
    try:
        return frozenset(map(chr, FT2Font(path).get_charmap()))
    except (OSError, RuntimeError):
        return frozenset()


def _path(family: str) -> str:
    return str(font_manager.findfont(family))
