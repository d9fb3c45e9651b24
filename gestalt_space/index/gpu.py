"""The rows of segments in float16 on a GPU, by torch, where a self-test shows that one works.

Candidates are found there, and their similarities are computed from the float32 vectors here, as
with the codes. By Cauchy–Schwarz a product errs by at most `‖q‖·‖v − half(v)‖`, besides rounding:
the probe is given as two halves, and products are summed and kept in float32.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from threading import Event
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gestalt_space.descriptors import UNIT_TOLERANCE
from gestalt_space.devices import gpu_driver
from gestalt_space.errors import DeviceUnavailable
from gestalt_space.index.checksums import FileRecord
from gestalt_space.index.codes import Mask, rounding
from gestalt_space.index.segment import Segment, blocks_of

if TYPE_CHECKING:
    import torch

SELF_TEST_SECONDS = 120

_SELF_TEST = """
import numpy, torch
from gestalt_space.index.gpu import HalfRows, Piece, halves
random = numpy.random.default_rng(1)
rows = random.standard_normal((3000, 64), dtype="float32")
rows /= numpy.linalg.norm(rows, axis=1, keepdims=True)
half, error = halves(rows, torch.device("cuda"))
there = HalfRows(half, (Piece(None, 3000, error),))
for probe in rows[:5]:
    places, at_most, others = there.search(probe, 50, None)
    true = rows.astype("float64") @ probe
    assert len(numpy.unique(places)) == 50, "rows came twice"
    assert (true[places] <= at_most).all(), "a row is nearer than its bound"
    assert (at_most - true[places] < 0.01).all(), "the products are wrong"
    assert (numpy.delete(true, places) <= others).all(), "a row was missed"
"""


@functools.cache
def gpu_works() -> str | None:
    """Why no GPU can search here; None where one can.

    Tried once, in a process of its own: a build without kernels for the card may end it.
    """
    if find_spec("torch") is None:
        return "torch is not installed"
    if not gpu_driver():
        return "there is no NVIDIA driver on this machine"
    return _tried(_SELF_TEST)


def gpu_name() -> str:
    """What the GPU that searches calls itself, where one works."""
    import torch

    return torch.cuda.get_device_name()


def _tried(program: str) -> str | None:
    """What went wrong with a program in a process of its own; None where nothing did."""
    try:
        test = subprocess.run(  # noqa: S603 - our own interpreter and text
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=os.environ | {"PYTHONIOENCODING": "utf-8"},
            timeout=SELF_TEST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "the self-test did not finish"
    if not test.returncode:
        return None
    last = (test.stderr.strip().splitlines() or [f"it ended with {test.returncode}"])[-1]
    return f"the self-test failed: {last}"


@dataclass(frozen=True, slots=True)
class Piece:
    """The rows of one segment: its file of vectors, whose hashes tell whether the rows are still
    those; how many they are; the greatest Euclidean norm of a row's error."""

    file: FileRecord | None
    count: int
    error: float


@dataclass(frozen=True, slots=True, eq=False)
class HalfRows:
    """Rows `(n, d)` of segments, one after the other, in float16 on a device."""

    rows: torch.Tensor
    pieces: tuple[Piece, ...]

    @property
    def device_name(self) -> str:
        """What the device calls itself."""
        import torch

        place = self.rows.device
        return torch.cuda.get_device_name(place) if place.type == "cuda" else place.type

    def holds(self, segments: Sequence[Segment]) -> bool:
        """Whether these are the rows of exactly those segments, as they are now."""
        return [piece.file for piece in self.pieces] == [s.record.vectors for s in segments]

    def search(
        self, probe: NDArray[np.float32], count: int, eligible: Mask | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], float]:
        """Rows near to a probe `(d,)`: their numbers, what their similarities are at most `(m,)`,
        and what those of all other eligible rows are at most.

        `m` is `count`, or all that are eligible. `eligible` `(n,)`; None for all.
        """
        import torch

        device = self.rows.device
        pair, left = _as_pair(probe)
        values = _product(self.rows, torch.from_numpy(pair).to(device))
        total = len(values)
        if eligible is not None:
            values = values.masked_fill(~torch.from_numpy(eligible).to(device), -torch.inf)
            total = int(np.count_nonzero(eligible))
        best, places = torch.topk(values, min(count, total), sorted=True)
        at_most = best.cpu().numpy().astype(np.float64) + self._error(probe, left)
        others = float(at_most[-1]) if len(at_most) < total else -np.inf
        return places.cpu().numpy(), at_most, others

    def _error(self, probe: NDArray[np.float32], left: float) -> float:
        error = max(piece.error for piece in self.pieces)
        norm = float(np.linalg.norm(probe.astype(np.float64)))
        return norm * error + left * (1.0 + UNIT_TOLERANCE + error) + 2 * rounding(len(probe))


def to_gpu(
    segments: Sequence[Segment],
    before: HalfRows | None = None,
    device: str = "cuda",
    stop: Event | None = None,
) -> HalfRows | None:
    """The rows of segments, all of one space, on a device; None where `stop` is set meanwhile.

    What `before` has of them is not read from the disk again; segments that were added are, and so
    are those of which rows were removed. Raises `DeviceUnavailable` where it has no room.
    """
    import torch

    place = torch.device(device)
    dim = segments[0].record.dim if segments else 0
    there = {} if before is None else _parts(before)
    try:
        whole = torch.empty((sum(map(len, segments)), dim), dtype=torch.float16, device=place)
        pieces, start = [], 0
        for segment in segments:
            if stop is not None and stop.is_set():
                return None
            file, count = segment.record.vectors, len(segment)
            known = there.get(file)
            half, error = halves(segment.vectors, place) if known is None else known
            whole[start : start + count] = half
            pieces.append(Piece(file, count, error))
            start += count
    except RuntimeError as error:  # torch has this for a full memory and for a lost device
        raise DeviceUnavailable(
            f"The gallery does not fit on the GPU: {str(error).splitlines()[0]}",
            "Set GESTALT_SEARCH_DEVICE=cpu to search on the CPU.",
        ) from error
    return HalfRows(whole, tuple(pieces))


def free_memory() -> None:
    """Give back to the system what torch keeps of a GPU's memory for later."""
    import torch

    torch.cuda.empty_cache()


def halves(vectors: NDArray[np.float32], device: torch.device) -> tuple[torch.Tensor, float]:
    """`(n, d)` vectors in float16 on a device, and the greatest norm of a row's error."""
    import torch

    half = torch.empty(vectors.shape, dtype=torch.float16, device=device)
    greatest, start = 0.0, 0
    for block in blocks_of(vectors):
        rounded = block.astype(np.float16)
        lost = block.astype(np.float64) - rounded
        greatest = max(greatest, float(np.linalg.norm(lost, axis=1).max()))
        half[start : start + len(block)] = torch.from_numpy(rounded).to(device)
        start += len(block)
    return half, greatest


def _parts(held: HalfRows) -> dict[FileRecord | None, tuple[torch.Tensor, float]]:
    """The rows of each segment, by its file of vectors."""
    import torch

    counts = [piece.count for piece in held.pieces]
    rows = torch.split(held.rows, counts)
    return {piece.file: (part, piece.error) for piece, part in zip(held.pieces, rows, strict=True)}


def _as_pair(probe: NDArray[np.float32]) -> tuple[NDArray[np.float16], float]:
    """A probe `(d,)` as two float16 columns `(d, 2)` whose sum it is, and the norm of the rest."""
    first = probe.astype(np.float16)
    second = (probe - first).astype(np.float16)
    pair = np.stack([first, second], axis=1)
    left = probe.astype(np.float64) - pair.astype(np.float64).sum(axis=1)
    return pair, float(np.linalg.norm(left))


def _product(rows: torch.Tensor, pair: torch.Tensor) -> torch.Tensor:
    """Products of rows `(n, d)` and a probe's two columns, in float32: `(n,)`."""
    import torch

    if rows.device.type == "cpu":
        return (rows.float() @ pair.float()).sum(dim=1)
    return torch.mm(rows, pair, out_dtype=torch.float32).sum(dim=1)
