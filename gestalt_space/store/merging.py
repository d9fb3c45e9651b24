"""Two patients who turn out to be one: what is known of both together, and where they contradict
each other. Plain facts, as `past` takes them; no database."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from gestalt_space.store.facts import SINGLE_FACTS
from gestalt_space.store.past import Facts
from gestalt_space.types import WITHDRAWN

Keep = Literal[0, 1]
"""Whose facts stay where the two contradict each other."""


def merged_facts(
    names: tuple[str, str], both: tuple[Facts, Facts], keep: Keep | None
) -> tuple[Facts, list[str]]:
    """The facts of two patients together, and what contradicts: `sex: female (P1), male (P2)`.

    A list that the other's contains is no contradiction. Consent that one withdrew is withdrawn.
    """
    conflicts: list[str] = []
    kept, given_up = (both[keep], both[1 - keep]) if keep else both
    merged = dict(both[0])
    for fact in SINGLE_FACTS:
        values = both[0][fact], both[1][fact]
        merged[fact] = kept[fact] if kept[fact] is not None else given_up[fact]
        if fact == "consent" and WITHDRAWN in values:
            merged[fact] = WITHDRAWN
        elif None not in values and values[0] != values[1]:
            conflicts.append(_told(fact, names, *values))
    for fact, title in (("disorders", "disorder"), ("genes", "gene")):
        one, other = set(both[0][fact]), set(both[1][fact])
        is_apart = not (one <= other or other <= one)
        if is_apart:
            conflicts.append(_told(title, names, _listed(one), _listed(other)))
        together = set(kept[fact]) if is_apart else one | other
        if fact == "disorders":
            certain = {**given_up[fact], **kept[fact]}
            merged[fact] = {code: certain[code] for code in sorted(together)}
        else:
            merged[fact] = sorted(together)
    for term in sorted(set(both[0]["hpo"]) & set(both[1]["hpo"])):
        signs = [facts["hpo"][term] for facts in both]
        if signs[0] != signs[1]:
            words = ("present" if sign else "absent" for sign in signs)
            conflicts.append(_told(term, names, *words))
    merged["hpo"] = {**given_up["hpo"], **kept["hpo"]}
    return merged, conflicts


def _told(what: str, names: tuple[str, str], one: str, other: str) -> str:
    return f"{what}: {one} ({names[0]}), {other} ({names[1]})"


def _listed(values: Collection[str]) -> str:
    return "; ".join(sorted(values))
