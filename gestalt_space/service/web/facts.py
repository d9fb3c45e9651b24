"""Facts of a patient as the fields of a form, and the fields that somebody changed as a
correction."""

from __future__ import annotations

from collections.abc import Mapping

from gestalt_space.ages import age_text
from gestalt_space.gallery.intake.given import correction_of
from gestalt_space.gallery.intake.records import ReadRecord
from gestalt_space.store.reads import PatientRecord, PhotoDetail

_NAMES = "disorder_name"


def shown_facts(patient: PatientRecord) -> dict[str, str]:
    """The facts of a patient as cells of a table, by its columns."""
    return {
        "disorder": "; ".join(code for code, _ in patient.disorders),
        _NAMES: "; ".join(name for _, name in patient.disorders if name),
        "genes": "; ".join(patient.genes),
        "sex": patient.sex or "",
        "ancestry": patient.ancestry or "",
        "cohort": patient.cohort or "",
        "family": patient.family or "",
        "hpo": "; ".join((*patient.hpo, *(f"!{term}" for term in patient.hpo_absent))),
        "consent": patient.consent or "",
    }


def photo_facts(photo: PhotoDetail) -> dict[str, str]:
    """The facts of a photo as cells of a table, by its columns."""
    return {"age": "" if photo.age is None else age_text(photo.age), "site": photo.site or ""}


def changed_facts(
    patient: str, was: Mapping[str, str], given: Mapping[str, str]
) -> tuple[ReadRecord, tuple[str, ...]]:
    """What fields that were changed are to set, and the facts that are to be emptied. Raises
    `UsageError` where nothing was changed, or a field cannot be read."""
    given = {name: value.strip() for name, value in given.items()}
    changed = {name for name in given if given[name] != was[name]}
    if _NAMES in changed:
        changed.add("disorder")
    if "disorder" not in changed:
        names: tuple[str, ...] = ()
    else:
        # Names of other disorders do not stay with new ones.
        names = (given[_NAMES],) if _NAMES in changed and given[_NAMES] else ()
    changed.discard(_NAMES)
    cells = {name: given[name] for name in changed if given[name]}
    clear = sorted(name for name in changed if not given[name])
    return correction_of(cells, patient, names, clear)
