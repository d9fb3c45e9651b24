"""What `gestalt cohort cluster` finds in cohorts of which the truth is known.

Descriptors of 512 numbers are drawn around the centres of disorders on the sphere, with persons'
noise whose components fall off as exp(−i/40). Strength is the length of a disorder's shift, in
standard deviations of the persons' noise (its length over all components together, which is 1).
"""

from __future__ import annotations

import argparse

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.table import keep
from gestalt_space.cohort.clusters import (
    average_linkage,
    cosine_distances,
    cut_into,
    dense_clusters,
    silhouette_cut,
)
from gestalt_space.cohort.lumping import hard_to_tell_apart
from gestalt_space.cohort.splitting import halve

DIM = 512
DECAY = 40
DISORDERS, EACH = 8, 12
STRENGTHS = (0.0, 0.5, 1.0, 1.5, 2.0)
SPLITS = (0.8, 1.2, 1.6, 2.0)
SIZES = (12, 20)


def persons(rng: np.random.Generator, count: int) -> np.ndarray:
    spread = np.exp(-np.arange(DIM) / DECAY)
    return rng.normal(size=(count, DIM)) * np.sqrt(spread / spread.sum())


def shift(rng: np.random.Generator, length: float) -> np.ndarray:
    direction = rng.normal(size=DIM)
    return length * direction / np.linalg.norm(direction)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def planted(rng: np.random.Generator, strength: float) -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat(np.arange(DISORDERS), EACH)
    centres = np.stack([shift(rng, strength) for _ in range(DISORDERS)])
    return unit(persons(rng, len(labels)) + centres[labels]), labels


def one_disorder(rng: np.random.Generator, count: int, apart: float) -> np.ndarray:
    rows = persons(rng, count) + shift(rng, 1.0)
    rows[: count // 2] += shift(rng, apart)
    return unit(rows).astype(np.float32)


def found(cohorts: int) -> list[list[object]]:
    from sklearn.metrics import adjusted_rand_score

    rows: list[list[object]] = []
    for strength in STRENGTHS:
        figures = []
        for seed in range(cohorts):
            points, truth = planted(np.random.default_rng([1, seed]), strength)
            distances = cosine_distances(points)
            tree = average_linkage(distances)
            chosen, _ = silhouette_cut(tree, distances)
            names = np.array([f"d{label}" for label in truth])
            pairs = hard_to_tell_apart(points, names, seed=seed)
            figures.append(
                [
                    adjusted_rand_score(truth, chosen),
                    chosen.max(),
                    adjusted_rand_score(truth, cut_into(tree, DISORDERS)),
                    adjusted_rand_score(truth, dense_clusters(distances)),
                    np.mean([pair.told_apart for pair in pairs]),
                    np.mean([pair.hard for pair in pairs]),
                ]
            )
        rows.append(
            ["planted disorders", f"{DISORDERS} × {EACH}", strength, cohorts]
            + [f"{value:.2f}" for value in np.mean(figures, axis=0)]
            + ["", ""]
        )
    return rows


def split(cohorts: int, samples: int) -> list[list[object]]:
    rows: list[list[object]] = []
    for count in SIZES:
        for apart in (0.0, *SPLITS):
            ps, right = [], []
            truth = np.arange(count) < count // 2
            for seed in range(cohorts):
                rng = np.random.default_rng([2, count, seed])
                halves = halve(one_disorder(rng, count, apart), samples=samples, seed=seed)
                ps.append(halves.p)
                right.append(max(np.mean(halves.second == truth), np.mean(halves.second != truth)))
            share = np.mean(np.array(ps) <= 0.05)
            what = "one disorder, not split" if apart == 0 else "one disorder in two halves"
            blank = [""] * 6
            right_text = "" if apart == 0 else f"{np.mean(right):.2f}"
            rows.append([what, count, apart, cohorts, *blank, f"{share:.3f}", right_text])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cohorts", type=int, default=200)
    parser.add_argument("--samples", type=int, default=99)
    options = parser.parse_args()
    header = ["cohort", "patients", "strength", "simulated", "ARI, chosen cut", "clusters"]
    header += ["ARI, true number", "ARI, HDBSCAN", "told apart", "pairs hard"]
    header += ["split (p ≤ 0.05)", "in the right half"]
    with threadpool_limits(1):
        rows = found(max(1, options.cohorts // 10)) + split(options.cohorts, options.samples)
    command = f"python -m benchmarks.cohort_clusters --cohorts {options.cohorts}"
    keep("cohort-clusters", f"{command} --samples {options.samples}", header, rows)


if __name__ == "__main__":
    main()
