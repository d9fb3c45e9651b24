"""The shim, compiled once, and a bench for all tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.operations import Bench
from tests.faults.recording import SHIM


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that notes changes of files."""
    if not sys.platform.startswith("linux"):
        pytest.skip("changes of files are followed by LD_PRELOAD, which is Linux")
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler (cc) to make the shim with")
    library = tmp_path_factory.mktemp("shim") / "shim.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", library, SHIM, "-ldl", "-pthread"], check=True
    )
    return library


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory, shim: Path) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("bench"), shim)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def _models_of_the_bench(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GESTALT_MODELS", os.fspath(bench.models.folder))
