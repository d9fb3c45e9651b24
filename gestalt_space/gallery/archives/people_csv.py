"""The table for people in an export: one row a photo. It is not read back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any

from gestalt_space.ages import age_text
from gestalt_space.tables.rows import RowWriter

COLUMNS = (
    *("patient", "photo", "disorder", "disorder_name", "genes", "sex", "age", "ancestry"),
    *("cohort", "family", "site", "hpo", "consent", "sha256", "added"),
)


class PeopleWriter:
    """Writes the table to a stream of text."""

    def __init__(self, stream: IO[str]) -> None:
        self._writer = RowWriter(stream)
        self._writer.write(COLUMNS)

    def write(
        self,
        person: Sequence[Any],
        photo: Sequence[Any],
        *,
        disorders: Sequence[tuple[str, str]],
        genes: Sequence[str],
        terms: Sequence[tuple[str, bool]],
    ) -> None:
        """A photo, of rows of the tables `patients` and `photos`; `disorders` with their names."""
        patient, sex, ancestry, cohort, consent, family, _ = person
        _, sha256, name, age, site, _, _, added_at = photo
        self._writer.write(
            (
                *(patient, name, _listed(code for code, _ in disorders)),
                *(_listed(title for _, title in disorders), _listed(genes), sex),
                *(None if age is None else age_text(age), ancestry, cohort, family, site),
                _listed(term if present else f"!{term}" for term, present in terms),
                *(consent, sha256, f"{added_at:%Y-%m-%d}"),
            )
        )


def _listed(values: Any) -> str:
    return ";".join(values)
