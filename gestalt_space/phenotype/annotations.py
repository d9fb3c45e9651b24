"""What HPO's annotation files say: which phenotypes a disorder has, how often, after which source,
and which genes cause it. Reading the files is in `annotation_files`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gestalt_space.phenotype.ontology import Places, Rows, rows_of


@dataclass(frozen=True)
class Annotations:
    """Disorders, genes, and what is known of them. Each is known by its place.

    `disorders`, `disorder_names` `(d,)`: identifiers as OMIM:…, ORPHA:… or DECIPHER:…, sorted.
    `sources`: references as they are written, PMID:… for a paper.

    One row for each statement on a disorder, all `(r,)`: `disorder`, `term`, `source`: places;
    `seen`, `looked`: in how many of how many patients, 0 of 0 where no counts are given; `share`:
    how often otherwise, 0..1, NaN where that is not known; `is_not`: the term is absent.

    `genes`, `gene_symbols` `(g,)`: Entrez numbers, ascending, and symbols, `Entrez:…` where there
    is none.
    `gene_disorders`: places of the disorders of each gene.
    """

    release: str
    disorders: tuple[str, ...]
    disorder_names: tuple[str, ...]
    sources: tuple[str, ...]
    disorder: Places
    term: Places
    source: Places
    seen: NDArray[np.float32]
    looked: NDArray[np.float32]
    share: NDArray[np.float32]
    is_not: NDArray[np.bool_]
    genes: Places
    gene_symbols: tuple[str, ...]
    gene_disorders: Rows

    @cached_property
    def place_of_disorder(self) -> dict[str, int]:
        """Places of the disorders by identifier."""
        return {id_: place for place, id_ in enumerate(self.disorders)}

    @cached_property
    def place_of_gene(self) -> dict[str, int]:
        """Places of the genes by symbol in capitals, and by `ENTREZ:…`."""
        found = {symbol.upper(): place for place, symbol in enumerate(self.gene_symbols)}
        found.update({f"ENTREZ:{number}": place for place, number in enumerate(self.genes)})
        return found

    @cached_property
    def disorder_genes(self) -> Rows:
        """Places of the genes of each disorder."""
        return self.gene_disorders.turned(len(self.disorders))

    @cached_property
    def _rows_of_source(self) -> Rows:
        rows = np.arange(len(self.source), dtype=np.int32)
        return rows_of(self.source, rows, len(self.sources))

    def rows_from(self, source: str) -> Places:
        """The rows that rest on a reference, alone or among others."""
        places = self._places_of_source.get(source, ())
        return np.concatenate([np.empty(0, np.int32), *(self._rows_of_source[p] for p in places)])

    @cached_property
    def _places_of_source(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for place, text in enumerate(self.sources):
            for one in text.split(";"):
                found.setdefault(one.strip(), []).append(place)
        return found
