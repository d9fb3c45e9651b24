"""Vectors in 8 bits, searched where they lie on the disk, with a proof of what was missed.

A row `v` is stored as the integers `c = round(v × scale)`, and a probe `q` is asked for as integers
`p = round(q × its own scale)`: FAISS multiplies them by whole numbers on some processors and by
float32 on others, and gives the same. (By whole numbers it cuts the probe's fractions off: on
processors with AVX-512, where the dimension is a multiple of 64. Unscaled, all would be 0.) By
Cauchy–Schwarz the product errs by at most `‖q‖·‖v − c/scale‖ + ‖q − p/its scale‖·‖c/scale‖`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gestalt_space.descriptors import UNIT_TOLERANCE
from gestalt_space.errors import IndexDamaged
from gestalt_space.index.checksums import REBUILD
from gestalt_space.index.exact import TOLERANCE
from gestalt_space.index.integers import MOST, ZERO
from gestalt_space.index.mapped import map_bytes, map_faiss
from gestalt_space.types import Descriptors

Mask = NDArray[np.bool_]

_READ_AT_ONCE = 4 * 2**20


def rounding(dim: int) -> float:
    """More than a float32 product of two unit vectors can err, whatever the order of its sum.

    Twice `dim` roundings: room for vectors as long as `UNIT_TOLERANCE` and the codes' error allow.
    """
    return max(TOLERANCE, dim * 2.0**-23)


def scale_of(greatest: float) -> float:
    """The scale of vectors whose greatest component, without its sign, is this."""
    return float(np.float32(MOST) / np.float32(greatest))


def encode(vectors: Descriptors, scale: float) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Codes `(m, d)` of `(m, d)` vectors, and the Euclidean norm of each row's error: `(m,)`."""
    whole = np.rint(vectors * np.float32(scale))
    errors = np.linalg.norm(vectors.astype(np.float64) - _divided(whole, scale), axis=1)
    return (whole + ZERO).astype(np.uint8), errors


@dataclass(frozen=True, slots=True)
class CodedProbes:
    """Probes as integers, float32 `(q, d)`; the `scales`, `norms` of the probes, and norms of their
    `errors`, `(q,)` each."""

    whole: NDArray[np.float32]
    scales: NDArray[np.float64]
    norms: NDArray[np.float64]
    errors: NDArray[np.float64]

    def greatest_errors(self, error: float, dim: int) -> NDArray[np.float64]:
        """More than similarities can err to codes of rows that err by at most `error`: `(q,)`."""
        longest = 1.0 + UNIT_TOLERANCE + error
        return self.norms * error + self.errors * longest + rounding(dim)


def code_probes(probes: Descriptors, times: int = 1) -> CodedProbes:
    """Probes `(q, d)`, none of them zero, as integers up to `MOST × times`, either sign."""
    scales = (np.float32(MOST * times) / np.abs(probes).max(axis=1)).astype(np.float64)
    true = probes.astype(np.float64)
    whole = np.rint(true * scales[:, None])
    errors = np.linalg.norm(true - whole / scales[:, None], axis=1)
    return CodedProbes(whole.astype(np.float32), scales, np.linalg.norm(true, axis=1), errors)


def _divided(whole: NDArray[np.float32], scale: float) -> NDArray[np.float64]:
    # Not in float32: the quotients' own rounding would be missing from the errors.
    return whole.astype(np.float64) / scale


def _quantizer(dim: int) -> Any:
    import faiss

    return faiss.IndexScalarQuantizer(
        dim, faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_INNER_PRODUCT
    )


def header(rows: int, dim: int) -> bytes:
    """How FAISS begins the file of that many codes; the codes are all that follows.

    Not by `write_index`, which would hold all codes in memory.
    """
    import faiss

    index = _quantizer(dim)
    index.ntotal = rows
    empty = bytes(faiss.serialize_index(index))
    return empty[:-8] + struct.pack("<Q", rows * dim)


def first_code(file_bytes: int, rows: int, dim: int) -> int:
    """Where the codes begin in a file of that size: they are its last bytes."""
    return file_bytes - rows * dim


@dataclass(frozen=True, slots=True)
class Codes:
    """The codes of a segment, in a file of `size` bytes; they are mapped at the first search.

    FAISS's index is mapped and must not be changed: FAISS would end the process.
    """

    path: Path
    size: int
    rows: int
    dim: int
    _opened: list[Any] = field(default_factory=list, repr=False, compare=False)
    _bytes: list[Any] = field(default_factory=list, repr=False, compare=False)
    _lock: Any = field(default_factory=Lock, repr=False, compare=False)

    @property
    def index(self) -> Any:
        """The FAISS index. Raises `IndexDamaged`."""
        if not self._opened:
            with self._lock:
                if not self._opened:
                    self._opened.append(self._open())
        return self._opened[0]

    @property
    def bytes(self) -> NDArray[np.uint8]:
        """The codes `(n, d)`, mapped; `ZERO` stands for 0. Raises `IndexDamaged`."""
        # Two threads may both map it: one of the two goes again.
        if not self._bytes:
            self._bytes.append(map_bytes(self.path, self.size, (self.rows, self.dim)))
        return np.asarray(self._bytes[0])

    def _open(self) -> Any:
        import faiss

        wanted = header(self.rows, self.dim)
        try:
            # FAISS may end the process that gives it another.
            with self.path.open("rb") as stream:
                is_ours = stream.read(len(wanted)) == wanted
            index = map_faiss(self.path) if is_ours else None
        except (RuntimeError, OSError) as error:
            raise IndexDamaged(f"{self.path.name} cannot be read by FAISS.", REBUILD) from error
        kind = faiss.ScalarQuantizer.QT_8bit_direct_signed
        if (
            not isinstance(index, faiss.IndexScalarQuantizer)
            or (index.ntotal, index.d) != (self.rows, self.dim)
            or (index.sq.qtype, index.metric_type) != (kind, faiss.METRIC_INNER_PRODUCT)
            or index.codes.size() != self.rows * self.dim
        ):
            raise IndexDamaged(f"{self.path.name} does not have the expected codes.", REBUILD)
        return index

    def check_place(self, first: NDArray[np.float32], last: NDArray[np.float32]) -> None:
        """Check where FAISS reads codes: the first and the last row of integers `(d,)`.

        Raises `IndexDamaged`.
        """
        ends = np.stack([first, last])
        if not np.array_equal(self.index.reconstruct_batch(np.array([0, self.rows - 1])), ends):
            raise IndexDamaged(f"FAISS reads {self.path.name} differently.", REBUILD)

    def read_ahead(self) -> None:
        """Read the file, so that it lies in the system's memory. Raises `IndexDamaged`."""
        space = bytearray(_READ_AT_ONCE)
        try:
            with self.path.open("rb", buffering=0) as stream:
                while stream.readinto(space):
                    pass
        except OSError as error:
            raise IndexDamaged(f"{self.path.name} cannot be read.", REBUILD) from error

    def search(
        self, whole: NDArray[np.float32], count: int, eligible: Mask | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The `count` rows nearest by the codes to a probe of integers `(d,)`, best first, and the
        products of the integers.

        Fewer where fewer are eligible; `eligible` `(n,)`, None for all.
        """
        import faiss

        parameters = None
        if eligible is not None:
            bits = np.packbits(eligible, bitorder="little")
            parameters = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))
        count = min(count, self.rows)
        products, rows = self.index.search(whole[None], count, params=parameters)
        found = rows[0] >= 0
        return rows[0][found], products[0][found].astype(np.float64)
