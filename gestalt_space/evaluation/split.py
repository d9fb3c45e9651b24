"""A split given by the user: which patients are tested, and which are evidence."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from gestalt_space.errors import UsageError
from gestalt_space.evaluation.split_file import PATIENT, SPLIT_FORM, TEST, read_parts
from gestalt_space.paths import display_name


@dataclass(frozen=True, slots=True)
class EvaluationSplit:
    """Identifiers of the patients who are evidence, and of those who are tested. `name`: of the
    file."""

    name: str
    gallery: frozenset[str]
    test: frozenset[str]


def read_split(path: Path, known: Collection[str]) -> EvaluationSplit:
    """Read a split: patients of the part `test` are tested, those of all other parts are evidence.

    `known`: the gallery's patients; those who are not in the file are neither tested nor evidence.
    Raises `UsageError` for an unknown patient, where nobody is tested or nobody is evidence, and as
    `read_parts` does.
    """
    parts = read_parts(path)
    known = frozenset(known)
    name = display_name(path.name)
    for patient, one in parts.items():
        if patient not in known:
            raise UsageError(
                f"{name}, line {one.line}, column {PATIENT}: the gallery has no patient "
                f"{patient[:40]!r}.",
                "Delete the row, or add the patient: `gestalt index add`.",
            )
    test = frozenset(patient for patient, one in parts.items() if one.part == TEST)
    gallery = frozenset(parts) - test
    if not gallery:
        raise UsageError(
            f"{name} has nobody to match against: no patient in part gallery, training or "
            "validation.",
            SPLIT_FORM,
        )
    if not test:
        raise UsageError(f"{name} has no patient in part test.", SPLIT_FORM)
    return EvaluationSplit(path.name, gallery, test)
