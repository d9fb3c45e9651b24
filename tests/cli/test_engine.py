"""`--engine ray`: the same files and galleries, encoded by a cluster."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Command
from tests.distributed.nodes import RayNodes

pytestmark = pytest.mark.lengthy

ALIGNED = ("--detector", "aligned")


def test_commands_that_encode_by_a_cluster(
    photos: list[Path],
    gestalt: Command,
    tmp_path: Path,
    nodes: RayNodes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ray = ("--engine", "ray", "--address", nodes.address)
    assert gestalt("encode", *photos, "-o", tmp_path / "here.npz", *ALIGNED).code == 0
    ran = gestalt("encode", *photos, "-o", tmp_path / "there.npz", *ALIGNED, *ray)
    assert ran.code == 0
    assert "6 photos encoded" in ran.err
    here, there = (np.load(tmp_path / f"{name}.npz") for name in ("here", "there"))
    assert {name: here[name].tobytes() for name in here} == {
        name: there[name].tobytes() for name in there
    }
    # Paths from the current folder are those of no worker.
    monkeypatch.chdir(photos[0].parent)
    monkeypatch.setenv("GESTALT_RAY_ADDRESS", nodes.address)
    names = [photo.name for photo in photos]
    ran = gestalt("index", "add", *names, "--patient", "P1", *ALIGNED, "--engine", "ray", "--json")
    assert (ran.code, ran.document["counts"]["added"]) == (0, 6)
    ran = gestalt("index", "fill", "--again", "--engine", "ray", "--json")
    assert (ran.code, ran.document["counts"]) == (0, {"filled": 0, "failed": 0})
    assert ran.document["run"]["device"] == "cpu"


def test_a_cluster_that_is_away(photos: list[Path], gestalt: Command, home: Path) -> None:
    ray = ("--engine", "ray", "--address", "127.0.0.1:1")
    ran = gestalt("index", "add", photos[0], "--patient", "P1", *ALIGNED, *ray)
    assert ran.code == 1
    assert "No Ray cluster answers at 127.0.0.1:1" in ran.err
    assert "ray status" in ran.err
    assert "New gallery" not in ran.err
    assert not any(home.glob("gallery*"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--engine", "dask"), "Unknown engine 'dask'"),
        (("--address", "head:6379"), "Add --engine ray"),
        (("--engine", "ray", "--address", "head"), "'head' is not the address of a Ray cluster"),
    ],
)
def test_what_is_no_engine(
    given: tuple[str, ...], told: str, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    ran = gestalt("encode", photos[0], "-o", tmp_path / "x.npz", *ALIGNED, *given)
    assert ran.code == 2
    assert told in ran.err
    assert not (tmp_path / "x.npz").exists()
