"""Scores of genes from files: those of `gestalt genomics score`, and the results of other tools.

| format | known by | score, higher is better |
|---|---|---|
| Exomiser, JSON | `geneSymbol`, `combinedScore` | combined, phenotype or variant score |
| Exomiser, TSV of genes or variants | `EXOMISER_GENE_COMBINED_SCORE` | the same |
| AMELIE, JSON | pairs of a symbol and its papers | the highest of the papers |
| CADA | `gene_id`, `gene_name`, `score` | score |
| Phen2Gene | `Gene`, `ID`, `Score`, `Status` | score |
| LIRICAL, TSV | `diseaseCurie`, `compositeLR` | log10 of the likelihood ratio of the best disease |
| ours: `genomics score`, `match --by gene`, `phenotype rank` | `document`, `hpo` | score |
| any table | `gene` and `score` | score |
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from gestalt_space.counts import counted_text
from gestalt_space.errors import TableDamaged, UsageError
from gestalt_space.genomics.genes import ENTREZ, Gene, GeneNames
from gestalt_space.genomics.text_tables import (
    TextTable,
    read_bytes,
    read_number,
    read_table,
    table_of,
)

Part: TypeAlias = Literal["combined", "phenotype", "variant"]
PARTS: tuple[Part, ...] = ("combined", "phenotype", "variant")
_EXOMISER_JSON = {
    "combined": "combinedScore",
    "phenotype": "priorityScore",
    "variant": "variantScore",
}
_EXOMISER_TSV = {
    "combined": "EXOMISER_GENE_COMBINED_SCORE",
    "phenotype": "EXOMISER_GENE_PHENO_SCORE",
    "variant": "EXOMISER_GENE_VARIANT_SCORE",
}
_UNKNOWN_GENE = "Not in KB"
"""Phen2Gene's status of genes about which it knows nothing: their 0 is no score."""

Names: TypeAlias = tuple[str, ...]
"""What a file calls a gene: identifiers before the symbol."""
_Scored: TypeAlias = tuple[Names, float | None]


@dataclass(frozen=True, slots=True)
class ScoreFile:
    """Scores of genes. `tool`: whose file it is; `genes` by their keys.
    `without_score`: genes of which the file says that it has none. `unknown`: names that are not in
    the gene table; `ambiguous`: that mean several genes; neither has a score here.
    """

    name: str
    tool: str
    scores: Mapping[str, float]
    genes: Mapping[str, Gene]
    without_score: int
    unknown: tuple[str, ...]
    ambiguous: tuple[str, ...]


def read_scores(
    path: Path,
    names: GeneNames,
    part: Part = "combined",
    genes_of_diseases: Mapping[str, tuple[str, ...]] | None = None,
    *,
    is_distance: bool = False,
) -> ScoreFile:
    """The scores of a file, whose format is found in its content. Several scores of one gene give
    the highest, of distances the lowest. `part`: of Exomiser's scores; `genes_of_diseases`: for
    LIRICAL's file, which ranks diseases, see `read_disease_genes`.

    Raises `UsageError`, and `TableDamaged` for JSON that no tool writes.
    """
    data = read_bytes(path)
    tool, rows = _rows(data, path.name, part, genes_of_diseases)
    scores: dict[str, float] = {}
    genes: dict[str, Gene] = {}
    unknown: set[str] = set()
    ambiguous: set[str] = set()
    without: set[str] = set()
    for called, score in rows:
        found = _gene(called, names)
        if isinstance(found, str):
            (ambiguous if names.meanings(found) else unknown).add(found)
            continue
        genes.setdefault(found.key, found)
        if score is None:
            without.add(found.key)
        else:
            closer = min if is_distance else max
            scores[found.key] = closer(score, scores.get(found.key, score))
    if not genes:
        raise UsageError(
            f"{path.name} has no genes that are known"
            + (f": {', '.join(sorted(unknown | ambiguous)[:5])}." if unknown | ambiguous else "."),
            "Check the file, and give a gene table: --genes hgnc_complete_set.txt.",
        )
    return ScoreFile(
        path.name,
        tool,
        scores,
        genes,
        len(without - scores.keys()),
        tuple(sorted(unknown)),
        tuple(sorted(ambiguous)),
    )


def read_disease_genes(path: Path) -> dict[str, tuple[str, ...]]:
    """Genes by disease, from a table with a column disease_id and a column gene_symbol or gene:
    `genes_to_disease.txt` of the HPO project is one. Raises `UsageError`.
    """
    table = read_table(path, ("disease_id",), ("gene_symbol", "gene"))
    column = "gene_symbol" if "gene_symbol" in table.columns else "gene"
    if column not in table.columns:
        raise UsageError(f"{path.name} has no column gene_symbol.", "Name the column of the genes.")
    found: dict[str, list[str]] = {}
    for _, row in table.rows:
        if row[column] and row[column] != "-":
            found.setdefault(row["disease_id"], []).append(row[column])
    return {disease: tuple(dict.fromkeys(genes)) for disease, genes in found.items()}


def parse_part(name: str) -> Part:
    """A part of Exomiser's scores by its name. Raises `UsageError`."""
    for part in PARTS:
        if part == name.lower():
            return part
    raise UsageError(f"Unknown score {name!r}.", f"Choose one of: {', '.join(PARTS)}.")


def _gene(called: Names, names: GeneNames) -> Gene | str:
    """The gene of the first name that has one; where none has, the last name, which is the symbol.

    Without a gene table, symbols alone are known.
    """
    for name in called:
        found = names.meanings(name) if name not in ("", "NA") else ()
        if len(found) == 1:
            return found[0]
        if found:
            return name
    return called[-1]


def _rows(
    data: bytes,
    name: str,
    part: Part,
    genes_of_diseases: Mapping[str, tuple[str, ...]] | None,
) -> tuple[str, Iterator[_Scored]]:
    """The tool and its scores."""
    if data.lstrip()[:1] in (b"[", b"{"):
        return _json_rows(data, name, part)
    text = data
    if data.startswith(b"!"):
        lines = data.splitlines(keepends=True)
        text = b"".join(line for line in lines if not line.startswith(b"!"))
    table = table_of(text, name, (), ("gene", "score", "symbol"))
    columns = set(table.columns)
    if _EXOMISER_TSV["combined"] in columns:
        symbol = "GENE_SYMBOL" if "GENE_SYMBOL" in columns else "EXOMISER_GENE"
        return "Exomiser", _table_rows(table, ("ENTREZ_GENE_ID", symbol), _EXOMISER_TSV[part])
    if {"gene_id", "gene_name", "score"} <= columns:
        return "CADA", _table_rows(table, ("gene_id", "gene_name"), "score")
    if {"gene", "ID", "score", "Status"} <= columns:
        return "Phen2Gene", _phen2gene_rows(table)
    if {"diseaseCurie", "compositeLR"} <= columns:
        return "LIRICAL", _lirical_rows(table, genes_of_diseases)
    if {"gene", "score"} <= columns:
        identifiers = [one for one in ("hgnc_id", "entrez_id") if one in columns]
        return "table", _table_rows(table, (*identifiers, "gene"), "score")
    raise UsageError(
        f"{name} is not a file of scores that is known: its columns are "
        f"{', '.join(table.columns[:8])}.",
        "Give a result of Exomiser, AMELIE, CADA, Phen2Gene or LIRICAL, or a table with the "
        "columns gene and score.",
    )


def _table_rows(table: TextTable, called: Names, score: str) -> Iterator[_Scored]:
    if score not in table.columns:
        raise UsageError(f"{table.name} has no column {score}.", "Choose another score.")
    for line, row in table.rows:
        where = f"{table.name}, line {line}, column {score}"
        names = (_entrez(row.get(one, "")) for one in called)
        yield tuple(name for name in names if name), read_number(row[score], where)


def _phen2gene_rows(table: TextTable) -> Iterator[_Scored]:
    scored = _table_rows(table, ("ID", "gene"), "score")
    for (_, row), (called, score) in zip(table.rows, scored, strict=True):
        yield called, None if row["Status"] == _UNKNOWN_GENE else score


def _entrez(name: str) -> str:
    """A bare number is an identifier of Entrez."""
    return f"{ENTREZ}{name}" if name.isdecimal() else name


def _lirical_rows(
    table: TextTable, genes_of_diseases: Mapping[str, tuple[str, ...]] | None
) -> Iterator[_Scored]:
    """The genes of each disease: those that LIRICAL names with a VCF, else those of the table."""
    if genes_of_diseases is None and not any(row.get("entrezGeneId") for _, row in table.rows):
        raise UsageError(
            f"{table.name} is a result of LIRICAL without a VCF: it ranks diseases, not genes.",
            "Add --disease-genes FILE, a table with the columns disease_id and gene_symbol such as "
            "genes_to_disease.txt of the HPO project.",
        )
    # From version 2 on the ratio is a logarithm; before, the table has ratios of 0 and more.
    where = f"{table.name}, line {{}}, column compositeLR"
    ratios = [
        read_number(row["compositeLR"].replace(",", ""), where.format(line))
        for line, row in table.rows
    ]
    is_logarithm = any(ratio is not None and ratio < 0 for ratio in ratios)
    for (_, row), ratio in zip(table.rows, ratios, strict=True):
        score = ratio if is_logarithm or ratio is None else math.log10(max(ratio, 1e-300))
        given = _entrez(row.get("entrezGeneId", "").rpartition(":")[2])
        if given.startswith(ENTREZ):
            yield (given,), score
        else:
            for gene in (genes_of_diseases or {}).get(row["diseaseCurie"], ()):
                yield (gene,), score


def _json_rows(data: bytes, name: str, part: Part) -> tuple[str, Iterator[_Scored]]:
    try:
        content = json.loads(data)
    except ValueError as error:
        raise TableDamaged(f"{name} is not JSON: {error}.", "Copy the file again.") from error
    if isinstance(content, dict):
        if content.get("document") == "gene-scores":
            return "genomics score", _checked(name, content.get("genes"), _own_json)
        if content.get("document") == "match":
            return "match", _checked(name, _only(name, content.get("probes")), _match_json)
        if "hpo" in content:
            only = _only(name, content.get("cases"))
            return "phenotype rank", _checked(name, only.get("genes"), _own_json)
    if isinstance(content, list) and content and isinstance(content[0], dict):
        field = _EXOMISER_JSON[part]
        return "Exomiser", _checked(name, content, lambda genes: _exomiser_json(genes, field))
    if isinstance(content, list):
        return "AMELIE", _checked(name, content, _amelie_json)
    raise TableDamaged(
        f"{name} is JSON, but not a result of Exomiser or AMELIE.",
        "Give the file as the tool wrote it.",
    )


def _only(name: str, cases: Any) -> dict[str, Any]:
    """The one photo or case of a document. Raises `UsageError` for several."""
    if not isinstance(cases, list) or len(cases) != 1 or not isinstance(cases[0], dict):
        count = len(cases) if isinstance(cases, list) else 0
        raise UsageError(
            f"{name} has {counted_text(count, 'case')}, not one.",
            "Write a file for each patient.",
        )
    return cases[0]


def _checked(
    name: str, content: Any, read: Callable[[Any], Iterator[_Scored]]
) -> Iterator[_Scored]:
    """What `read` gives; fields that are missing or of another type raise `TableDamaged`."""
    try:
        yield from read(content)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise TableDamaged(
            f"{name} does not follow the format of its tool ({type(error).__name__}: {error}).",
            "Give the file as the tool wrote it.",
        ) from error


def _match_json(probe: Any) -> Iterator[_Scored]:
    if "genes" not in probe:
        raise UsageError(
            "The match does not rank genes, but disorders or patients.",
            "Match again with --by gene.",
        )
    for line in probe["genes"]:
        yield (str(line["id"]),), _number(line["score"])


def _own_json(genes: Any) -> Iterator[_Scored]:
    for gene in genes:
        called = (gene["hgnc_id"], gene["entrez_id"], gene["symbol"])
        yield tuple(one for one in called if one), _number(gene["score"])


def _exomiser_json(genes: Any, field: str) -> Iterator[_Scored]:
    for gene in genes:
        known = gene.get("geneIdentifier") or {}
        entrez = _entrez(str(known.get("entrezId") or known.get("geneId") or ""))
        called = (known.get("hgncId"), entrez, str(gene["geneSymbol"]))
        yield tuple(one for one in called if one), _number(gene[field])


def _amelie_json(genes: Any) -> Iterator[_Scored]:
    for symbol, papers in genes:
        scores = [_number(score) for _, score in papers]
        yield (str(symbol),), max((one for one in scores if one is not None), default=None)


def _number(value: Any) -> float | None:
    if value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None
