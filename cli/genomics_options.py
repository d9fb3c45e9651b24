"""Options that commands about genes share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gestalt_space.atomic_files import check_path
from gestalt_space.errors import OutputError
from gestalt_space.paths import display_name

GeneTableFile = Annotated[
    Path | None,
    typer.Option(
        "--genes",
        help="Gene table: hgnc_complete_set.txt of HGNC. Without it, genes have the names that the "
        "file gives them.",
        metavar="FILE",
        show_default=False,
    ),
]
Distances = Annotated[
    list[str],
    typer.Option(
        "--distance",
        help="Score of which the lower is closer. Repeatable.",
        metavar="COLUMN",
        show_default=False,
    ),
]
Top = Annotated[
    int | None,
    typer.Option(
        "--top",
        min=1,
        help="Number of genes to list. [default: 30 on a terminal, all in --json and --csv]",
        show_default=False,
    ),
]
SHOWN = 30
"""Genes that are listed for people."""


def check_new_folder(folder: Path) -> None:
    """Raise `OutputError`, before any work is done, for a place where something is."""
    check_path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{display_name(folder)} exists already.", "Choose a new folder.")
