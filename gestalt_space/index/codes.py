"""Vectors in 8 bits, searched by FAISS where they lie on the disk, with a proof of what was missed.

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
from gestalt_space.types import Descriptors

Mask = NDArray[np.bool_]

MOST = 127
"""The greatest integer of a code, either sign."""
ZERO = 128
"""The byte that stands for 0."""
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
class CodedProbe:
    """A probe as integers, float32 `(d,)`; `scale`; its `norm`, and that of its `error`."""

    whole: NDArray[np.float32]
    scale: float
    norm: float
    error: float

    def greatest_error(self, error: float, dim: int) -> float:
        """More than a similarity can err to codes of rows that err by at most `error`."""
        longest = 1.0 + UNIT_TOLERANCE + error
        return self.norm * error + self.error * longest + rounding(dim)


def code_probe(probe: NDArray[np.float32]) -> CodedProbe:
    """A probe `(d,)`, not zero, as integers."""
    scale = scale_of(float(np.abs(probe).max()))
    whole = np.rint(probe * np.float32(scale))
    true = probe.astype(np.float64)
    error = float(np.linalg.norm(true - _divided(whole, scale)))
    return CodedProbe(whole, scale, float(np.linalg.norm(true)), error)


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
    """The codes of a segment; FAISS opens them at the first search, and reads what it touches.

    The index is mapped and must not be changed: FAISS would end the process.
    """

    path: Path
    rows: int
    dim: int
    _opened: list[Any] = field(default_factory=list, repr=False, compare=False)
    _lock: Any = field(default_factory=Lock, repr=False, compare=False)

    @property
    def index(self) -> Any:
        """The FAISS index. Raises `IndexDamaged`."""
        if not self._opened:
            with self._lock:
                if not self._opened:
                    self._opened.append(self._open())
        return self._opened[0]

    def _open(self) -> Any:
        import faiss

        try:
            index = faiss.read_index(str(self.path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise IndexDamaged(f"{self.path.name} cannot be read by FAISS.", REBUILD) from error
        wanted = faiss.ScalarQuantizer.QT_8bit_direct_signed
        if (
            not isinstance(index, faiss.IndexScalarQuantizer)
            or (index.ntotal, index.d) != (self.rows, self.dim)
            or (index.sq.qtype, index.metric_type) != (wanted, faiss.METRIC_INNER_PRODUCT)
            or index.codes.size() != self.rows * self.dim
        ):
            raise IndexDamaged(f"{self.path.name} does not hold the codes that it should.", REBUILD)
        return index

    def check_place(self, first: NDArray[np.float32], last: NDArray[np.float32]) -> None:
        """Check where FAISS reads codes: the first and the last row of integers `(d,)`.

        Raises `IndexDamaged`.
        """
        ends = np.stack([first, last])
        if not np.array_equal(self.index.reconstruct_batch(np.array([0, self.rows - 1])), ends):
            raise IndexDamaged(f"{self.path.name} is read by FAISS in another way.", REBUILD)

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
        self, probe: CodedProbe, count: int, eligible: Mask | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The `count` rows nearest by the codes, best first, and the products of the integers.

        Fewer where fewer are eligible; `eligible` `(n,)`, None for all.
        """
        import faiss

        parameters = None
        if eligible is not None:
            bits = np.packbits(eligible, bitorder="little")
            parameters = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))
        count = min(count, self.rows)
        products, rows = self.index.search(probe.whole[None], count, params=parameters)
        found = rows[0] >= 0
        return rows[0][found], products[0][found].astype(np.float64)
