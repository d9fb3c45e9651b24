"""`gestalt index erase`: patients leave every file, and a receipt says so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.counts import counted_text

from . import options, output
from .asking import confirm
from .interruption import interruption

if TYPE_CHECKING:
    from gestalt_space.gallery.erasure.erased import Erased

_TRAINED = {
    "train": ("training", "had the patient", "may have had the patient"),
    "model": ("model", "was trained on the patient", "may have been trained on the patient"),
}
"""What has learned from patients, as it is called here, and what is said of it: surely, perhaps."""
REMEMBERED = "Run `gestalt index erase --resume` to finish it and write the receipt."


def erase(
    patient: Annotated[
        list[str],
        typer.Option("--patient", help="Patient to erase. Repeatable.", show_default=False),
    ] = [],  # noqa: B006 - Typer copies it
    receipt: Annotated[
        Path | None,
        typer.Option(
            "--receipt",
            help="Receipt to write: a new JSON file, outside the home.",
            show_default=False,
        ),
    ] = None,
    name_patient: Annotated[
        bool,
        typer.Option("--name-patient", help="Write the patient ids into the receipt too."),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Finish the erasures that have been started.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Erase patients from every file of the gallery, search the files for them, and write a
    receipt.

    This cleans rows, crops in the database or outside it, descriptors, index files, details in the
    audit trail, and the write-ahead log and free space of the database. Then it searches the bytes
    of every file except the models for the patient id, the names and sha256 of photos, and parts of
    descriptors and crops. This cannot be undone. If another process is using a file, or an object
    store does not answer, the erasure stays open; finish it with --resume.

    The receipt identifies patients by salted hashes. Backups and exports are not erased: the
    receipt lists those that gestalt-space made.
    """
    from gestalt_space.errors import UsageError
    from gestalt_space.home import Gallery

    if resume == bool(patient):
        raise UsageError(
            "Nothing to erase was given.",
            "Add --patient P17 --receipt receipt.json, or --resume.",
        )
    if not resume and receipt is None:
        raise UsageError("An erasure needs a receipt.", "Add --receipt receipt.json.")
    with Gallery.open(home) as gallery, interruption(lambda: ".", REMEMBERED):
        if not resume:
            whom = ", ".join(patient)
            question = f"Erase {whom}? This cannot be undone."
            confirm(question, yes=yes, not_done="Nothing was erased.")
        with output.progress("Searching", None, quiet=quiet, unit="MB") as show:

            def follow(size: int) -> None:
                show(size // 10**6, None)

            def wait(told: str) -> None:
                if not quiet:
                    output.say(told)

            if resume:
                done = gallery.resume_erasures(receipt, progress=follow, waiting=wait)
            else:
                done = [
                    gallery.erase(
                        patient,
                        receipt,
                        name_patients=name_patient,
                        progress=follow,
                        waiting=wait,
                    )
                ]
    if as_json:
        from gestalt_space.documents.receipts import erased_document

        output.write_json(erased_document(done))
    elif not quiet:
        if not done:
            output.say("There is no unfinished erasure.")
        for one in done:
            _say(one)


def _say(erased: Erased) -> None:
    searched = erased.searched
    whom = counted_text(len(erased.patients), "patient")
    output.say(
        f"Erased {whom} with {counted_text(len(erased.photos), 'photo')}. Searched "
        f"{counted_text(searched.files, 'file')} ({searched.bytes:,} bytes): "
        f"{counted_text(searched.hits, 'hit')}."
    )
    for place, count in sorted(erased.objects.items()):
        output.say(f"Deleted {counted_text(count, 'crop')} in {place}, with all versions.")
    if erased.removed_before:
        output.say(f"{erased.removed_before:,} of them had already been removed.")
    if searched.others:
        output.say("The same text also appears in rows of other patients; the receipt lists where.")
    if searched.uncertain or searched.not_searched:
        output.say(
            "A patient id or photo name is so short that it can appear in files by chance; see "
            "the receipt."
        )
    for copy in erased.copies:
        what, said = copy["action"], ""
        if what == "ask":
            what = "descriptor that was sent to"
        if what in _TRAINED:
            what, surely, perhaps = _TRAINED[what]
            said = f", which {surely if copy['certain'] else perhaps}"
        output.say(f"Not erased: the {what} {copy['path']} of {copy['at']}{said}.")
    for home in erased.forgotten:
        output.say(f"Not erased: the home {home['place']}, which was forgotten at {home['at']}.")
