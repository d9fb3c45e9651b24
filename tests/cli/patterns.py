"""A gallery whose patients have patterns for faces."""

from __future__ import annotations

from pathlib import Path

import cv2

from tests.cli.conftest import Command
from tests.training.space.conftest import make_faces

FACES = make_faces(10, 10, 10, 3, 3, seed=4)
GENES = ("PTPN11", "SOS1", "RAF1", "KRAS", "RIT1")
"""Of the patients of each disorder."""


def fill(folder: Path, gestalt: Command) -> None:
    """Write the photos and a table, and add them."""
    table = write_photos(folder)
    assert gestalt("index", "add", table, "--detector", "aligned", "--quiet").code == 0


def write_photos(folder: Path) -> Path:
    """Write the photos, and the table of their patients, which is returned."""
    rows = ["photo,patient,disorder,disorder_name,family,sex,genes"]
    for number in range(len(FACES.crops)):
        write(folder, number)
        disorder = FACES.disorders[number]
        family = f"F{FACES.families[number]}"
        code = FACES.titles[disorder]
        rows.append(
            f"{number}.png,{FACES.patients[number]},{code},Pattern {disorder},{family},"
            f"female,{GENES[disorder]}"
        )
    table = folder / "patients.csv"
    table.write_text("\n".join(rows), encoding="utf-8")
    return table


def write(folder: Path, number: int) -> Path:
    """Write a face as a photo."""
    path = folder / f"{number}.png"
    cv2.imwrite(str(path), FACES.crops[number][..., ::-1])
    return path
