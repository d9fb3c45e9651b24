"""What the rows of one command tell together: rows of one patient must not contradict each other,
and facts of one patient may stand in several of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from gestalt_space.ages import age_text, same_age
from gestalt_space.errors import PatientConflict
from gestalt_space.gallery.intake.records import Intake
from gestalt_space.store.facts import SINGLE_FACTS, CommandFacts
from gestalt_space.types import PhotoRecord

Key: TypeAlias = tuple[object, ...]
"""What a fact is of: the patient, with the photo's path where it is the photo's; and its name."""


def check_together(rows: Sequence[Intake]) -> list[Intake]:
    """The rows; those that contradict another one have a `PatientConflict` as error, each of them:
    which of two is right nobody here can know."""
    told: dict[Key, list[tuple[Any, str]]] = defaultdict(list)
    for row in rows:
        for key, value in _facts(row).items():
            told[key].append((value, row.photo))
    conflicts = {key: found for key, values in told.items() if (found := _conflict(key, values))}
    return [_checked(row, conflicts) for row in rows]


def told_of_patients(rows: Sequence[Intake]) -> dict[str, CommandFacts]:
    """What all sound rows tell of each patient."""
    records: dict[str, list[PhotoRecord]] = defaultdict(list)
    for row in rows:
        if row.record is not None and row.error is None:
            records[row.record.patient].append(row.record)
    return {patient: CommandFacts.of(some) for patient, some in records.items()}


def _facts(row: Intake) -> dict[Key, Any]:
    """What a row tells that another row of the patient, or of the photo, cannot tell otherwise."""
    record = row.record
    if record is None:
        return {}
    facts: dict[Key, Any] = {(record.patient, fact): getattr(record, fact) for fact in SINGLE_FACTS}
    facts |= {(record.patient, term): "present" for term in record.hpo}
    facts |= {(record.patient, term): "absent" for term in record.hpo_absent}
    facts |= {
        (record.patient, row.path, "age"): record.age,
        (record.patient, row.path, "site"): record.site,
        (record.patient, row.path, "face"): record.face,
    }
    return {key: value for key, value in facts.items() if value is not None}


def _conflict(key: Key, values: Sequence[tuple[Any, str]]) -> PatientConflict | None:
    first, where = values[0]
    for other, place in values[1:]:
        is_age = key[-1] == "age"
        if same_age(first, other) if is_age else first == other:
            continue
        one, another = (age_text(value) if is_age else value for value in (first, other))
        return PatientConflict(
            f"Two rows of patient {key[0]!r} contradict each other: {key[-1]} {one} ({where}) and "
            f"{another} ({place}).",
            "Correct one of them. Neither row was used.",
        )
    return None


def _checked(row: Intake, conflicts: Mapping[Key, PatientConflict]) -> Intake:
    found = [conflicts[key] for key in _facts(row) if key in conflicts]
    return replace(row, error=found[0]) if found else row
