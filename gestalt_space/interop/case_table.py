"""Tables of cases: a row a case, with its terms, and the genes that are candidates."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from gestalt_space.errors import PhenotypeError, TableDamaged, UsageError
from gestalt_space.paths import display_name
from gestalt_space.phenotype.cases import Case
from gestalt_space.phenotype.ontology import Ontology
from gestalt_space.phenotype.query import EXCLUDED, split_terms
from gestalt_space.tables.rows import RowReader

CASE, HPO, CANDIDATES = "case", "hpo", "candidates"
_SEPARATOR = ";"
_HINT = f"The columns are {CASE}, {HPO} and, if you like, {CANDIDATES}."


def read_cases(path: Path, ontology: Ontology) -> Iterator[Case]:
    """The cases of a CSV or TSV file in UTF-8, in its order.

    Terms are separated by semicolons or commas, and `!` stands before excluded ones; candidates,
    symbols or `Entrez:…`, by semicolons. Other columns are not read. A row that cannot be read is a
    case with an error. Raises `TableDamaged`, and `UsageError` where a column or all cases are
    missing.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(
            f"{display_name(path)} cannot be read: {error.strerror or error}.", "Check the path."
        ) from error
    except ValueError as error:
        raise TableDamaged(f"{display_name(path)} is not in UTF-8.", "Save it again.") from error
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    reader = RowReader(io.StringIO(text, newline=""), separator)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        for name in (CASE, HPO):
            if name not in header:
                raise UsageError(f"{display_name(path)} has no column {name}.", _HINT)
        count = 0
        for cells in reader:
            if any(cells):
                count += 1
                yield _case(dict(zip(header, cells, strict=False)), reader.line_num, ontology)
        if not count:
            raise UsageError(f"{display_name(path)} has no cases.", "Write a row for each case.")
    except csv.Error as error:
        raise TableDamaged(
            f"{display_name(path)} cannot be read at line {reader.line_num}: {error}.", _HINT
        ) from error


def case_of_terms(
    name: str, lists: Iterable[str], ontology: Ontology, candidates: tuple[str, ...] | None = None
) -> Case:
    """A case from lists of terms as people write them."""
    terms = [term for text in lists for term in split_terms(text, ontology)]
    return Case(
        name,
        tuple(term for term in terms if not term.startswith(EXCLUDED)),
        tuple(term.removeprefix(EXCLUDED).strip() for term in terms if term.startswith(EXCLUDED)),
        candidates,
    )


def _case(cells: dict[str, str], line: int, ontology: Ontology) -> Case:
    name = cells.get(CASE, "").strip()
    if not name or HPO not in cells:
        missing = HPO if name else CASE
        return Case(
            name or f"line {line}",
            error=PhenotypeError(f"Line {line} has no {missing}.", _HINT),
        )
    genes = [gene.strip() for gene in cells.get(CANDIDATES, "").split(_SEPARATOR)]
    candidates = tuple(gene for gene in genes if gene) or None
    return case_of_terms(name, [cells[HPO]], ontology, candidates)
