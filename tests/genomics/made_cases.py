"""Cases of PEDIA that are made up, of which the truth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gestalt_space.genomics.genes import Gene
from gestalt_space.genomics.pedia_table import PediaTable

FEATURES = ("gestalt", "cadd", "noise")


def cases(
    count: int = 40,
    candidates: int = 20,
    *,
    informative: tuple[str, ...] = ("gestalt", "cadd"),
    missing: float = 0.2,
    causal_genes: int = 20,
    seed: int = 0,
    strength: float = 2.0,
) -> PediaTable:
    """`count` cases of `causal_genes` genes, each among `candidates`. The scores in `informative`
    are higher for causal genes by `strength` standard deviations; `missing`: the share of others.
    """
    rng = np.random.default_rng(seed)
    names: list[str] = []
    genes: list[Gene] = []
    causal: list[bool] = []
    for case in range(count):
        right = case % causal_genes
        others = rng.choice([n for n in range(300) if n != right], candidates - 1, replace=False)
        for gene in (right, *others):
            names.append(f"case {case}")
            genes.append(Gene(f"GENE{gene}"))
            causal.append(gene == right)
    truth = np.array(causal)
    values = rng.normal(size=(len(names), len(FEATURES)))
    for place, feature in enumerate(FEATURES):
        values[truth, place] += strength * (feature in informative)
    values[rng.random(values.shape) < missing] = np.nan
    return PediaTable("made up", FEATURES, tuple(names), tuple(genes), truth, values)


def write(table: PediaTable, path: Path, *, with_causal: bool = True) -> Path:
    head = ["case", "gene", *(["causal"] if with_causal else []), *table.features]
    rows = [",".join(head)]
    for number, (case, gene) in enumerate(zip(table.cases, table.genes, strict=True)):
        truth = [str(int(table.causal[number]))] if with_causal else []
        rows.append(",".join([case, gene.symbol, *truth, *map(_cell, table.values[number])]))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def _cell(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.6f}"


def columns(table: PediaTable, name: str) -> NDArray[np.float64]:
    return table.values[:, table.features.index(name)]
