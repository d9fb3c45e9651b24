"""Options that several commands share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXIT_CODES = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 some photos failed."

Home = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help="Folder of the gallery and the models. [default: $GESTALT_HOME, else the user's "
        "data folder]",
        show_default=False,
    ),
]
Space = Annotated[
    str | None,
    typer.Option(
        "--space",
        help="Encoder, by the name of its model. [default: the gallery's own; for a new gallery "
        "the best installed]",
        show_default=False,
    ),
]
Detector = Annotated[
    str,
    typer.Option("--detector", help="auto, scrfd, yunet, builtin, aligned or landmarks."),
]
LandmarksFile = Annotated[
    Path | None,
    typer.Option(
        "--landmarks",
        help="CSV with five points for each photo (photo,x1,y1,…,x5,y5, or GestaltMatcher's "
        "face_coords.csv).",
        show_default=False,
    ),
]
DeviceName = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]
PrecisionName = Annotated[
    str | None,
    typer.Option(
        "--precision",
        help="float32, bf16 or fp16: the numbers that the encoder multiplies in. `gestalt models "
        "tune` measures what you gain. [default: the model's in the settings, else float32]",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Csv = Annotated[
    Path | None,
    typer.Option(
        "--csv",
        help="Write the table there, a new .csv or .tsv file; - is standard output.",
        metavar="FILE",
        show_default=False,
    ),
]
CsvTable = Annotated[
    str | None,
    typer.Option(
        "--table",
        help="With --csv: which of the tables to write. [default: the first]",
        metavar="NAME",
        show_default=False,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary.")]
FaceNumber = Annotated[
    int | None,
    typer.Option(
        "--face",
        min=1,
        help="Which face of a photo with several, counted from the largest.",
        show_default=False,
    ),
]
Largest = Annotated[bool, typer.Option("--largest", help="Of several faces take the largest.")]
NoCrops = Annotated[
    bool,
    typer.Option("--no-crops", help="Do not keep aligned faces: a new space needs the photos."),
]
Report = Annotated[
    Path | None,
    typer.Option("--report", help="CSV with a line for each photo.", show_default=False),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Write over an earlier result in that place.")
]
Photos = Annotated[
    list[Path],
    typer.Argument(help="Photos, or folders of photos.", metavar="PHOTO…", show_default=False),
]
Disorders = Annotated[int, typer.Option("--disorders", min=1, help="How many.")]
Patients = Annotated[
    int | None,
    typer.Option(
        "--patients",
        min=2,
        help="How many in all, dealt to the disorders in a long tail. [default: 8 a disorder]",
        show_default=False,
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of everything that is drawn.")]
