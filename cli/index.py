"""`gestalt index`: the patients and photos of the gallery."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gestalt_space.errors import Interrupted
from gestalt_space.paths import display_name, is_folder

from . import options, output

if TYPE_CHECKING:
    from gestalt_space.gallery import Added, Gallery, Status
    from gestalt_space.intake import Intake
    from gestalt_space.types import PhotoRecord

app = typer.Typer(
    help="Patients and photos of the gallery.", no_args_is_help=True, rich_markup_mode="markdown"
)

REPORT_COLUMNS = (
    "photo",
    "patient",
    "status",
    "code",
    "message",
    "hint",
    "detector",
    "step",
    "score",
    "face",
    "faces",
    "sharpness",
    "size",
    "yaw",
    "roll",
)
STATUSES: dict[Status, str] = {"added": "added", "already": "already there", "failed": "failed"}
SHOWN_FAILURES = 20

Targets = Annotated[
    list[Path],
    typer.Argument(
        help="Photos with options, a folder, or a table (.csv, .tsv) with one row a photo.",
        metavar="PHOTO…|FOLDER|TABLE",
        show_default=False,
    ),
]
Patient = Annotated[
    str, typer.Option("--patient", help="Whose photos they are.", show_default=False)
]
Disorder = Annotated[
    list[str],
    typer.Option(
        "--disorder",
        help="OMIM:…, ORPHA:…, MONDO:… or a name; repeat for several.",
        show_default=False,
    ),
]
DisorderName = Annotated[
    list[str],
    typer.Option("--disorder-name", help="Its name; as often as --disorder.", show_default=False),
]
Gene = Annotated[
    list[str], typer.Option("--gene", help="Gene symbol; repeat for several.", show_default=False)
]
Sex = Annotated[str, typer.Option("--sex", help="female, male or other.", show_default=False)]
Age = Annotated[
    str, typer.Option("--age", help="Age at the photo: 4y, 18m, 4y6m, 10d.", show_default=False)
]
Ancestry = Annotated[str, typer.Option("--ancestry", help="In your own words.", show_default=False)]
Cohort = Annotated[str, typer.Option("--cohort", help="Name of a group.", show_default=False)]
Hpo = Annotated[
    list[str],
    typer.Option("--hpo", help="HPO term present; repeat for several.", show_default=False),
]
HpoAbsent = Annotated[
    list[str],
    typer.Option(
        "--hpo-absent", help="HPO term looked for and absent; repeat.", show_default=False
    ),
]
Consent = Annotated[
    str, typer.Option("--consent", help="What was consented to.", show_default=False)
]


@app.command("add", epilog=options.EXIT_CODES)
def add(
    targets: Targets,
    patient: Patient = "",
    disorder: Disorder = [],  # noqa: B006 - Typer copies it
    disorder_name: DisorderName = [],  # noqa: B006
    gene: Gene = [],  # noqa: B006
    sex: Sex = "",
    age: Age = "",
    ancestry: Ancestry = "",
    cohort: Cohort = "",
    hpo: Hpo = [],  # noqa: B006
    hpo_absent: HpoAbsent = [],  # noqa: B006
    consent: Consent = "",
    face: options.FaceNumber = None,
    largest: Annotated[
        bool, typer.Option("--largest", help="Of several faces take the largest.")
    ] = False,
    no_crops: Annotated[
        bool,
        typer.Option("--no-crops", help="Do not keep aligned faces: a new space needs the photos."),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="CSV with a line for each photo.", show_default=False),
    ] = None,
    detector: options.Detector = "auto",
    landmarks: options.LandmarksFile = None,
    space: options.Space = None,
    home: options.Home = None,
    device: options.DeviceName = "auto",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Add photos of patients: one with options, a folder, or a table with a row for each photo.

    Columns of a table: photo, patient, disorder, disorder_name, genes, sex, age, ancestry, cohort,
    hpo, face, consent; the first two are needed, lists are separated by `;`, an absent HPO term is
    written `!HP:0000252`, paths are relative to the table.

    In a folder, a photo in a subfolder belongs to the patient whom the subfolder is named after, a
    photo beside it to a patient of its own name; with --patient, all are of that patient.

    A patient without a disorder is undiagnosed. A photo that is in the gallery already is passed
    over, so the same command can be run again after an interruption. Photos are not copied.
    """
    from gestalt_space.devices import parse_device
    from gestalt_space.gallery import Gallery
    from gestalt_space.intake import make_record

    template = make_record(
        {
            "patient": patient,
            "disorder": ";".join(disorder),
            "disorder_name": ";".join(disorder_name),
            "genes": ";".join(gene),
            "sex": sex,
            "age": age,
            "ancestry": ancestry,
            "cohort": cohort,
            "hpo": ";".join([*hpo, *(f"!{term}" for term in hpo_absent)]),
            "consent": consent,
            "face": "" if face is None else str(face),
        }
    )
    _check_report(report, targets)
    rows = _rows(targets, template)
    with (
        _report_to(report) as tell,
        Gallery.open(
            home,
            space=space,
            detector=detector,
            landmarks=landmarks,
            device=parse_device(device),
        ) as gallery,
    ):
        if not quiet:
            _say_how(gallery)
        results: list[Added] = []
        added = gallery.add(rows, largest=largest, keep_crops=not no_crops)
        try:
            for result in output.counted(added, "Adding", len(rows), quiet=quiet):
                tell(result)
                results.append(result)
        except KeyboardInterrupt:
            _say_counts(results)
            raise Interrupted(
                f"Interrupted after {len(results):,} of {output.counted_text(len(rows), 'photo')}.",
                "Run the same command again to go on: what went in is passed over.",
            ) from None
        unfilled = gallery.faces_to_fill()
    failed = [result for result in results if result.status == "failed"]
    if as_json:
        output.write_json(
            {"version": 1, "counts": _counts(results), "photos": list(map(_record, results))}
        )
    if not quiet:
        _say_failures(failed)
        _say_sideways(results)
        _say_counts(results)
        if unfilled:
            output.say(
                f"{unfilled} photos of the gallery have no descriptor in this space: "
                "run `gestalt index fill` with the same --space."
            )
    return 3 if failed else 0


@app.command("list")
def list_patients(
    disorder: Annotated[
        str | None, typer.Option("--disorder", help="Only with this one.", show_default=False)
    ] = None,
    cohort: Annotated[
        str | None, typer.Option("--cohort", help="Only of this one.", show_default=False)
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="At most so many.", show_default=False)
    ] = None,
    home: options.Home = None,
    as_json: options.Json = False,
    as_csv: options.Csv = False,
) -> None:
    """List the patients of the gallery."""
    from gestalt_space.gallery import Gallery
    from gestalt_space.intake import parse_disorder

    wanted = None if disorder is None else parse_disorder(disorder)
    with Gallery.open(home) as gallery:
        patients = gallery.patients(disorder=wanted, cohort=cohort, limit=limit)
    if as_json:
        output.write_json({"version": 1, "patients": [asdict(patient) for patient in patients]})
        return
    columns = ("patient", "disorders", "sex", "ancestry", "cohort", "photos")
    rows = [
        (p.patient, "; ".join(p.disorders), p.sex or "", p.ancestry or "", p.cohort or "", p.photos)
        for p in patients
    ]
    if as_csv:
        output.write_csv(columns, rows)
        return
    table = output.new_table(*columns, right=("photos",))
    for row in rows:
        table.add_row(*map(str, row))
    output.write_table(table)


@app.command("show")
def show(
    patient: Annotated[str, typer.Argument(help="The patient's identifier.", show_default=False)],
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Show all that the gallery has of a patient. No descriptor is shown."""
    from gestalt_space.gallery import Gallery

    with Gallery.open(home) as gallery:
        detail = gallery.patient(patient)
    if as_json:
        record = _plain(asdict(detail))
        record["disorders"] = [{"id": id_, "name": title} for id_, title in detail.disorders]
        output.write_json({"version": 1, "patient": record})
        return
    facts = output.new_table("patient", detail.patient)
    disorders = "; ".join(f"{name} ({id_})" if name else id_ for id_, name in detail.disorders)
    for name, value in (
        ("disorders", disorders or "undiagnosed"),
        ("genes", "; ".join(detail.genes)),
        ("sex", detail.sex or ""),
        ("ancestry", detail.ancestry or ""),
        ("cohort", detail.cohort or ""),
        ("consent", detail.consent or ""),
        ("HPO present", "; ".join(detail.hpo)),
        ("HPO absent", "; ".join(detail.hpo_absent)),
        ("added", f"{detail.added_at:%Y-%m-%d}"),
    ):
        if value:
            facts.add_row(name, value)
    output.write_table(facts)
    table = output.new_table("photo", "age", "face", "found by", "sharp", "yaw", "roll", "sha256")
    for photo in detail.photos:
        table.add_row(
            photo.name,
            "" if photo.age is None else f"{photo.age:.3g} y",
            f"{photo.face} of {photo.faces}, {photo.size:.0f} px",
            f"{photo.detector} {photo.score:.2f}, {photo.step}",
            f"{photo.sharpness:.0f}",
            f"{photo.yaw:.0f}°",
            f"{photo.roll:.0f}°",
            photo.sha256[:12],
        )
    output.write_table(table)


@app.command("remove", epilog=options.EXIT_CODES)
def remove(
    patients: Annotated[
        list[str], typer.Argument(help="Patients.", metavar="[PATIENT…]", show_default=False)
    ] = [],  # noqa: B006 - Typer copies it
    photo: Annotated[
        list[str],
        typer.Option("--photo", help="A photo, by its name or sha256; repeat.", show_default=False),
    ] = [],  # noqa: B006
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Remove patients with all their photos, or single photos.

    Rows, crops and descriptors leave the database and every index on disk.
    """
    from gestalt_space.errors import UsageError
    from gestalt_space.gallery import Gallery

    if not patients and not photo:
        raise UsageError("Nothing to remove was named.", "Name patients, or --photo NAME.")
    with Gallery.open(home) as gallery:
        gone = gallery.remove(patients=patients, photos=photo)
    if as_json:
        output.write_json({"version": 1, "removed": asdict(gone)})
    elif not quiet:
        patients_gone = output.counted_text(gone.patients, "patient")
        output.say(f"{output.counted_text(gone.photos, 'photo')} and {patients_gone} removed.")


@app.command("stats")
def stats(home: options.Home = None, as_json: options.Json = False) -> None:
    """Count what the gallery holds."""
    from gestalt_space.gallery import Gallery

    with Gallery.open(home) as gallery:
        held = gallery.stats()
    if as_json:
        output.write_json(
            {
                "version": 1,
                "gallery": asdict(held.counts),
                "spaces": [
                    {
                        "name": space.model,
                        "fingerprint": space.fingerprint,
                        "default": space.is_default,
                        "descriptors": count,
                    }
                    for space, count in held.spaces
                ],
            }
        )
        return
    table = output.new_table("gallery", "count", right=("count",))
    for name, count in asdict(held.counts).items():
        table.add_row(name, f"{count:,}")
    output.write_table(table)
    spaces = output.new_table("space", "fingerprint", "descriptors", right=("descriptors",))
    for space, count in held.spaces:
        title = f"{space.model} (the gallery's own)" if space.is_default else space.model
        spaces.add_row(title, space.fingerprint[:12], f"{count:,}")
    output.write_table(spaces)


@app.command("fill", epilog=options.EXIT_CODES)
def fill(
    space: options.Space = None,
    default: Annotated[
        bool, typer.Option("--default", help="Work in this space from now on.")
    ] = False,
    home: options.Home = None,
    device: options.DeviceName = "auto",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Encode the stored faces into another space, from their kept crops.

    Can be run again after an interruption; faces that have a descriptor there are passed over.
    """
    from gestalt_space.devices import parse_device
    from gestalt_space.gallery import Gallery

    with Gallery.open(home, space=space, device=parse_device(device)) as gallery:
        filled = gallery.fill(make_default=default)
        total = gallery.faces_to_fill()
        results = list(output.counted(filled, "Encoding", total, quiet=quiet))
        name = gallery.space.model.name
    failed = [result for result in results if result.error is not None]
    if as_json:
        output.write_json(
            {
                "version": 1,
                "space": name,
                "counts": {"filled": len(results) - len(failed), "failed": len(failed)},
                "failed": [
                    {"photo": r.photo, "patient": r.patient, "error": r.error.as_dict()}
                    for r in failed
                    if r.error is not None
                ],
            }
        )
    if not quiet:
        for result in failed[:SHOWN_FAILURES]:
            if result.error is not None:
                output.say_error(result.error, f"{result.photo} ({result.patient})")
        filled_count = output.counted_text(len(results) - len(failed), "face")
        output.say(
            f"{filled_count} filled in the space of {name}, {len(failed)} failed; "
            "the others were there."
        )
    return 3 if failed else 0


@app.command("rebuild")
def rebuild(home: options.Home = None, quiet: options.Quiet = False) -> None:
    """Write the index anew from the database."""
    from gestalt_space.gallery import Gallery

    with Gallery.open(home) as gallery:
        spaces = gallery.rebuild()
    if not quiet:
        output.say(f"The index of {output.counted_text(spaces, 'space')} is written anew.")


def _rows(targets: list[Path], template: PhotoRecord) -> list[Intake]:
    from gestalt_space.errors import UsageError
    from gestalt_space.intake import one_photo, read_folder, read_table
    from gestalt_space.types import PhotoRecord

    rows: list[Intake] = []
    for target in targets:
        if target.suffix.lower() in (".csv", ".tsv"):
            if template != PhotoRecord(photo="", patient=""):
                raise UsageError(
                    f"{target.name} is a table: what is known of each photo stands in its columns.",
                    "Leave --patient and the options like it out.",
                )
            table = read_table(target)
            if table.unread:
                output.say(f"{target.name}: columns not used: {', '.join(table.unread)}.")
            rows += table.rows
        elif is_folder(target):
            rows += read_folder(target, template)
        else:
            rows.append(one_photo(target, template))
    return rows


def _check_report(report: Path | None, targets: list[Path]) -> None:
    from gestalt_space.errors import UsageError

    if report is not None and report.resolve() in {target.resolve() for target in targets}:
        raise UsageError(
            f"The report would take the place of {report.name}.", "Name another --report FILE."
        )


def _say_how(gallery: Gallery) -> None:
    space, detector = gallery.space, gallery.pipeline.detector
    if space.chosen:
        output.say(
            f"A new gallery: it takes the best encoder installed, {space.model.name}, and keeps it."
        )
    output.say(f"Encoder {space.model.name}, detector {detector}.")


def _counts(results: list[Added]) -> dict[Status, int]:
    statuses = [result.status for result in results]
    return {status: statuses.count(status) for status in STATUSES}


def _say_counts(results: list[Added]) -> None:
    counts = _counts(results)
    output.say(", ".join(f"{counts[status]:,} {STATUSES[status]}" for status in STATUSES) + ".")


def _say_sideways(results: list[Added]) -> None:
    for result in results:
        if result.face is not None and output.lies_on_its_side(result.face):
            output.say(
                f"{result.photo}: added, but the face lies on its side "
                f"(roll {result.face.quality.roll:.0f}°) and may be misread. Remove it, turn the "
                "photo upright and add it again, or use --detector yunet."
            )


def _say_failures(failed: list[Added]) -> None:
    for result in failed[:SHOWN_FAILURES]:
        if result.error is not None:
            output.say_error(result.error, display_name(result.photo))
    if len(failed) > SHOWN_FAILURES:
        output.say(f"… and {len(failed) - SHOWN_FAILURES} more; --report FILE lists them all.")


@contextmanager
def _report_to(path: Path | None) -> Iterator[Callable[[Added], object]]:
    from gestalt_space.errors import OutputError

    if path is None:
        yield _report_nothing
        return
    try:
        stream = path.open("w", newline="", encoding="utf-8", errors="replace", buffering=1)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}.", "Check it.") from error
    writer = csv.DictWriter(stream, REPORT_COLUMNS, lineterminator="\n")
    with stream:
        writer.writeheader()
        yield lambda result: writer.writerow(_flat(_record(result)))


def _report_nothing(result: Added) -> None:
    """In the place of a report that was not asked for."""


def _record(result: Added) -> dict[str, Any]:
    error, face = result.error, result.face
    return {
        "photo": display_name(result.photo),
        "patient": result.patient,
        "status": result.status,
        "error": None if error is None else error.as_dict(),
        "face": None
        if face is None
        else {
            "detector": face.detector,
            "step": face.step,
            "score": round(face.score, 4),
            "face": face.number,
            "faces": face.count,
            **{name: round(value, 2) for name, value in asdict(face.quality).items()},
        },
    }


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    face, error = record.pop("face"), record.pop("error")
    return {**record, **(error or {}), **(face or {})}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC).isoformat(timespec="seconds")
    return round(value, 4) if isinstance(value, float) else value
