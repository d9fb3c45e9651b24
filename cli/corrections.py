"""What the commands that correct a gallery have in common: how they end, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from . import output
from .interruption import interruption

if TYPE_CHECKING:
    from gestalt_space.gallery.correcting import Correction
    from gestalt_space.home import Gallery

    Work: TypeAlias = Callable[[Gallery], Correction]


def carry_out(
    work: Work,
    home: Path | None,
    *,
    as_json: bool,
    quiet: bool,
    notes: Sequence[str] = (),
    asked: bool = True,
) -> None:
    """Correct the gallery of a home, and say what changed. `notes`: on how the options were read;
    `asked`: whether anything was to be changed."""
    from gestalt_space.errors import UsageError
    from gestalt_space.home import Gallery

    if not asked:
        raise UsageError("Nothing to set was named.", "Give --sex, --disorder, … or --clear FACT.")
    with (
        interruption(
            lambda: ": all of it was corrected, or nothing.",
            "`gestalt index log --last 1` says which.",
        ),
        Gallery.open(home) as gallery,
    ):
        done = work(gallery)
    told = tuple(dict.fromkeys((*notes, *done.notes)))
    if as_json:
        undone = done.undone
        output.write_json(
            {
                "version": 1,
                "changes": list(done.changes),
                "notes": list(told),
                "undone": None if undone is None else {"id": undone.id, "action": undone.action},
                "left_in_log": None if done.left_in_log is None else done.left_in_log.as_dict(),
            }
        )
    if quiet:
        return
    if done.undone is not None:
        one = done.undone
        output.say(f"Undone: {one.action}, by {one.actor} ({one.at:%Y-%m-%d %H:%M} UTC).")
    for change in done.changes:
        output.say(change, indent="  " if done.undone is not None else "")
    if not done.changes:
        output.say("Nothing changed: the gallery says so already.")
    for note in told:
        output.say(note)
    if done.left_in_log is not None:
        output.say_error(done.left_in_log)
