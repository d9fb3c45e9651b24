"""`gestalt index add`."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gestalt_space.errors import Interrupted
from gestalt_space.paths import display_name, is_folder

from . import options, output

if TYPE_CHECKING:
    from gestalt_space.gallery import Gallery
    from gestalt_space.intake import Intake
    from gestalt_space.storing import Added, Status
    from gestalt_space.types import PhotoRecord

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
    largest: options.Largest = False,
    no_crops: options.NoCrops = False,
    report: options.Report = None,
    detector: options.Detector = "auto",
    landmarks: options.LandmarksFile = None,
    space: options.Space = None,
    home: options.Home = None,
    device: options.DeviceName = "auto",
    precision: options.PrecisionName = None,
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
    from gestalt_space.encoders.precision import parse_precision
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
    with Gallery.open(
        home,
        space=space,
        detector=detector,
        landmarks=landmarks,
        device=parse_device(device),
        precision=parse_precision(precision),
    ) as gallery:
        return put_in(
            gallery,
            rows,
            largest=largest,
            keep_crops=not no_crops,
            report=report,
            as_json=as_json,
            quiet=quiet,
        )


def put_in(
    gallery: Gallery,
    rows: Sequence[Intake],
    *,
    largest: bool,
    keep_crops: bool,
    report: Path | None,
    as_json: bool,
    quiet: bool,
    beside: Mapping[str, Any] | None = None,
) -> int:
    """Add rows to the gallery, and tell what became of each; the exit code.

    `beside`: what else stands in the JSON document.
    """
    with _report_to(report) as tell:
        if not quiet:
            _say_how(gallery)
        output.say_precisions(gallery.encoded())
        results: list[Added] = []
        added = output.without_pixels(gallery.add(rows, largest=largest, keep_crops=keep_crops))
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
            {
                "version": 1,
                **(beside or {}),
                "counts": _counts(results),
                "photos": list(map(_record, results)),
            }
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
    from gestalt_space.weights.store import BUILTIN, BUILTIN_CAUTION

    space, detector = gallery.space, gallery.pipeline.detector
    if space.chosen:
        output.say(
            f"A new gallery: it takes the best encoder installed, {space.model.name}, and keeps it."
        )
    output.say(f"Encoder {space.model.name}, detector {detector}.")
    if space.model.name == BUILTIN:
        output.say(BUILTIN_CAUTION)


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
