"""What the rows of one command tell together: rows of one patient must not contradict each other,
and facts of one patient may stand in several of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gestalt_space.ages import same_age
from gestalt_space.errors import PatientConflict
from gestalt_space.intake.records import Intake
from gestalt_space.store.facts import SINGLE_FACTS, Told
from gestalt_space.types import PhotoRecord


def check_together(rows: Sequence[Intake]) -> list[Intake]:
    """The rows; one that contradicts a row before it has its `PatientConflict` as error."""
    told: dict[tuple[object, ...], tuple[Any, str]] = {}
    return [row if row.record is None else _checked(row, row.record, told) for row in rows]


def told_of_patients(rows: Sequence[Intake]) -> dict[str, Told]:
    """What all sound rows tell of each patient."""
    records: dict[str, list[PhotoRecord]] = defaultdict(list)
    for row in rows:
        if row.record is not None and row.error is None:
            records[row.record.patient].append(row.record)
    return {patient: Told.of(some) for patient, some in records.items()}


def _checked(
    row: Intake, record: PhotoRecord, told: dict[tuple[object, ...], tuple[Any, str]]
) -> Intake:
    facts: dict[tuple[object, ...], Any] = {
        (record.patient, fact): getattr(record, fact) for fact in SINGLE_FACTS
    }
    facts |= {(record.patient, term): "present" for term in record.hpo}
    facts |= {(record.patient, term): "absent" for term in record.hpo_absent}
    facts |= {
        (record.patient, row.path, "age"): record.age,
        (record.patient, row.path, "face"): record.face,
    }
    facts = {key: value for key, value in facts.items() if value is not None}
    for key, value in facts.items():
        first, where = told.get(key, (value, ""))
        is_same = same_age(first, value) if key[-1] == "age" else first == value
        if not is_same:
            error = PatientConflict(
                f"Two rows of patient {record.patient!r} contradict each other: {key[-1]} {first} "
                f"({where}) and {value}.",
                "Mend one of them.",
            )
            return replace(row, error=error)
    told |= {key: (value, row.photo) for key, value in facts.items() if key not in told}
    return row
