"""`gestalt index crops`: crops in an object store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.counts import counted_text

from . import options, output
from .asking import confirm
from .interruption import interruption
from .opening import opened

if TYPE_CHECKING:
    from gestalt_space.gallery.moving_crops import CheckedPlace

app = typer.Typer(
    help="Crops in an object store: move, check.", no_args_is_help=True, rich_markup_mode="markdown"
)
SHOWN = 20
EXIT_CODES = "Exit codes: 0 all crops are there, 1 some are missing or damaged, or an error."
_AGAIN = "Run the same command again; crops that were moved are skipped."


@app.command(epilog=options.EXIT_CODES)
def move(
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="URL such as `s3://BUCKET/PREFIX` or `file:///srv/crops`, or `database`.",
            show_default=False,
        ),
    ],
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Move all crops to an object store, or back to the database.

    Each crop is read back and compared before the old one is deleted. You can use the gallery
    meanwhile. Moving to the same URL again encrypts crops that have an older key with the first
    key.
    """
    from gestalt_space.crops.places import checked_url
    from gestalt_space.documents.crops import crops_moved_document
    from gestalt_space.gallery.moving_crops import DATABASE

    with (
        interruption(lambda: ": every crop is in its old or its new place.", _AGAIN),
        opened(home) as gallery,
        output.progress("Moving", None, quiet=quiet, unit="crops") as show,
    ):
        done = gallery.move_crops(to, progress=show)
        place = to if to == DATABASE else checked_url(to)
        is_set = (gallery.crop_store.base or DATABASE) == place
    if as_json:
        output.write_json(crops_moved_document(done))
        return
    _list("missing or damaged, not moved", done.damaged)
    if quiet:
        return
    output.say(f"Moved {counted_text(done.moved, 'crop')} to {done.place}.")
    if not is_set:
        set_it = "Unset GESTALT_CROPS" if to == DATABASE else f"Set GESTALT_CROPS={to}"
        output.say(f"{set_it} so that new crops go there too.")


@app.command(epilog=EXIT_CODES)
def check(
    read: Annotated[
        bool,
        typer.Option(
            "--read",
            help="Read and decrypt every crop. Otherwise only names and sizes are compared.",
        ),
    ] = False,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare the crops in an object store with the database, and delete what belongs to nothing.

    An interrupted command can leave a crop that no photo has. Such crops are deleted when they are
    a day old.
    """
    from gestalt_space.documents.crops import crops_checked_document

    with (
        interruption(lambda: ".", "Run the same command again."),
        opened(home) as gallery,
        output.progress("Comparing", None, quiet=quiet, unit="parts") as show,
    ):
        found = gallery.check_crops(read=read, progress=show)
    if as_json:
        output.write_json(crops_checked_document(found))
    elif not quiet:
        if not found:
            output.say("All crops are in the database.")
        for place in found:
            _say(place)
    if not all(one.is_sound for one in found):
        raise typer.Exit(1)


@app.command(epilog=options.EXIT_CODES)
def claim(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """After a restore: say that the old gallery is gone and its crops belong to this one.

    Until then, no crop that the old gallery may still use is deleted.
    """
    from gestalt_space.documents.crops import crops_claimed_document

    with interruption(lambda: ".", "Run the same command again."), opened(home) as gallery:
        confirm(
            "Does the gallery that this one was restored from no longer exist?",
            yes=yes,
            not_done="Nothing was changed.",
        )
        claimed = gallery.claim_crops()
    if as_json:
        output.write_json(crops_claimed_document(claimed))
    elif not quiet:
        for place in claimed:
            output.say(f"The crops in {place} now belong to this gallery alone.")
        if not claimed:
            output.say("No crops are shared with another gallery.")


def _say(place: CheckedPlace) -> None:
    output.say(f"{place.place}: {counted_text(place.crops, 'crop')}.")
    _list("missing", place.missing)
    _list("damaged", place.damaged)
    if place.deleted:
        output.say(f"Deleted {counted_text(place.deleted, 'object')} that belonged to nothing.")
    if place.young:
        output.say(
            f"{counted_text(place.young, 'object')} without a photo, less than a day old: kept, "
            "since a photo may be being added."
        )
    if place.waiting:
        output.say(
            f"{counted_text(place.waiting, 'crop')} of removed photos could not be deleted yet."
        )
    if place.foreign:
        output.say(f"{counted_text(place.foreign, 'file')} that gestalt-space did not write.")
    if place.is_shared:
        output.say(
            "The gallery that this one was restored from may use these crops: nothing is deleted "
            "there. If it is gone, run `gestalt index crops claim`."
        )


def _list(what: str, photos: tuple[str, ...]) -> None:
    if not photos:
        return
    output.say(f"{counted_text(len(photos), 'crop')} {what}:")
    for photo in photos[:SHOWN]:
        output.say(f"  {photo}")
    if len(photos) > SHOWN:
        output.say(f"  and {len(photos) - SHOWN:,} more; --json lists all.")
