from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.cohort.columns import column_of
from gestalt_space.cohort.mapping import lay_map, parse_method, place, read_map, write_map
from gestalt_space.errors import OutputError, SpaceMismatch, TableDamaged, UsageError
from tests.cohort.selections import planted


def halves():
    """A selection, and its odd patients as new ones."""
    whole = planted(disorders=3, each=10, strength=3)
    return whole.only(whole.patients[::2]), whole.only(whole.patients[1::2])


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_new_patients_lie_among_those_with_their_disorder(method: str):
    old, new = halves()
    made = lay_map(old, parse_method(method))
    placed = place(made, new)
    distances = np.linalg.norm(placed[:, None] - made.places[None], axis=2)
    nearest = column_of(old, "disorder")[distances.argmin(1)]
    assert np.mean(nearest == column_of(new, "disorder")) > 0.9


def test_pca_places_the_maps_own_patients_where_they_are():
    old, _ = halves()
    made = lay_map(old, "pca")
    renamed = replace(old, patients=tuple(f"N{name}" for name in old.patients))
    np.testing.assert_allclose(place(made, renamed), made.places, atol=1e-6)
    assert 0 < made.explained[1] <= made.explained[0] < 1


def test_perplexity_is_lowered_for_few_and_said():
    few = lay_map(planted(disorders=2, each=4, strength=1))
    assert few.perplexity == pytest.approx(7 / 3)
    assert few.told.endswith("perplexity 2.33 (lowered for so few patients), seed 0")
    assert "lowered" not in lay_map(planted(disorders=4, each=12, strength=1)).told


def test_a_map_comes_back_from_its_file(tmp_path: Path):
    old, new = halves()
    made = lay_map(old)
    write_map(made, tmp_path / "map.npz")
    again = read_map(tmp_path / "map.npz")
    assert again.patients == made.patients
    assert again.told == made.told
    assert (place(again, new) == place(made, new)).all()
    with pytest.raises(OutputError, match="exists"):
        write_map(made, tmp_path / "map.npz")


@pytest.mark.parametrize("data", [b"", b"nothing", b"PK\x03\x04cut off"])
def test_a_file_that_is_no_map_is_refused(tmp_path: Path, data: bytes):
    (tmp_path / "map.npz").write_bytes(data)
    with pytest.raises(TableDamaged, match="is not a map"):
        read_map(tmp_path / "map.npz")


def test_an_array_is_no_map(tmp_path: Path):
    np.save(tmp_path / "m.npy", np.eye(3))
    with pytest.raises(TableDamaged, match="is not a map"):
        read_map(tmp_path / "m.npy")


@pytest.mark.parametrize("method", ["tsne", "pca"])
@pytest.mark.parametrize(
    "name", ["places", "descriptors", "patients", "mean", "components", "explained"]
)
def test_a_map_whose_parts_do_not_go_together_is_refused(tmp_path: Path, method: str, name: str):
    made = lay_map(halves()[0], method)
    write_map(made, tmp_path / "map.npz")
    with np.load(tmp_path / "map.npz") as held:
        parts = {key: held[key] for key in held.files}
    if name in ("mean", "components", "explained") and method == "tsne":
        parts[name] = np.array("text")
    else:
        parts[name] = parts[name][:1]
    np.savez(tmp_path / "map.npz", **parts)
    if method == "tsne" and name in ("mean", "components"):
        read_map(tmp_path / "map.npz")  # t-SNE has none, and none is used
    else:
        with pytest.raises(TableDamaged, match="is not a map"):
            read_map(tmp_path / "map.npz")


def test_any_seed_lays_a_map():
    assert np.isfinite(lay_map(halves()[0], seed=2**40).places).all()


def test_what_cannot_be_placed_is_refused(tmp_path: Path):
    old, new = halves()
    made = lay_map(old, "pca")
    with pytest.raises(SpaceMismatch, match="tiny"):
        place(made, replace(new, fingerprint="e" * 64))
    with pytest.raises(UsageError, match="already on the map"):
        place(made, old)
    with pytest.raises(UsageError, match="cannot be read"):
        read_map(tmp_path / "none.npz")


def test_too_little_is_refused(monkeypatch: pytest.MonkeyPatch):
    old, _ = halves()
    with pytest.raises(UsageError, match="too few for a map"):
        lay_map(old.only(old.patients[:2]))
    with pytest.raises(UsageError, match="too low"):
        lay_map(old, perplexity=0.5)
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(UsageError, match="not installed") as raised:
        lay_map(old, "umap")
    assert "pip install umap-learn" in raised.value.hint
