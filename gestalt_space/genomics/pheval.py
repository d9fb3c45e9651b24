"""Rankings of genes in PhEval's standardised form, a file for each case.

PhEval ranks anew and adds which genes are causal when it takes such a result; what it takes are the
columns `gene_symbol`, `gene_identifier` and `score`, in the file `CASE-gene_result.parquet`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from gestalt_space.atomic_folders import whole_folder
from gestalt_space.errors import UsageError
from gestalt_space.genomics.pedia_model import RankedCase
from gestalt_space.paths import display_name

FOLDER = "pheval_gene_results"
_NAME = re.compile(r"[\w. ()-]{1,150}")


def write_pheval(folder: Path, cases: Iterable[RankedCase]) -> int:
    """Write the folder `pheval_gene_results` in a new folder, and return how many cases it has.

    A gene's identifier is that of Ensembl, else of HGNC; empty where neither is known. Raises
    `UsageError` for a case whose name cannot be that of a file, and `OutputError`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            ("rank", pa.int32()),
            ("score", pa.float64()),
            ("gene_symbol", pa.string()),
            ("gene_identifier", pa.string()),
        ]
    )
    count = 0
    with whole_folder(folder) as aside:
        results = aside / FOLDER
        results.mkdir()
        for one in cases:
            if not _NAME.fullmatch(one.case) or one.case.startswith("."):
                raise UsageError(
                    f"The case {display_name(one.case)!r} cannot be the name of a file.",
                    "Rename it: letters, digits, spaces, points and hyphens.",
                )
            rows = {
                "rank": [gene.rank for gene in one.genes],
                "score": [gene.score for gene in one.genes],
                "gene_symbol": [gene.gene.symbol for gene in one.genes],
                "gene_identifier": [
                    gene.gene.ensembl_id or gene.gene.hgnc_id for gene in one.genes
                ],
            }
            table = pa.table(rows, schema=schema)
            pq.write_table(table, results / f"{one.case}-gene_result.parquet", compression="zstd")
            count += 1
    return count
