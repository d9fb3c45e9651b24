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
    return Repair(why, "The index was rebuilt from the database. Nothing is lost.")


def half_deleted(folder: str) -> Repair:
    """What a killed process left of a backup, an export or an import is gone."""
    return Repair(
        f"An interrupted backup, export or import had left {folder}, with data of patients.",
        "It was deleted.",
    )


CLEANED = Repair(
    "Files still had removed data: another home had removed it, or a process was interrupted.",
    "The files are clean now.",
)
TIDIED = Repair(
    "An interrupted process had left unfinished index files.",
    "They were deleted.",
)
COPIED = Repair(
    "This home is a copy of another home of the database. Its index could still have erased "
    "patients.",
    "It is now a separate home. The index was deleted and rebuilt.",
)
CAME_BACK = Repair(
    "The database had forgotten this home. Its index could still have erased patients.",
    "The index was deleted and rebuilt.",
)
