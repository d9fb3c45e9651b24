"""`gestalt index erase`: patients leave every file, and a receipt says so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options, output
from .asking import confirm
from .interruption import interruption

if TYPE_CHECKING:
    from gestalt_space.gallery.erasure.erased import Erased

REMEMBERED = (
    "What was begun is remembered: `gestalt index erase --resume` ends it and writes the receipt."
)


def erase(
    patient: Annotated[
        list[str],
        typer.Option("--patient", help="Whom to erase; repeat.", show_default=False),
    ] = [],  # noqa: B006 - Typer copies it
    receipt: Annotated[
        Path | None,
        typer.Option(
            "--receipt",
            help="Where to write the receipt: a new JSON file, outside the home.",
            show_default=False,
        ),
    ] = None,
    name_patient: Annotated[
        bool,
        typer.Option("--name-patient", help="Write the identifiers into the receipt as well."),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="End the erasures that were begun and are not done.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Erase patients from every file of the gallery, search the files for them, and write a
    receipt.

    Rows, crops, descriptors, index files, details in the audit trail, the write-ahead log and
    free space of the database are cleaned. Then the raw bytes of every file but the models are
    searched for the identifier, names and sha256 of photos, and pieces of descriptors and crops.
    There is no way back. If another process holds a file, the erasure is remembered, and --resume
    ends it.

    The receipt names patients by salted hashes. Backups and exports are not reached: the receipt
    lists those that this tool made.
    """
    from gestalt_space.errors import UsageError
    from gestalt_space.home import Gallery

    if resume == bool(patient):
        raise UsageError(
            "Either patients to erase or --resume is needed.",
            "Give --patient P17 --receipt receipt.json, or --resume.",
        )
    if not resume and receipt is None:
        raise UsageError("An erasure has a receipt.", "Give --receipt receipt.json.")
    with Gallery.open(home) as gallery, interruption(lambda: ".", REMEMBERED):
        if not resume:
            whom = ", ".join(patient)
            question = f"Erase {whom}? There is no way back."
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
            output.say("No erasure was begun that is not done.")
        for one in done:
            _say(one)


def _say(erased: Erased) -> None:
    searched = erased.searched
    whom = output.counted_text(len(erased.patients), "patient")
    output.say(
        f"{whom} erased with {output.counted_text(len(erased.photos), 'photo')}. "
        f"{output.counted_text(searched.files, 'file')} searched ({searched.bytes:,} bytes): "
        f"{output.counted_text(searched.hits, 'hit')}."
    )
    if erased.removed_before:
        output.say(f"{erased.removed_before:,} of them had been removed before.")
    if searched.others:
        output.say("The same also stands in rows of others; the receipt lists where.")
    if searched.uncertain or searched.not_searched:
        output.say(
            "An identifier or a photo's name is so short that bytes are like it by chance; see the "
            "receipt."
        )
    for copy in erased.copies:
        output.say(f"Not reached: the {copy['action']} {copy['path']} of {copy['at']}.")
    for home in erased.forgotten:
        output.say(f"Not reached: the home {home['place']}, which was forgotten at {home['at']}.")
