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
            help="The photo, by its file name, path in the gallery or sha256.",
            show_default=False,
        ),
    ],
    of: Annotated[
        str,
        typer.Option("--of", help="Whose it is now.", metavar="PATIENT", show_default=False),
    ],
    to: Annotated[
        str,
        typer.Option("--to", help="Whose it is in truth.", metavar="PATIENT", show_default=False),
    ],
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Move a photo that was filed under the wrong patient.

    If there is no patient of the name after --to, one is made, without facts. A patient whose last
    photo is moved goes with it, facts included, as by `remove`; `gestalt index undo` brings them
    back.
    """
    carry_out(
        lambda gallery: gallery.move_photo(photo, of=of, to=to), home, as_json=as_json, quiet=quiet
    )


def merge(
    into: Annotated[
        str, typer.Argument(help="The patient who stays.", metavar="P1", show_default=False)
    ],
    other: Annotated[
        str,
        typer.Argument(
            help="The patient who becomes part of the first.", metavar="P2", show_default=False
        ),
    ],
    keep: Annotated[
        str | None,
        typer.Option(
            "--keep",
            help="Whose facts are right where the two contradict each other.",
            metavar="PATIENT",
            show_default=False,
        ),
    ] = None,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Merge two patients who are one person: P2 becomes part of P1.

    Photos move, and facts that P1 does not have. If the two contradict each other, nothing is
    changed and the differences are listed; --keep says whose facts are right. Of photos with the
    same bytes one stays. If one of the two has withdrawn consent, it is withdrawn for both.
    """
    carry_out(
        lambda gallery: gallery.merge(into, other, keep=keep), home, as_json=as_json, quiet=quiet
    )


def split(
    patient: Annotated[
        str, typer.Argument(help="The patient who is two.", metavar="P1", show_default=False)
    ],
    photo: Annotated[
        list[str],
        typer.Option(
            "--photo",
            help="A photo of the other person, by its file name, path in the gallery or sha256; "
            "repeat.",
            show_default=False,
        ),
    ],
    to: Annotated[
        str,
        typer.Option("--to", help="Name of the new patient.", metavar="P2", show_default=False),
    ],
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Split a patient who is two persons: some photos become those of a new patient.

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
            help="The event to take back, by its number in `gestalt index log`. [default: the last "
            "correction that is not undone yet]",
            metavar="N",
            show_default=False,
        ),
    ] = None,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Do not ask before consent that was withdrawn is given back."),
    ] = False,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Take back the last correction that is not undone yet: `set`, `move`, `merge`, `split`, or
    what `add` changed in patients who were there.

    Each further `undo` goes back one more. What one `add` changed is taken back as a whole, with
    --event for the one patient of that event. --event with the number of an undo does again what
    it undid.

    If the patients were changed since by something that is not undone, nothing is undone. What was
    removed or added is not undone by this. If a patient's consent was withdrawn and would come
    back, you are asked; without a terminal give --yes.
    """
    carry_out(
        lambda gallery: undone(gallery, event, yes=yes),
        home,
        as_json=as_json,
        quiet=quiet,
        may_ask=True,
    )
