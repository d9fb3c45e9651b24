"""What a correction changed: two pasts side by side, as `past` takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from gestalt_space.ages import age_text
from gestalt_space.store.facts import NOTHING, SINGLE_FACTS
from gestalt_space.store.past import Facts, Past

Kind = Literal["made", "gone", "fact", "moved", "age", "site", "dropped", "restored", "of disorder"]
_WORDS: dict[Kind, str] = {
    "made": "{patient}: new",
    "gone": "{patient}: no patient any more",
    "fact": "{what}: {old} → {new}",
    "moved": "photo {what}: {old} → {new}",
    "age": "age at {what}: {old} → {new}",
    "site": "site of {what}: {old} → {new}",
    "dropped": "photo {what} of {patient}: removed, the same photo is already there",
    "restored": "photo {what} of {patient}: restored",
    "of disorder": "{what} of {disorder}: {old} → {new}",
}


@dataclass(frozen=True, slots=True)
class Change:
    """Something that a correction changed, as text as people read it: `sex: male → female`.

    `what`: the fact, or the name of the photo; `patient`: whose it is, where the correction touched
    several; `old`, `new`: empty where there was or is nothing.
    """

    kind: Kind
    what: str = ""
    old: str = ""
    new: str = ""
    patient: str = ""
    disorder: str = ""

    def __str__(self) -> str:
        told = _WORDS[self.kind].format(
            what=self.what,
            old=self.old or NOTHING,
            new=self.new or NOTHING,
            patient=self.patient,
            disorder=self.disorder,
        )
        return f"{self.patient}: {told}" if self.kind == "fact" and self.patient else told


def differences(before: Past, after: Past) -> tuple[Change, ...]:
    """All that changed from one past to the next."""
    return tuple(_differences(before, after))


def _differences(before: Past, after: Past) -> Iterator[Change]:
    several = len(before["patients"]) > 1
    titles = _titles(before), _titles(after)
    for name, was in before["patients"].items():
        now = after["patients"][name]
        if was is not None and now is not None:
            yield from _of_facts(was, now, *titles, patient=name if several else "")
        elif was != now:
            yield Change("made" if was is None else "gone", patient=name)
    for key, was in before["photos"].items():
        yield from _of_photo(was, after["photos"][key])
    for code, was in before["disorders"].items():
        now = after["disorders"][code]
        if was is not None and now is not None:
            for what, old, new in (
                ("name", was["name"], now["name"]),
                ("genes", _listed(was["genes"]), _listed(now["genes"])),
            ):
                if old != new:
                    yield Change("of disorder", what, old, new, disorder=code)


def _titles(past: Past) -> dict[str, str]:
    """Disorders as people read them: `Kabuki syndrome (OMIM:147920)`."""
    return {
        code: f"{told['name']} ({code})"
        for code, told in past["disorders"].items()
        if told is not None and told["name"]
    }


def _of_facts(
    was: Facts, now: Facts, before: dict[str, str], after: dict[str, str], *, patient: str
) -> Iterator[Change]:
    if set(was["disorders"]) != set(now["disorders"]):
        old, new = _titled(was["disorders"], before), _titled(now["disorders"], after)
        yield Change("fact", "disorder", old, new, patient)
    for fact, old, new in (
        *((fact, was[fact] or "", now[fact] or "") for fact in SINGLE_FACTS),
        ("gene", _listed(was["genes"]), _listed(now["genes"])),
        ("HPO", _terms(was["hpo"]), _terms(now["hpo"])),
    ):
        if old != new:
            yield Change("fact", fact, old, new, patient)


def _of_photo(was: Facts | None, now: Facts | None) -> Iterator[Change]:
    if was is None or now is None:
        if was is not None:
            yield Change("dropped", was["name"], patient=was["of"])
        elif now is not None:
            yield Change("restored", now["name"], patient=now["of"])
        return
    if was["of"] != now["of"]:
        yield Change("moved", now["name"], was["of"], now["of"])
    if was["age"] != now["age"]:
        old, new = ("" if age is None else age_text(age) for age in (was["age"], now["age"]))
        yield Change("age", now["name"], old, new)
    if was["site"] != now["site"]:
        yield Change("site", now["name"], was["site"] or "", now["site"] or "")


def _listed(values: Iterable[str]) -> str:
    return "; ".join(sorted(values))


def _titled(codes: Iterable[str], titles: dict[str, str]) -> str:
    return "; ".join(titles.get(code, code) for code in sorted(codes))


def _terms(hpo: dict[str, bool]) -> str:
    return _listed(term if present else f"!{term}" for term, present in hpo.items())
