"""HPO's annotation files: `phenotype.hpoa` and `genes_to_phenotype.txt`, tables with tabs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from gestalt_space.errors import TableDamaged
from gestalt_space.phenotype.annotations import Annotations
from gestalt_space.phenotype.ontology import Ontology, rows_of

DISORDERS, GENES = "phenotype.hpoa", "genes_to_phenotype.txt"
CLASSES = {
    "HP:0040280": 1.0,
    "HP:0040281": 0.895,
    "HP:0040282": 0.545,
    "HP:0040283": 0.17,
    "HP:0040284": 0.025,
    "HP:0040285": 0.0,
}
"""HPO's frequency terms, at the middle of their ranges: obligate 100 %, very frequent 80 to 99 %,
frequent 30 to 79 %, occasional 5 to 29 %, very rare 1 to 4 %, excluded 0 %."""
_DISORDER_COLUMNS = (
    *("database_id", "disease_name", "qualifier", "hpo_id", "reference", "frequency"),
)
_GENE_COLUMNS = ("ncbi_gene_id", "gene_symbol", "disease_id")
_NO_SYMBOL = ("", "-")
_HINT = "Use the files of one release of HPO as they were published."


def parse_annotations(ontology: Ontology, disorders: str, genes: str) -> Annotations:
    """The texts of `phenotype.hpoa` and `genes_to_phenotype.txt`. What is no phenotype, such as a
    mode of inheritance, is left out. Raises `TableDamaged`."""
    names: dict[str, str] = {}
    sources: dict[str, int] = {}
    statements: list[tuple[str, int, int, float, float, float, bool]] = []
    resolved: dict[str, int | None] = {}
    for id_, name, qualifier, hpo, reference, frequency in _records(
        disorders, DISORDERS, _DISORDER_COLUMNS
    ):
        names.setdefault(id_, name)
        if hpo not in resolved:
            place = ontology.resolve(hpo).place
            resolved[hpo] = place if place is not None and ontology.is_phenotype[place] else None
        if (term := resolved[hpo]) is not None:
            source = sources.setdefault(reference, len(sources))
            statements.append(
                (id_, term, source, *_frequency(frequency), qualifier.upper() == "NOT")
            )
    symbols, pairs = _genes(genes)
    ids = sorted(names)
    places = {id_: place for place, id_ in enumerate(ids)}
    numbers = sorted(symbols)
    gene_places = {number: place for place, number in enumerate(numbers)}
    known = [(gene_places[gene], places[id_]) for gene, id_ in sorted(pairs) if id_ in places]
    of_gene, of_disorder = np.array(known, np.int32).reshape(-1, 2).T
    columns = list(zip(*statements, strict=True)) or [()] * 7
    return Annotations(
        release=_release(disorders),
        disorders=tuple(ids),
        disorder_names=tuple(names[id_] for id_ in ids),
        sources=tuple(sources),
        disorder=np.array([places[id_] for id_ in columns[0]], np.int32),
        term=np.array(columns[1], np.int32),
        source=np.array(columns[2], np.int32),
        seen=np.array(columns[3], np.float32),
        looked=np.array(columns[4], np.float32),
        share=np.array(columns[5], np.float32),
        is_not=np.array(columns[6], np.bool_),
        genes=np.array(numbers, np.int32),
        gene_symbols=tuple(symbols[number] for number in numbers),
        gene_disorders=rows_of(of_gene, of_disorder, len(numbers)),
    )


def _genes(text: str) -> tuple[dict[int, str], set[tuple[int, str]]]:
    """Symbols by Entrez number, and pairs of a gene and a disorder."""
    symbols: dict[int, str] = {}
    pairs = set()
    for number, symbol, id_ in _records(text, GENES, _GENE_COLUMNS):
        if number.isdecimal():
            symbols[int(number)] = f"Entrez:{number}" if symbol in _NO_SYMBOL else symbol
            pairs.add((int(number), id_))
    return symbols, pairs


def _records(text: str, file: str, columns: Sequence[str]) -> Iterator[list[str]]:
    """The cells of some columns of each line. Raises `TableDamaged`."""
    lines = (line for line in text.split("\n") if line and not line.startswith("#"))
    header = next(lines, "").split("\t")
    if missing := [name for name in columns if name not in header]:
        raise TableDamaged(f"{file} has no column {missing[0]}.", _HINT)
    places = [header.index(name) for name in columns]
    width = max(places)
    for number, line in enumerate(lines, start=1):
        cells = line.split("\t")
        if len(cells) <= width:
            raise TableDamaged(f"{file} has too few columns in its line {number}.", _HINT)
        yield [cells[place].strip() for place in places]


def _frequency(text: str) -> tuple[float, float, float]:
    """Patients with a phenotype, patients examined, and the share where there are no counts."""
    if text in CLASSES:
        return 0.0, 0.0, CLASSES[text]
    seen, slash, looked = text.partition("/")
    try:
        if slash and 0 <= float(seen) <= float(looked) > 0:
            return float(seen), float(looked), math.nan
        if text.endswith("%"):
            return 0.0, 0.0, min(max(float(text[:-1]) / 100, 0.0), 1.0)
    except ValueError:
        pass
    return 0.0, 0.0, math.nan


def _release(text: str) -> str:
    for line in text.split("\n", 20)[:20]:
        if line.startswith("#version:"):
            return line.partition(":")[2].strip()
    return "of an unknown date"
