"""Names that a reader takes for one and a computer does not: `P17` and `p17`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from gestalt_space.gallery.intake.records import Intake
from gestalt_space.names import likeness


class Spellings:
    """The names that are known, by what a reader sees of them."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = set(known)
        self._stored = {likeness(name): name for name in self._known}
        self._given: dict[str, str] = {}

    def note(self, what: str, name: str) -> str:
        """What to say of a name that the gallery, or an earlier row, has in another spelling; empty
        where there is none. The name is known from then on."""
        seen = likeness(name)
        if name in self._known:
            return ""
        if seen in self._stored:
            return (
                f"{what} {name!r}: the gallery has {self._stored[seen]!r}. Check whether they "
                "are the same."
            )
        first = self._given.setdefault(seen, name)
        if first == name:
            return ""
        return f"{what} {name!r}: another row has {first!r}. Check whether they are the same."


Alike = Callable[[Iterable[str]], Iterable[str]]
"""Given names, says which names the gallery has that a reader takes for one of them."""


def note_likenesses(
    rows: Sequence[Intake], patients_like: Alike, disorders_like: Alike
) -> list[Intake]:
    """Rows with a note where a patient or a disorder differs from another, of the gallery or of a
    row before it, in case and blanks alone."""
    records = [row.record for row in rows if row.record is not None]
    people = Spellings(patients_like({record.patient for record in records}))
    told = {disorder.id for record in records for disorder in record.disorders}
    titles = Spellings(disorders_like(told))
    noted = []
    for row in rows:
        if row.record is not None:
            notes = [people.note("patient", row.record.patient)]
            notes += [titles.note("disorder", disorder.id) for disorder in row.record.disorders]
            row = row.with_notes(filter(None, notes))
        noted.append(row)
    return noted
