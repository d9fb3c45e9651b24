"""Heat maps: what is drawn at which cell, and a page that needs nothing beside itself."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gestalt_space.cohort.cohort_matrix import measure
from gestalt_space.cohort.heat import (
    MOST_ROWS,
    check_figure_path,
    clustered_order,
    heat_map_of,
    write_figure,
)
from gestalt_space.errors import OutputError, UsageError
from gestalt_space.report.drawing import SCALE, Block, Text, as_svg, png_file
from gestalt_space.report.figures import colours_of
from gestalt_space.report.heatmap import HeatMap, draw_heat_map, heat_map_page
from tests.cohort.selections import planted


def heat(count: int, **changes: object) -> HeatMap:
    values = np.random.default_rng(0).uniform(-0.2, 0.8, (count, count))
    options = {
        "values": (values + values.T) / 2,
        "rows": [f"P{row:03}" for row in range(count)],
        "columns": None,
        "bars": (),
        "title": "Similarity",
        "notes": ("Space tiny",),
        "scale": "similarity: mean cosine, −1 to 1, higher is closer",
        **changes,
    }
    return HeatMap(**options)


def texts(heat_map: HeatMap) -> list[str]:
    return [part.text for part in draw_heat_map(heat_map).parts if isinstance(part, Text)]


def test_every_name_is_written_where_there_is_room_and_some_of_many():
    few, many = texts(heat(40)), texts(heat(400))
    assert {f"P{row:03}" for row in range(40)} <= set(few)
    names = [text for text in many if re.fullmatch(r"P\d{3}", text)]
    assert 40 < len(names) < 100


@pytest.mark.parametrize("count", [2, 40, 400])
def test_names_do_not_run_into_each_other(count: int):
    parts = [part for part in draw_heat_map(heat(count)).parts if isinstance(part, Text)]
    rows = sorted(part.y for part in parts if part.text.startswith("P"))
    assert count == 2 or min(np.diff(rows)) >= 9.5


def test_a_cell_of_the_picture_has_the_colour_of_its_value():
    heat_map = heat(10)
    drawing = draw_heat_map(heat_map)
    (cells,) = [p for p in drawing.parts if isinstance(p, Block) and p.pixels is not None][:1]
    picture = np.asarray(Image.open(io.BytesIO(png_file(drawing))).convert("RGB"))
    side = cells.width / 10
    shown = np.array(heat_map.values)
    np.fill_diagonal(shown, np.nan)
    low, high = np.nanpercentile(shown, [0.5, 99.5])
    for row, column in ((0, 1), (3, 7), (9, 0)):
        x, y = cells.x + (column + 0.5) * side, cells.y + (row + 0.5) * side
        wanted = colours_of(heat_map.values[row, column], low, high)
        assert np.abs(picture[round(y * SCALE), round(x * SCALE)].astype(int) - wanted).max() <= 2


def test_unit_space_and_direction_are_told():
    said = " ".join(texts(heat(5)))
    assert "mean cosine, −1 to 1, higher is closer" in said
    assert "Space tiny" in said


def test_own_cells_are_grey_and_explained():
    values = heat(5).values
    np.fill_diagonal(values, np.nan)
    assert "of the probe's own patient" in texts(heat(5, values=values))
    assert "of the probe's own patient" not in texts(heat(5))


def test_a_page_loads_nothing_and_runs_its_own_script_alone():
    name = "</script><b>x"
    text = heat_map_page(heat(3, rows=["a", name, "c"]), generator="g", closing="end")
    assert not re.search(r"(src|href)=\"(?!data:)", text)
    assert name not in text
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src &#x27;sha256-{digest}&#x27;" in text
    (data,) = re.findall(r'<script id="data"[^>]*>(.*?)</script>', text, re.DOTALL)
    told = json.loads(data)
    assert told["rows"][1] == name
    values = np.frombuffer(base64.b64decode(told["values"]), "<f4").reshape(3, 3)
    np.testing.assert_allclose(values, heat(3).values, atol=1e-6)


@pytest.mark.parametrize("value", ["similarity", "distance", "rank"])
def test_planted_disorders_stand_together(value: str):
    cohort = planted(disorders=4, each=6, strength=2.0)
    found = measure(cohort, value=value, gallery=cohort)
    order, _ = clustered_order(found)
    disorders = found.row_facts["disorders"][order]
    assert (disorders[1:] != disorders[:-1]).sum() == 3
    assert [bar.title for bar in heat_map_of(found).bars] == ["disorder", "cohort"]


def test_two_sets_have_names_on_two_sides():
    cohort = planted(disorders=2, each=6, strength=2.0)
    found = measure(cohort.only(cohort.patients[:5]), cohort.only(cohort.patients[5:]))
    drawing = draw_heat_map(heat_map_of(found))
    turned = {part.text for part in drawing.parts if isinstance(part, Text) and part.turned}
    assert turned == set(found.columns)
    assert "rotate(90" in as_svg(drawing)


@pytest.mark.parametrize("ending", [".png", ".svg", ".html"])
def test_figures_are_files_of_their_kind(tmp_path: Path, ending: str):
    path = tmp_path / f"m{ending}"
    write_figure(measure(planted(disorders=2, each=3, strength=1.0)), path)
    begin = {".png": b"\x89PNG", ".svg": b"<?xml", ".html": b"<!DOCTYPE"}[ending]
    assert path.read_bytes().startswith(begin)


def test_figures_that_cannot_be_are_told(tmp_path: Path):
    with pytest.raises(UsageError, match="none of"):
        check_figure_path(tmp_path / "m.pdf")
    with pytest.raises(OutputError, match="no folder"):
        check_figure_path(tmp_path / "none" / "m.png")
    (tmp_path / "m.png").touch()
    with pytest.raises(OutputError, match="exists"):
        check_figure_path(tmp_path / "m.png")
    large = planted(disorders=1, each=MOST_ROWS + 1, strength=1.0)
    with pytest.raises(UsageError, match="cannot be read"):
        heat_map_of(measure(large))
