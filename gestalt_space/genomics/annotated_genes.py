"""The genes of consequences: by the identifier that the annotator gives, else by the symbol."""

from __future__ import annotations

from dataclasses import dataclass, field

from gestalt_space.errors import UsageError
from gestalt_space.genomics.consequences import Consequence
from gestalt_space.genomics.genes import ENTREZ, HGNC, Gene, GeneNames


@dataclass(slots=True)
class AnnotatedGenes:
    """Finds the genes of consequences. `ambiguous`: symbols that mean several genes, whose variants
    have no gene; `unknown`: names that the gene table does not have, which stay as annotated. Such
    a name is one gene, with the identifiers that come with it first.
    """

    names: GeneNames
    ambiguous: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    _annotated: dict[str, Gene] = field(default_factory=dict)
    _found: dict[tuple[str, str, str], Gene | None] = field(default_factory=dict)

    def gene_of(self, one: Consequence) -> Gene | None:
        """The gene of a consequence; None where it has none, or a symbol that means several."""
        key = (one.symbol, one.gene_id, one.hgnc_id)
        if key not in self._found:
            self._found[key] = self._find(*key)
        return self._found[key]

    def _find(self, symbol: str, gene_id: str, hgnc_id: str) -> Gene | None:
        if not symbol:
            return None
        hgnc_id = f"{HGNC}{hgnc_id.rpartition(':')[2]}" if hgnc_id else ""
        entrez_id = f"{ENTREZ}{gene_id}" if gene_id.isdecimal() else ""
        ensembl_id = gene_id if gene_id.startswith("ENSG") else ""
        annotated = Gene(symbol, hgnc_id, entrez_id, ensembl_id)
        if not self.names.source:
            return self._annotated.setdefault(symbol, annotated)
        for name in (hgnc_id, entrez_id, ensembl_id, symbol):
            found = self.names.meanings(name) if name else ()
            if len(found) == 1:
                return found[0]
            if found:
                self.ambiguous.add(symbol)
                return None
        self.unknown.add(symbol)
        return self._annotated.setdefault(symbol, annotated)


def meanings_of_ambiguous(genes: AnnotatedGenes) -> dict[str, tuple[Gene, ...]]:
    """The symbols that mean several genes, each with these."""
    return {symbol: genes.names.meanings(symbol) for symbol in sorted(genes.ambiguous)}


def refuse_ambiguous(genes: AnnotatedGenes) -> str:
    """What to say of symbols that mean several genes, the first one with its genes; empty where
    there are none.
    """
    if not genes.ambiguous:
        return ""
    first, *others = sorted(genes.ambiguous)
    try:
        genes.names.find(first)
    except UsageError as error:
        more = f" So do {', '.join(others[:5])}." if others else ""
        return f"{error.message}{more} Variants with such a symbol are in no gene."
    return ""
