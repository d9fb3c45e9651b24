"""`make demo`: the main job on real photos, each command shown before it runs.

Models and photos are taken from `$GESTALT_SHARED`, else `../shared`. The people there are real and
undiagnosed: the disorders given to them here are made up, so the ranking means nothing.
"""

from __future__ import annotations

import csv
import io
import os
import random
import shlex
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("GESTALT_SHARED", ROOT.parent / "shared"))
GESTALT = Path(sys.executable).with_name("gestalt")
PATIENTS = 60
DISORDERS = 6
SEED = 4
COLUMNS = ("photo", "patient", "disorder", "disorder_name", "sex", "age", "ancestry")


def main() -> int:
    """Run the demo; returns the exit code of the first command that failed, else 0."""
    if not (SHARED / "models").is_dir():
        sys.stderr.write(
            "The demo needs a detector, an encoder and photos, and none come with this version.\n"
            "Fetch models with `.venv/bin/gestalt models pull buffalo_sc --accept-license` (for\n"
            "non-commercial research), then follow docs/tutorial.md with photos of your own.\n"
        )
        return 1
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        _write_patients(place)
        wild = SHARED / "data" / "wild"
        for words in (
            ["models", "add", SHARED / "models/arcface-mbf", "--accept-license"],
            ["models", "add", SHARED / "models/yunet_n.onnx", "--name", "yunet"],
            ["index", "add", place / "patients.csv", "--largest"],
            ["index", "stats"],
            ["match", wild / "bulk_kun.jpg", wild / "bulk_Rob_Lowe_0001.jpg", "--top", "5"],
            ["doctor"],
        ):
            if code := _run([str(word) for word in words], place / "home"):
                return code
    sys.stderr.write("\nThe gallery of the demo is gone again. Next: docs/tutorial.md\n")
    return 0


def _run(words: list[str], home: Path) -> int:
    sys.stderr.write(f"\n$ gestalt {shlex.join(words)}\n")
    sys.stderr.flush()
    environment = {**os.environ, "GESTALT_HOME": str(home)}
    code = subprocess.run([GESTALT, *words], env=environment, check=False).returncode  # noqa: S603
    return 0 if code == 3 else code


def _write_patients(folder: Path) -> None:
    """Photos of a sample of UTKFace, and a table that gives them made-up disorders."""
    with zipfile.ZipFile(SHARED / "data" / "utkface.zip") as archive:
        faces = list(csv.DictReader(io.StringIO(archive.read("faces.csv").decode())))
        chosen = random.Random(SEED).sample(faces, PATIENTS)  # noqa: S311 - a sample, no secret
        with (folder / "patients.csv").open("w", newline="", encoding="utf-8") as stream:
            table = csv.writer(stream)
            table.writerow(
                ["photo", "patient", "disorder", "disorder_name", "sex", "age", "ancestry"]
            )
            for number, face in enumerate(chosen):
                archive.extract(face["file"], folder)
                disorder = number % DISORDERS + 1
                row = [face["file"], f"P{number:03d}", f"made-up:{disorder}"]
                row += [f"Made-up disorder {disorder}", face["sex"]]
                table.writerow([*row, face["age_years"], face["ancestry"]])


if __name__ == "__main__":
    sys.exit(main())
