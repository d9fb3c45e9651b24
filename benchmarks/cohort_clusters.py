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
from gestalt_space.cohort.lumping import Pair, compare_pairs
from gestalt_space.stats.halves import halve

DIM = 512
DECAY = 40
DISORDERS, EACH = 8, 12
STRENGTHS = (0.0, 0.5, 1.0, 1.5, 2.0)
SPLITS = (0.8, 1.2, 1.6, 2.0)
SIZES = (12, 20)
VERDICTS = ("told apart", "alike")
COVERED = (0.0, 0.3, 0.5, 1.0, 2.0)
PAIRS = ((3, 3), (5, 5), (12, 12), (20, 6), (20, 20))
LENGTHS = (0.5, 1.0)
"""Of an even spread along one direction, as of ages, in standard deviations."""


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


def one_disorder(
    rng: np.random.Generator, count: int, apart: float, length: float = 0.0
) -> np.ndarray:
    rows = persons(rng, count) + shift(rng, 1.0)
    rows[: count // 2] += shift(rng, apart)
    rows += length * rng.uniform(-np.sqrt(3), np.sqrt(3), (count, 1)) * shift(rng, 1.0)
    return unit(rows)


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
            alone, anywhere = np.arange(len(names)), np.full(len(names), "")
            pairs = compare_pairs(points, names, alone, anywhere, seed=seed)
            figures.append(
                [
                    adjusted_rand_score(truth, chosen),
                    chosen.max(),
                    adjusted_rand_score(truth, cut_into(tree, DISORDERS)),
                    adjusted_rand_score(truth, dense_clusters(distances)),
                    np.mean([pair.share.value for pair in pairs]),
                    *(np.mean([pair.verdict == one for pair in pairs]) for one in VERDICTS),
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
        wholes = [(0.0, length) for length in (0.0, *LENGTHS)]
        for apart, length in (*wholes, *((one, 0.0) for one in SPLITS)):
            # The level of a test needs more draws than its power.
            draws = 5 * cohorts if apart == 0 else cohorts
            ps, right = [], []
            truth = np.arange(count) < count // 2
            for seed in range(draws):
                rng = np.random.default_rng([2, count, seed])
                halves = halve(one_disorder(rng, count, apart, length), samples=samples, seed=seed)
                ps.append(halves.p)
                right.append(max(np.mean(halves.second == truth), np.mean(halves.second != truth)))
            share = np.mean(np.array(ps) <= 0.05)
            what = "one disorder in two halves" if apart else "one disorder, not split"
            if length:
                what += f", spread {length} along a line"
            right_text = f"{np.mean(right):.2f}" if apart else ""
            rows.append([what, count, apart, draws, *[""] * 7, f"{share:.3f}", right_text])
    return rows


def intervals(cohorts: int) -> list[list[object]]:
    """How often the interval of two disorders' separability holds what a large sample gives."""
    rows: list[list[object]] = []
    for strength in COVERED:
        moved = np.stack([np.zeros(DIM), shift(np.random.default_rng(6), strength)])
        middle = shift(np.random.default_rng(7), 1.0)

        def pair(
            rng: np.random.Generator,
            first: int,
            second: int,
            centres: np.ndarray = middle + moved,
        ) -> Pair:
            of = np.repeat([0, 1], [first, second])
            points = unit(persons(rng, len(of)) + centres[of])
            alone, anywhere = np.arange(len(of)), np.full(len(of), "")
            names = np.array(["first", "second"])[of]
            return compare_pairs(points, names, alone, anywhere)[0]

        large = [pair(np.random.default_rng([8, seed]), 500, 500) for seed in range(4)]
        truth = float(np.mean([one.share.value for one in large]))
        for sizes in PAIRS:
            found = [
                pair(np.random.default_rng([9, *sizes, one]), *sizes) for one in range(cohorts)
            ]
            held = [one.share.low <= truth <= one.share.high for one in found]
            shares = [np.mean([one.verdict == verdict for one in found]) for verdict in VERDICTS]
            mean = np.mean([one.share.value for one in found])
            shown = "" if all(np.isnan(one.share.low) for one in found) else f"{np.mean(held):.3f}"
            figures = [f"{value:.3f}" for value in (truth, mean, *shares)]
            figures.insert(2, shown)
            rows.append([f"{sizes[0]} + {sizes[1]}", strength, cohorts, *figures])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cohorts", type=int, default=200)
    parser.add_argument("--samples", type=int, default=99)
    options = parser.parse_args()
    command = f"python -m benchmarks.cohort_clusters --cohorts {options.cohorts}"
    command += f" --samples {options.samples}"
    header = ["cohort", "patients", "strength", "simulated", "ARI, chosen cut", "clusters"]
    header += ["ARI, true number", "ARI, HDBSCAN", "share", "pairs told apart", "pairs alike"]
    header += ["split (p ≤ 0.05)", "in the right half"]
    with threadpool_limits(1):
        rows = found(max(1, options.cohorts // 10)) + split(options.cohorts, options.samples)
        keep("cohort-clusters", command, header, rows)
        header = ["patients", "strength", "simulated", "true share", "mean share"]
        header += ["interval holds it", "told apart", "alike"]
        keep("cohort-pairs", command, header, intervals(options.cohorts))


if __name__ == "__main__":
    main()
