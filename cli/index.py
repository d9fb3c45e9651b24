"""`gestalt index`: the patients and photos of the gallery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.counts import counted_text

from . import options, output
from .index_add import add
from .index_approximate import approximate
from .index_backup import backup, restore
from .index_calibrate import calibrate
from .index_correct import merge, move, split, undo
from .index_crops import app as crops_app
from .index_engine import app as engine_app
from .index_erase import erase
from .index_exchange import export, import_
from .index_gmdb import import_gmdb
from .index_homes import homes
from .index_log import log
from .index_phenopackets import import_phenopackets
from .index_set import set_facts
from .index_spaces import drop, spaces, use
from .index_verify import EXIT_CODES as VERIFY_EXIT_CODES
from .index_verify import verify
from .interruption import interruption
from .opening import opened

if TYPE_CHECKING:
    from gestalt_space.gallery.filling import Filled
    from gestalt_space.store.reads import PatientRecord
    from gestalt_space.types import EncodingRun

app = typer.Typer(
    help="Patients and photos of the gallery.", no_args_is_help=True, rich_markup_mode="markdown"
)
SHOWN_FAILURES = 20


def list_patients(
    disorder: Annotated[
        str | None,
        typer.Option(
            "--disorder",
            help="Only patients with this disorder, by its identifier or name.",
            show_default=False,
        ),
    ] = None,
    cohort: Annotated[
        str | None,
        typer.Option("--cohort", help="Only patients of this cohort.", show_default=False),
    ] = None,
    after: Annotated[
        str | None,
        typer.Option(
            "--after",
            help="Only those who come after this one by identifier: the `next` of --json.",
            metavar="PATIENT",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, help="List at most this many.", show_default=False),
    ] = None,
    home: options.Home = None,
    as_json: options.Json = False,
    csv: options.Csv = None,
) -> None:
    """List the patients of the gallery."""
    from gestalt_space.documents.patients import patients_document, patients_table

    output.check_csv(csv, as_json=as_json)
    with opened(home) as gallery:
        page = gallery.page(disorder=disorder, cohort=cohort, after=after, limit=limit)
    if as_json:
        output.write_json(patients_document(page.patients, page.next))
        return
    output.write_table(patients_table(page.patients), csv)


def show(
    patient: Annotated[str, typer.Argument(help="Patient id.", show_default=False)],
    home: options.Home = None,
    as_json: options.Json = False,
    csv: options.Csv = None,
) -> None:
    """Show everything stored about a patient, except descriptors.

    --csv writes one row per photo.
    """
    from gestalt_space.documents.patients import patient_document, photos_table

    output.check_csv(csv, as_json=as_json)
    with opened(home) as gallery:
        detail = gallery.patient(patient)
    if as_json:
        output.write_json(patient_document(detail))
        return
    if csv is not None:
        output.write_table(photos_table(detail), csv)
        return
    facts = output.new_table("patient", detail.patient)
    disorders = "; ".join(f"{name} ({id_})" if name else id_ for id_, name in detail.disorders)
    for name, value in (
        ("disorders", disorders or "undiagnosed"),
        ("genes", "; ".join(detail.genes)),
        ("sex", detail.sex or ""),
        ("ancestry", detail.ancestry or ""),
        ("cohort", detail.cohort or ""),
        ("family", detail.family or ""),
        ("consent", _consent_text(detail.consent)),
        ("HPO present", "; ".join(detail.hpo)),
        ("HPO absent", "; ".join(detail.hpo_absent)),
        ("added", f"{detail.added_at:%Y-%m-%d}"),
    ):
        if value:
            facts.add_row(name, value)
    output.write_table(facts)
    output.write_table(photos_table(detail))
    made = output.new_table("photo", "space", "encoded in")
    for photo in detail.photos:
        for space, run in zip(photo.spaces, photo.runs, strict=True):
            made.add_row(photo.name, space, _run_text(run))
    output.write_table(made)
    if _is_withdrawn(detail.consent):
        output.write_text(_kept_text(detail))


def remove(
    patients: Annotated[
        list[str], typer.Argument(help="Patients.", metavar="PATIENT", show_default=False)
    ] = [],  # noqa: B006 - Typer copies it
    photo: Annotated[
        list[str],
        typer.Option(
            "--photo",
            help="Photo to remove, by its name or sha256. Repeatable.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    of: Annotated[
        list[str],
        typer.Option(
            "--of",
            help="Patient whose photo to remove, if it shows several patients of the gallery. "
            "Repeatable.",
            metavar="PATIENT",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Remove patients with all their photos, or single photos.

    If you remove the last photo of a patient, the patient is removed with all facts. Rows, crops
    and descriptors are deleted from the database and from every index on disk. This cannot be
    undone. If another process is using a file, the exit code is 1 and the message starts with what
    was removed; that file is cleaned the next time the gallery is opened.
    """
    from gestalt_space.errors import UsageError

    if not patients and not photo:
        raise UsageError("There is nothing to remove.", "Name patients, or add --photo NAME.")
    if of and not photo:
        raise UsageError("--of needs --photo.", "Add --photo NAME.")
    with (
        interruption(
            lambda: ": either everything was removed, or nothing.",
            "`gestalt index list` shows which; then run `gestalt index rebuild` to clean the "
            "index.",
        ),
        opened(home) as gallery,
        output.step("Removing", quiet=quiet),
    ):
        gone = gallery.remove(patients=patients, photos=photo, photos_of=of)
    if as_json:
        from gestalt_space.documents.filled import removed_document

        output.write_json(removed_document(gone))
    elif not quiet:
        patients_gone = counted_text(gone.patients, "patient")
        output.say(f"Removed {counted_text(gone.photos, 'photo')} and {patients_gone}.")


def stats(
    home: options.Home = None, as_json: options.Json = False, csv: options.Csv = None
) -> None:
    """Count the patients and photos of the gallery, and list how they were encoded."""
    from gestalt_space.documents.contents import contents_document, contents_table
    from gestalt_space.gallery.spaces import mixed_precisions

    output.check_csv(csv, as_json=as_json)
    with opened(home) as gallery:
        held = gallery.stats()
    if as_json:
        output.write_json(contents_document(held))
        return
    output.write_table(contents_table(held), csv)
    for (space, _), calibration in zip(held.spaces, held.calibrations, strict=True):
        if calibration.told is not None:
            output.say(f"{space.model}: {calibration.told}")
    for (space, _), runs in zip(held.spaces, held.runs, strict=True):
        mixed = mixed_precisions(runs)
        if mixed is not None:
            output.say(f"{space.model}: {mixed}")
            output.say(f"Run `gestalt index fill --again --space {space.model}`.", indent="  ")


def fill(
    space: options.Space = None,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="Also encode faces that have a descriptor, unless it was made with the same "
            "precision, device and runtime.",
        ),
    ] = False,
    default: Annotated[
        bool,
        typer.Option(
            "--default",
            help="Use this space from now on, if every face has a descriptor in it.",
        ),
    ] = False,
    home: options.Home = None,
    device: options.DeviceName = "auto",
    precision: options.PrecisionName = None,
    engine: options.EngineName = "local",
    address: options.Address = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Encode the stored crops into another space, or with --again into the same space.

    After an interruption, run the same command again: finished faces are skipped.
    """
    from gestalt_space.devices import parse_device
    from gestalt_space.encoders.precision import parse_precision
    from gestalt_space.gallery.options import parse_engine

    with opened(
        home,
        space=space,
        device=parse_device(device),
        precision=parse_precision(precision),
        engine=parse_engine(engine, address),
        address=address,
    ) as gallery:
        gallery = gallery.pinned()
        # Which faces are to be encoded again, only the workers of a cluster know.
        is_known = not (again and engine == "ray")
        total = gallery.faces_to_fill(again=again) if is_known else None
        done = 0
        with (
            interruption(
                lambda: (
                    f" after {counted_text(done, 'face')}."
                    if total is None
                    else f" after {done:,} of {counted_text(total, 'face')}."
                ),
                "Run the same command again to continue; finished faces are kept.",
            ),
            output.progress("Encoding", total, quiet=quiet) as show,
        ):

            def follow(_: Filled) -> None:
                nonlocal done
                done += 1
                show(done, total)

            filled = gallery.fill(make_default=default, again=again, progress=follow)
        name, run = gallery.space.model.name, filled.made_by
    count, failed = len(filled.faces) - len(filled.failed), filled.failed
    if as_json:
        from gestalt_space.documents.filled import filled_document

        output.write_json(filled_document(filled, name, run))
    if not quiet:
        for result in failed[:SHOWN_FAILURES]:
            if result.error is not None:
                output.say_error(result.error, f"{result.photo} ({result.patient})")
        output.say(
            f"Encoded {counted_text(count, 'face')} in the space of {name} ({run}); "
            f"{len(failed)} failed. All others were already there."
        )
    if default and not filled.is_default:
        output.say(
            f"The gallery still uses its old space: {counted_text(filled.missing, 'face')} "
            f"without a descriptor in the space of {name}."
        )
        output.say(
            f"To use the new space without them: `gestalt index use {name} --partly`.", indent="  "
        )
    return 3 if failed or (default and not filled.is_default) else 0


def rebuild(
    home: options.Home = None, as_json: options.Json = False, quiet: options.Quiet = False
) -> None:
    """Rebuild the index from the database, and repair what `gestalt index verify` reports.

    This deletes index files of unknown spaces, rows that belong to nothing, and disorders and genes
    that no patient has. It never deletes patients or photos. The output lists what was deleted.
    """

    with (
        interruption(
            lambda: ": the index of each space is complete, either the old one or the new one.",
            "Run the same command again.",
        ),
        opened(home) as gallery,
        output.stages(quiet=quiet) as stages,
    ):
        rebuilt = gallery.rebuild(stages=stages)
        calibration = gallery.calibration()
    if as_json:
        from gestalt_space.documents.filled import rebuilt_document

        output.write_json(rebuilt_document(rebuilt))
    elif not quiet:
        for line in rebuilt.told():
            output.say(line)
        if calibration is not None and calibration.told is not None:
            output.say(calibration.told)


def _run_text(run: EncodingRun | None) -> str:
    return "not recorded" if run is None else str(run)


def _consent_text(consent: str | None) -> str:
    return f"{consent}: not matched" if _is_withdrawn(consent) else consent or ""


def _is_withdrawn(consent: str | None) -> bool:
    from gestalt_space.types import WITHDRAWN

    return consent == WITHDRAWN


def _kept_text(detail: PatientRecord) -> str:
    crops = sum(photo.crop_kept for photo in detail.photos)
    return (
        f"The consent is withdrawn: {detail.patient} is not matched. The gallery keeps these "
        f"descriptors separately, with {counted_text(crops, 'aligned face')} and the facts."
    )


# In the order in which the help lists them.
app.command("add", epilog=options.EXIT_CODES)(add)
app.command("list")(list_patients)
app.command("show")(show)
app.command("stats")(stats)
app.command("set")(set_facts)
app.command("remove", epilog=options.EXIT_CODES)(remove)
app.command("erase", epilog=options.EXIT_CODES)(erase)
app.command("move")(move)
app.command("merge")(merge)
app.command("split")(split)
app.command("undo")(undo)
app.command("log")(log)
app.command("backup")(backup)
app.command("restore")(restore)
app.command("export")(export)
app.command("import")(import_)
app.command("import-gmdb", epilog=options.EXIT_CODES)(import_gmdb)
app.command("import-phenopackets", epilog=options.EXIT_CODES)(import_phenopackets)
app.command("spaces")(spaces)
app.command("use")(use)
app.command("fill", epilog=options.EXIT_CODES)(fill)
app.command("drop")(drop)
app.command("calibrate")(calibrate)
app.command("approximate")(approximate)
app.add_typer(engine_app, name="engine")
app.command("verify", epilog=VERIFY_EXIT_CODES)(verify)
app.command("rebuild")(rebuild)
app.command("homes")(homes)
app.add_typer(crops_app, name="crops")
