"""Genes by their identifiers: a table of HGNC gives each name its one gene.

An approved symbol means its gene, whatever other genes were once called so. A previous or alias
symbol means a gene only if no other gene has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gestalt_space.errors import UsageError
from gestalt_space.gallery.intake.genes import read_gene
from gestalt_space.genomics.text_tables import read_table

HGNC, ENTREZ = "HGNC:", "Entrez:"
_ID = re.compile(r"(?P<prefix>HGNC|Entrez|NCBIGene):(?:HGNC:)?(?P<number>[0-9]+)", re.IGNORECASE)
_ENSEMBL = re.compile(r"(ENSG[0-9]{11})(?:\.[0-9]+)?", re.IGNORECASE)
_EARLIER = ("prev_symbol", "alias_symbol")
_KNOWN = ("hgnc_id", "symbol", "gene_symbol", "entrez_id", "ensembl_gene_id", "status", *_EARLIER)
_FORM = (
    "Use hgnc_complete_set.txt of HGNC, or a table with the columns hgnc_id, symbol, entrez_id, "
    "prev_symbol and alias_symbol."
)
_SHOWN = 3


@dataclass(frozen=True, slots=True, order=True)
class Gene:
    """A gene. `hgnc_id` as `HGNC:5`, `entrez_id` as `Entrez:1`, `ensembl_id` as `ENSG…`; each is
    empty where it is not known.
    """

    symbol: str
    hgnc_id: str = ""
    entrez_id: str = ""
    ensembl_id: str = ""

    @property
    def key(self) -> str:
        """What two names of one gene have in common: the HGNC identifier, else the symbol."""
        return self.hgnc_id or self.symbol


class GeneNames(Protocol):
    """Finds which gene a name means."""

    @property
    def source(self) -> str:
        """The name of the table; empty where there is none."""

    def find(self, name: str) -> Gene:
        """The one gene of a symbol or an identifier. Raises `UsageError`."""

    def meanings(self, name: str) -> tuple[Gene, ...]:
        """All genes that a name may mean: none, one or several."""


class GeneSymbols:
    """Without a table: each symbol is a gene of its own, in HGNC's spelling."""

    source = ""

    def find(self, name: str) -> Gene:
        """The gene of a symbol. Raises `UsageError` for an identifier, and for a symbol that a
        spreadsheet has changed.
        """
        if _identifier(name):
            raise UsageError(
                f"{name!r} is an identifier: its gene is in a gene table, and none is given.",
                "Add --genes hgnc_complete_set.txt.",
            )
        return Gene(read_gene(name).value)

    def meanings(self, name: str) -> tuple[Gene, ...]:
        """The gene of a symbol; none for an identifier or an empty name."""
        return () if not name.strip() or _identifier(name) else (self.find(name),)


class GeneTable:
    """Genes by identifier, by approved symbol and by earlier symbols. `source`: the file's name.

    Raises `UsageError` for two genes with one identifier or one approved symbol.
    """

    def __init__(self, source: str, genes: Iterable[tuple[Gene, Iterable[str]]]) -> None:
        self.source = source
        self._by_id: dict[str, Gene] = {}
        self._approved: dict[str, Gene] = {}
        earlier: dict[str, set[Gene]] = {}
        for gene, names in genes:
            for identifier in (gene.hgnc_id, gene.entrez_id, gene.ensembl_id):
                if identifier and self._by_id.setdefault(identifier, gene) != gene:
                    raise self._doubled(identifier, self._by_id[identifier], gene)
            if self._approved.setdefault(gene.symbol.upper(), gene) != gene:
                raise self._doubled(gene.symbol, self._approved[gene.symbol.upper()], gene)
            for name in names:
                earlier.setdefault(name.upper(), set()).add(gene)
        self._earlier = {name: tuple(sorted(found)) for name, found in earlier.items()}

    def __len__(self) -> int:
        return len(self._approved)

    def __iter__(self) -> Iterator[Gene]:
        return iter(self._approved.values())

    def meanings(self, name: str) -> tuple[Gene, ...]:
        """All genes that a name may mean: that of the identifier or of the approved symbol alone,
        else those that were once called so.
        """
        if identifier := _identifier(name):
            gene = self._by_id.get(identifier)
            return (gene,) if gene else ()
        symbol = name.strip().upper()
        if gene := self._approved.get(symbol):
            return (gene,)
        return self._earlier.get(symbol, ())

    def find(self, name: str) -> Gene:
        """The one gene of a name. Raises `UsageError` where it means none, or two."""
        found = self.meanings(name)
        if len(found) == 1:
            return found[0]
        if not found:
            raise UsageError(
                f"{self.source} has no gene {name!r}.",
                "Check the spelling, or use a newer gene table.",
            )
        genes = [f"{gene.symbol} ({gene.hgnc_id})" for gene in found[:_SHOWN]]
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise UsageError(
            f"The gene symbol {name!r} means {len(found)} genes: {', '.join(genes)}{more}.",
            "Write the approved symbol or the HGNC identifier of the gene that is meant.",
        )

    def _doubled(self, name: str, one: Gene, other: Gene) -> UsageError:
        return UsageError(
            f"{self.source} has {name} twice: for {one.symbol} and for {other.symbol}.", _FORM
        )


def load_genes(path: Path | None) -> GeneNames:
    """The genes of a table, HGNC's `hgnc_complete_set.txt` for one; symbols alone where there is
    none. Withdrawn entries are passed over. Raises `UsageError`.
    """
    if path is None:
        return GeneSymbols()
    table = read_table(path, (), _KNOWN)
    symbol = "symbol" if "symbol" in table.columns else "gene_symbol"
    for column in ("hgnc_id", symbol):
        if column not in table.columns:
            raise UsageError(f"{path.name} has no column {column}.", _FORM)
    genes = []
    for line, row in table.rows:
        if "withdrawn" in row.get("status", "").lower():
            continue
        identifier = _identifier(row["hgnc_id"])
        if not identifier.startswith(HGNC) or not row[symbol]:
            raise UsageError(
                f"{path.name}, line {line}: {row['hgnc_id'][:40]!r} and {row[symbol][:40]!r} are "
                "not an HGNC identifier and a symbol.",
                _FORM,
            )
        entrez = row.get("entrez_id", "")
        gene = Gene(
            row[symbol],
            identifier,
            _identifier(entrez if ":" in entrez else f"{ENTREZ}{entrez}"),
            _identifier(row.get("ensembl_gene_id", "")),
        )
        names = [part for column in _EARLIER for part in row.get(column, "").split("|")]
        genes.append((gene, [name.strip() for name in names if name.strip()]))
    return GeneTable(path.name, genes)


def read_panel(path: Path, names: GeneNames) -> frozenset[str]:
    """The keys of the genes of a panel: a text with one gene a line, or a table with a column gene,
    symbol or hgnc_id. Lines that begin with `#` are passed over.

    Raises `UsageError` for a gene that is not known or means two, with its line.
    """
    table = None
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not in UTF-8"
        raise UsageError(f"{path} cannot be read: {reason}.", "Check the file.") from error
    if lines and re.search(r"[\t,;]", lines[0]):
        table = read_table(path, (), ("gene", "symbol", "gene_symbol", "hgnc_id"))
        column = next(
            (c for c in ("hgnc_id", "gene", "symbol", "gene_symbol") if c in table.columns), None
        )
        if column is None:
            raise UsageError(
                f"{path.name} has no column gene, symbol or hgnc_id.",
                "Name the column, or write one gene a line.",
            )
        found = [(line, row[column]) for line, row in table.rows]
    else:
        found = [(number, line.strip()) for number, line in enumerate(lines, start=1)]
    keys = set()
    for line, name in found:
        if not name or name.startswith("#") or (line == 1 and name.lower() in (*_KNOWN, "gene")):
            continue
        try:
            keys.add(names.find(name).key)
        except UsageError as error:
            raise UsageError(f"{path.name}, line {line}: {error.message}", error.hint) from error
    if not keys:
        raise UsageError(f"{path.name} has no genes.", "Write one gene a line.")
    return frozenset(keys)


def _identifier(text: str) -> str:
    """An identifier in its one spelling; empty for what is none."""
    text = text.strip()
    if found := _ID.fullmatch(text):
        prefix = HGNC if found["prefix"].upper() == "HGNC" else ENTREZ
        return f"{prefix}{int(found['number'])}"
    if found := _ENSEMBL.fullmatch(text):
        return found[1].upper()
    return ""
