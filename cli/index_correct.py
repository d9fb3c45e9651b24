"""`gestalt index move`, `merge`, `split` and `undo`."""

from __future__ import annotations

from typing import Annotated

import typer

from . import options
from .corrections import carry_out, undone


def move(
    photo: Annotated[
        str,
        typer.Option(
            "--photo",
            help="Photo to move, by its file name, path in the gallery or sha256.",
            show_default=False,
        ),
    ],
    of: Annotated[
        str,
        typer.Option(
            "--of", help="Patient who has the photo now.", metavar="PATIENT", show_default=False
        ),
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to", help="Patient who should have it.", metavar="PATIENT", show_default=False
        ),
    ],
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Move a photo from the wrong patient to the right one.

    If the patient after --to does not exist, they are created without facts. If you move the last
    photo of a patient, the patient is removed with all facts. `gestalt index undo` brings them
    back.
    """
    carry_out(
        lambda gallery: gallery.move_photo(photo, of=of, to=to), home, as_json=as_json, quiet=quiet
    )


def merge(
    into: Annotated[
        str, typer.Argument(help="Patient who stays.", metavar="P1", show_default=False)
    ],
    other: Annotated[
        str,
        typer.Argument(help="Patient who becomes part of P1.", metavar="P2", show_default=False),
    ],
    keep: Annotated[
        str | None,
        typer.Option(
            "--keep",
            help="Patient whose facts to keep if the two contradict each other.",
            metavar="PATIENT",
            show_default=False,
        ),
    ] = None,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Merge two patients who are one person: P2 becomes part of P1.

    P1 gets the photos of P2, and the facts that P1 does not have. If the two contradict each other,
    nothing is changed and the differences are listed; --keep says whose facts are right. If both
    have the same photo, one copy stays. If one of them has withdrawn consent, it is withdrawn for
    both.
    """
    carry_out(
        lambda gallery: gallery.merge(into, other, keep=keep), home, as_json=as_json, quiet=quiet
    )


def split(
    patient: Annotated[
        str, typer.Argument(help="Patient to split.", metavar="P1", show_default=False)
    ],
    photo: Annotated[
        list[str],
        typer.Option(
            "--photo",
            help="Photo of the other person, by its file name, path in the gallery or sha256. "
            "Repeatable.",
            show_default=False,
        ),
    ],
    to: Annotated[
        str,
        typer.Option("--to", help="Id of the new patient.", metavar="P2", show_default=False),
    ],
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Split a patient who is two people: move some photos to a new patient.

    The new patient gets a copy of all facts. Check them with `gestalt index show`.
    """
    carry_out(
        lambda gallery: gallery.split(patient, photo, to=to), home, as_json=as_json, quiet=quiet
    )


def undo(
    event: Annotated[
        int | None,
        typer.Option(
            "--event",
            min=1,
            help="Number of the event to undo, from `gestalt index log`. [default: the last "
            "correction that is not undone yet]",
            metavar="N",
            show_default=False,
        ),
    ] = None,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Do not ask before restoring a withdrawn consent."),
    ] = False,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Undo the last correction: `set`, `move`, `merge`, `split`, or the changes that `add` made to
    existing patients.

    Each further `undo` goes back one more correction. The changes of one `add` are undone together;
    with --event, only those of one event. To redo a correction, give --event with the number of its
    undo.

    If a later change to the same patients is still in place, nothing is undone. Adding and removing
    patients cannot be undone this way. If an undo would restore a consent that was withdrawn, you
    are asked first; without a terminal, give --yes.
    """
    carry_out(
        lambda gallery: undone(gallery, event, yes=yes),
        home,
        as_json=as_json,
        quiet=quiet,
        may_ask=True,
    )
