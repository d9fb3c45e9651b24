"""The table of PEDIA: a row for each case and gene, a column for each score (Hsieh et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import UsageError
from gestalt_space.genomics.genes import Gene, GeneNames
from gestalt_space.genomics.score_files import ScoreFile
from gestalt_space.genomics.text_tables import read_number, read_table
from gestalt_space.tables.table import Column, Table

CASE, GENE, CAUSAL = "case", "gene", "causal"
IDENTIFIERS = ("hgnc_id", "entrez_id")
_TRUTH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_FORM = (
    f"The columns are {CASE}, {GENE}, {CAUSAL} for training, and one for each score; a row for "
    "each case and gene."
)


@dataclass(frozen=True, slots=True)
class PediaTable:
    """Rows of cases and genes. `cases`, `genes` `(n,)`; `causal` `(n,)` bool, empty where it is not
    known; `values` `(n, f)` float64, NaN where a score is missing.
    """

    name: str
    features: tuple[str, ...]
    cases: tuple[str, ...]
    genes: tuple[Gene, ...]
    causal: NDArray[np.bool_]
    values: NDArray[np.float64]

    def rows_of(self, cases: Iterable[str]) -> NDArray[np.int64]:
        """The numbers of the rows of cases."""
        wanted = frozenset(cases)
        return np.array([n for n, case in enumerate(self.cases) if case in wanted], np.int64)

    def at(self, rows: NDArray[np.int64]) -> PediaTable:
        """Some of the rows."""
        return PediaTable(
            self.name,
            self.features,
            tuple(self.cases[n] for n in rows),
            tuple(self.genes[n] for n in rows),
            self.causal[rows] if len(self.causal) else self.causal,
            self.values[rows],
        )

    def of_features(self, names: Iterable[str]) -> PediaTable:
        """Some of the columns. Raises `UsageError` for a column that is not there."""
        names = tuple(names)
        for name in names:
            if name not in self.features:
                raise UsageError(
                    f"{self.name} has no column {name}.",
                    "Add the column. Leave it empty if the patient has no such score.",
                )
        places = [self.features.index(name) for name in names]
        return PediaTable(
            self.name, names, self.cases, self.genes, self.causal, self.values[:, places]
        )


def read_pedia_table(path: Path, names: GeneNames, *, for_training: bool) -> PediaTable:
    """A table of scores. For training, each case has one causal gene.

    Raises `UsageError`, which names the line, for a gene that is not known or means two, for a gene
    that a case has twice, and for a score that is not a number; for training also for a score that
    no row has.
    """
    required = (CASE, GENE, CAUSAL) if for_training else (CASE, GENE)
    table = read_table(path, required, (CAUSAL, *IDENTIFIERS))
    features = tuple(
        column for column in table.columns if column not in (CASE, GENE, CAUSAL, *IDENTIFIERS)
    )
    if not features:
        raise UsageError(f"{path.name} has no scores.", _FORM)
    cases, genes, causal, values = [], [], [], []
    lines: dict[tuple[str, str], int] = {}
    for line, row in table.rows:
        where = f"{path.name}, line {line}"
        case = row[CASE]
        if not case:
            raise UsageError(f"{where}: the row has no case.", _FORM)
        gene = _gene(row, names, where)
        first = lines.setdefault((case, gene.key), line)
        if first != line:
            raise UsageError(
                f"{where}: case {case} has the gene {gene.symbol} on line {first} already.",
                "Keep one row for each case and gene.",
            )
        if for_training:
            truth = _TRUTH.get(row[CAUSAL].lower())
            if truth is None:
                raise UsageError(
                    f"{where}, column {CAUSAL}: {row[CAUSAL][:40]!r} is neither 0 nor 1.",
                    "Write 1 for the gene that causes the disorder of the case, 0 for all others.",
                )
            causal.append(truth)
        cases.append(case)
        genes.append(gene)
        values.append([read_number(row[name], f"{where}, column {name}") for name in features])
    numbers = np.array(values, np.float64)
    for name, column in zip(features, numbers.T, strict=True):
        if for_training and np.isnan(column).all():
            raise UsageError(f"{path.name}: no row has a score {name}.", "Delete the column.")
    found = PediaTable(
        path.name, features, tuple(cases), tuple(genes), np.array(causal, np.bool_), numbers
    )
    if for_training:
        _check_causal(found)
    return found


def joined(case: str, files: Mapping[str, ScoreFile]) -> Table:
    """The rows of a case from files of scores: every gene that one of them has, in the order of
    symbols; a score that a file does not have is missing.
    """
    genes: dict[str, Gene] = {}
    for file in files.values():
        for key, gene in file.genes.items():
            genes.setdefault(key, gene)
    table = Table(
        [
            *(Column(name) for name in (CASE, GENE, *IDENTIFIERS)),
            *(Column(name, "number") for name in files),
        ]
    )
    for key, gene in sorted(genes.items(), key=lambda item: item[1]):
        scores = (file.scores.get(key) for file in files.values())
        table.add_row(case, gene.symbol, gene.hgnc_id or None, gene.entrez_id or None, *scores)
    return table


def _gene(row: Mapping[str, str], names: GeneNames, where: str) -> Gene:
    """The gene of a row: by an identifier if the gene table has it, else by the symbol."""
    if names.source:
        for column in IDENTIFIERS:
            if found := names.meanings(row.get(column, "")):
                return found[0]
    try:
        return names.find(row[GENE])
    except UsageError as error:
        raise UsageError(f"{where}: {error.message}", error.hint) from error


def _check_causal(table: PediaTable) -> None:
    counts = dict.fromkeys(table.cases, 0)
    for case, is_causal in zip(table.cases, table.causal, strict=True):
        counts[case] += int(is_causal)
    for case, count in counts.items():
        if count != 1:
            said = "no causal gene" if not count else f"{count} causal genes"
            raise UsageError(
                f"{table.name}: case {case} has {said} among its rows.",
                "Each case for training needs one causal gene. Delete the case, or correct it.",
            )
