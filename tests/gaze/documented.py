"""The files that docs/gaze.md names: photos that two simulated readers looked at, and exports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from gestalt_space.gaze.types import Placement
from tests.gaze.recorded import Planned, TobiiExport, samples_of

HIGH = 800
"""Pixels of the screen that each photo is high."""


def write_gaze(cohort: Path, folder: Path) -> None:
    """Readers look at the middles of photos of a simulated cohort, where the faces are."""
    (folder / "shown").mkdir()
    rng = np.random.default_rng(4)
    export = TobiiExport(decimal=",")
    media = ["medium,left,top,width,height,photo_width,photo_height"]
    table = ["subject,stimulus,t,gaze_x,gaze_y,ok"]
    for number, path in enumerate(sorted((cohort / "photos").iterdir())[:2], start=1):
        name, begin = f"face-{number}", 5.0 * number
        with Image.open(path) as photo:
            width, height = photo.size
            photo.save(folder / "shown" / f"{name}.png")
        wide = width * HIGH / height
        media.append(f"{name},560,140,{wide:g},{HIGH},{width},{height}")
        placement = Placement(560, 140, wide, HIGH, width, height)
        for reader in ("R1", "R2"):
            plan = [
                Planned(
                    begin + 0.4 * step, begin + 0.4 * step + 0.36, 560 + x * wide, 140 + y * HIGH
                )
                for step, (x, y) in enumerate([(0.5, 0.5), (0.4, 0.45), (0.6, 0.6), (0.5, 0.7)])
            ]
            samples = samples_of(plan, rng, noise=0.1, begin=begin)
            export.add(reader, name, samples, plan, placement=placement)
            table += [
                f"{reader},{name},{1000 * time:.1f},{x / 1920:.5f},{1 - y / 1080:.5f},1"
                for time, x, y in zip(samples.time, samples.x, samples.y, strict=True)
            ]
    export.rows.sort(key=lambda row: str(row["Participant name"]))
    export.write(folder / "tobii.tsv")
    (folder / "media.csv").write_text("\n".join(media) + "\n", encoding="utf-8")
    (folder / "table.csv").write_text("\n".join(table) + "\n", encoding="utf-8")
    page = (Path(__file__).parents[2] / "docs" / "gaze.md").read_text(encoding="utf-8")
    mapping = page.partition("```toml\n")[2].partition("```")[0]
    (folder / "mapping.toml").write_text(mapping, encoding="utf-8")
