"""What was found wrong with an index on disk and mended, without anybody asking for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Repair:
    """`found`: what was wrong; `done`: what was done about it. Both are whole sentences."""

    found: str
    done: str

    @property
    def told(self) -> str:
        """Both, for a person."""
        return f"{self.found} {self.done}"


def rebuilt(why: str) -> Repair:
    """An index was damaged or missing, and was written anew."""
    return Repair(why, "The index was rebuilt from the database; nothing is lost.")


def half_deleted(folder: str) -> Repair:
    """What a killed process left of a backup, an export or an import is gone."""
    return Repair(
        f"A backup, export or import that was stopped had left {folder}, with patients in it.",
        "It is deleted.",
    )


CLEANED = Repair(
    "A process that was stopped had removed something, and left it in files.",
    "They are clean of it now.",
)
TIDIED = Repair(
    "A process that was stopped had left files of the index that it had not finished.",
    "They are deleted.",
)
COPIED = Repair(
    "This home is a copy of another one of the database; its index may have had patients who were "
    "erased since.",
    "It is a home of its own now: the index was wiped away and made anew.",
)
CAME_BACK = Repair(
    "The database had forgotten this home; its index may have had patients who were erased since.",
    "The index was wiped away and made anew.",
)
