"""What the commands that correct a gallery have in common: how they end, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from gestalt_space.counts import counted_text

from . import output
from .asking import can_be_asked, confirm
from .interruption import interruption
from .opening import opened

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
    may_ask: bool = False,
) -> None:
    """Correct the gallery of a home, and say what changed. `notes`: on how the options were read;
    `may_ask`: whether the work asks a question, beside which no bar is shown."""
    with (
        interruption(
            lambda: ": either everything was corrected, or nothing.",
            "`gestalt index log --last 1` shows which.",
        ),
        opened(home) as gallery,
        output.step("Correcting", quiet=quiet or may_ask),
    ):
        done = work(gallery)
    told = tuple(dict.fromkeys((*notes, *done.notes)))
    if as_json:
        from gestalt_space.documents.corrected import corrected_document

        output.write_json(corrected_document(done, told))
    if quiet:
        return
    if done.undone:
        one, more = done.undone[0], len(done.undone) - 1
        others = f" and {counted_text(more, 'event')} more of the same `add`" if more else ""
        output.say(
            f"Undone: event {one.id}{others}, {one.action} by {one.actor} "
            f"({one.at:%Y-%m-%d %H:%M} UTC)."
        )
    for change in done.changes:
        output.say(str(change), indent="  " if done.undone else "")
    if not done.changes:
        output.say("Nothing changed: the gallery already has these facts.")
    for note in told:
        output.say(note)
    if done.left_in_log is not None:
        output.say_error(done.left_in_log)


def undone(gallery: Gallery, event: int | None, *, yes: bool) -> Correction:
    """What an undo changed. Whether consent that was withdrawn may come back is asked, unless
    `yes`; without a terminal it may not."""
    from gestalt_space.errors import ConsentReturns

    try:
        return gallery.undo(event)
    except ConsentReturns as error:
        if not yes and not can_be_asked():
            raise
        confirm(f"{error.message} Undo it?", yes=yes, not_done="Nothing was undone.")
        return gallery.undo(event, consent_again=error.patients, expected=error.events)
