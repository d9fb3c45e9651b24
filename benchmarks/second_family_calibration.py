"""How hard the second family is: what ArcFace MobileFaceNet reaches at a severity.

`python -m benchmarks.second_family_calibration ../shared --severities 0.9 --seeds 1001 1002 1003`
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.second_family import SEVERITY, draw_disorders, show
from gestalt_space.faces.alignment import align
from gestalt_space.simulate.capture import sample_capture, take
from gestalt_space.simulate.persons import Persons, Portrait


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("shared", type=Path, nargs="?", default=Path("../shared"))
    arguments.add_argument("--severities", type=float, nargs="+", default=[SEVERITY])
    arguments.add_argument("--seeds", type=int, nargs="+", default=[1001])
    arguments.add_argument("--disorders", type=int, default=100)
    arguments.add_argument("--patients", type=int, default=8)
    given = arguments.parse_args()
    cv2.setNumThreads(1)
    encode = _MobileFaceNet(given.shared / "models" / "arcface-mbf" / "mobilefacenet.onnx")
    print("severity  seed  top-1  top-5  top-10  top-30  ms to show a face")
    for severity in given.severities:
        for seed in given.seeds:
            crops, took = cohort(seed, given.disorders, given.patients, severity)
            labels = np.repeat(np.arange(given.disorders), given.patients)
            ranks = leave_one_out(encode(crops), labels)
            tops = "  ".join(f"{(ranks <= top).mean():6.1%}" for top in (1, 5, 10, 30))
            print(f"{severity:8.2f}  {seed}  {tops}  {1000 * took:.1f}", flush=True)


def cohort(
    seed: int, disorders: int, patients: int, severity: float
) -> tuple[NDArray[np.uint8], float]:
    """Aligned faces, one photo a patient, disorder by disorder, and seconds `show` took a face."""
    rng = np.random.default_rng(seed)
    persons = Persons.builtin()
    crops, took = [], 0.0
    for disorder in draw_disorders(rng, disorders):
        for _ in range(patients):
            portrait = persons.portrait(persons.sample(rng), rng)
            start = time.perf_counter()
            shown = show(disorder, rng, portrait.pixels, portrait.landmarks, severity)
            took += time.perf_counter() - start
            photo = take(Portrait(*shown), sample_capture(rng))
            jitter = rng.normal(0, 0.9, (5, 2)).astype(np.float32)
            crops.append(align(np.ascontiguousarray(photo.pixels), photo.landmarks + jitter))
    return np.stack(crops), took / len(crops)


def leave_one_out(vectors: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each patient the rank, from 1, of the disorder whose nearest other patient is hers.

    `vectors`: `(n, d)` of unit length; `labels`: `(n,)`, 0 … disorders - 1.
    """
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -np.inf)
    best = np.stack([likeness[:, labels == label].max(axis=1) for label in np.unique(labels)], 1)
    own = best[np.arange(len(labels)), labels]
    return np.asarray((best > own[:, None]).sum(axis=1) + 1)


class _MobileFaceNet:
    """ArcFace MobileFaceNet by ONNX Runtime in one thread."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Descriptors `(n, 128)` of unit length of aligned faces `(n, 112, 112, 3)`."""
        name = self._session.get_inputs()[0].name
        planes = crops.transpose(0, 3, 1, 2).astype(np.float32)
        parts = [
            self._session.run(None, {name: planes[start : start + 16]})[0]
            for start in range(0, len(planes), 16)
        ]
        vectors = np.concatenate(parts)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


if __name__ == "__main__":
    main()
