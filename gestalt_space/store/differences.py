"""What a correction changed, in words: two pasts side by side, as `past` takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gestalt_space.ages import age_text
from gestalt_space.store.facts import NOTHING, SINGLE_FACTS
from gestalt_space.store.past import Facts, Past


def differences(before: Past, after: Past) -> tuple[str, ...]:
    """What changed, each as people read it: `sex: male → female`. Where several patients were
    touched, behind the patient's identifier."""
    several = len(before["patients"]) > 1
    titles = _titles(before), _titles(after)
    found: list[str] = []
    for name, was in before["patients"].items():
        now = after["patients"][name]
        if was is None or now is None:
            if was != now:
                found.append(f"{name}: {'new' if was is None else 'no patient any more'}")
            continue
        told = _fact_differences(was, now, *titles)
        found += (f"{name}: {one}" if several else one for one in told)
    for key, was in before["photos"].items():
        found += _photo_differences(was, after["photos"][key])
    for code, was in before["disorders"].items():
        now = after["disorders"][code]
        if was is not None and now is not None:
            for what, old, new in (
                ("name", was["name"], now["name"]),
                ("genes", _listed(was["genes"]), _listed(now["genes"])),
            ):
                if old != new:
                    found.append(f"{what} of {code}: {old or NOTHING} → {new or NOTHING}")
    return tuple(found)


def _titles(past: Past) -> dict[str, str]:
    """Disorders as people read them: `Kabuki syndrome (OMIM:147920)`."""
    return {
        code: f"{told['name']} ({code})"
        for code, told in past["disorders"].items()
        if told is not None and told["name"]
    }


def _fact_differences(
    was: Facts, now: Facts, before: dict[str, str], after: dict[str, str]
) -> Iterator[str]:
    if set(was["disorders"]) != set(now["disorders"]):
        old, new = _titled(was["disorders"], before), _titled(now["disorders"], after)
        yield f"disorder: {old or NOTHING} → {new or NOTHING}"
    for fact, old, new in (
        *((fact, was[fact] or "", now[fact] or "") for fact in SINGLE_FACTS),
        ("gene", _listed(was["genes"]), _listed(now["genes"])),
        ("HPO", _terms(was["hpo"]), _terms(now["hpo"])),
    ):
        if old != new:
            yield f"{fact}: {old or NOTHING} → {new or NOTHING}"


def _photo_differences(was: Facts | None, now: Facts | None) -> Iterator[str]:
    if was is None or now is None:
        if was is not None:
            yield f"photo {was['name']} of {was['of']}: removed, the same photo is already there"
        elif now is not None:
            yield f"photo {now['name']} of {now['of']}: restored"
        return
    if was["of"] != now["of"]:
        yield f"photo {now['name']}: {was['of']} → {now['of']}"
    if was["age"] != now["age"]:
        old, new = (NOTHING if age is None else age_text(age) for age in (was["age"], now["age"]))
        yield f"age at {now['name']}: {old} → {new}"
    if was["site"] != now["site"]:
        yield f"site of {now['name']}: {was['site'] or NOTHING} → {now['site'] or NOTHING}"


def _listed(values: Iterable[str]) -> str:
    return "; ".join(sorted(values))


def _titled(codes: Iterable[str], titles: dict[str, str]) -> str:
    return "; ".join(titles.get(code, code) for code in sorted(codes))


def _terms(hpo: dict[str, bool]) -> str:
    return _listed(term if present else f"!{term}" for term, present in hpo.items())
