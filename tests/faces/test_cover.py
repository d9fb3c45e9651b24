"""The built-in cover network: what it says of simulated faces, bare and covered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import ModelDamaged
from gestalt_space.faces.alignment import align
from gestalt_space.faces.cover import CELLS, OVAL, CoverModel, hidden_share
from gestalt_space.faces.marks import MOST_HIDDEN
from gestalt_space.simulate.persons import Persons
from gestalt_space.types import Pixels

SURGICAL_MASK = (slice(66, 112), slice(16, 96))
DARK_GLASSES = (slice(42, 62), slice(18, 94))
LIMIT = (MOST_HIDDEN + 0.5) / 100


@pytest.fixture(scope="module")
def crops() -> list[Pixels]:
    persons, rng = Persons.builtin(), np.random.default_rng(8)
    portraits = [persons.portrait(persons.sample(rng), rng) for _ in range(40)]
    return [align(one.pixels, one.landmarks) for one in portraits]


def covered(crop: Pixels, part: tuple[slice, slice], colour: tuple[int, int, int]) -> Pixels:
    changed = crop.copy()
    changed[part] = colour
    return changed


def test_bare_faces_of_simulated_persons_are_not_marked(crops: list[Pixels]):
    assert sum(hidden_share(crop) > LIMIT for crop in crops) <= 1


@pytest.mark.parametrize(
    ("part", "colour"), [(SURGICAL_MASK, (180, 200, 225)), (DARK_GLASSES, (25, 25, 30))]
)
def test_covered_faces_are_marked(
    crops: list[Pixels], part: tuple[slice, slice], colour: tuple[int, int, int]
):
    shares = [hidden_share(covered(crop, part, colour)) for crop in crops]
    assert sum(share > LIMIT for share in shares) >= 36
    assert 0 <= min(shares) <= max(shares) <= 1


def test_the_cells_say_where(crops: list[Pixels]):
    model = CoverModel.builtin()
    cells = np.mean([model.cells(covered(one, SURGICAL_MASK, (180, 200, 225))) for one in crops], 0)
    assert cells.shape == OVAL.shape == (CELLS, CELLS)
    assert cells[9:13, 5:9].mean() > 0.8
    assert cells[5:7, 5:9].mean() < 0.2


def test_threads_share_the_network(crops: list[Pixels]):
    alone = [hidden_share(crop) for crop in crops]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(hidden_share, crops)) == alone


def test_a_damaged_file_is_told(tmp_path: Path):
    (tmp_path / "cover.onnx").write_bytes(b"no model")
    with pytest.raises(ModelDamaged, match=r"cover\.onnx"):
        CoverModel(tmp_path / "cover.onnx")
    with pytest.raises(ModelDamaged):
        CoverModel(tmp_path / "none.onnx")
