"""VCF files of patients who do not exist."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gestalt_space.genomics.builds import LENGTHS, Build

COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT"
FIELDS = {
    "CADD_PHRED": ("A", "Float"),
    "gnomAD_AF": ("A", "Float"),
    "ANN": (".", "String"),
}
CSQ_COLUMNS = (
    "Allele|Consequence|IMPACT|SYMBOL|Gene|Feature_type|Feature|HGNC_ID|HGVSc|HGVSp|"
    "gnomADe_AF|MAX_AF|CADD_PHRED"
)


def contig_lines(build: Build = "GRCh37", prefix: str = "") -> list[str]:
    return [
        f"##contig=<ID={prefix}{name},length={length}>" for name, length in LENGTHS[build].items()
    ]


def header(
    samples: Sequence[str] = ("P1",),
    *,
    contigs: Iterable[str] | None = None,
    fields: Mapping[str, tuple[str, str]] = FIELDS,
    more: Iterable[str] = (),
) -> list[str]:
    return [
        "##fileformat=VCFv4.2",
        *(contig_lines() if contigs is None else contigs),
        '##FILTER=<ID=LowQual,Description="Low quality">',
        *(
            f'##INFO=<ID={name},Number={number},Type={kind},Description="made up">'
            for name, (number, kind) in fields.items()
        ),
        *more,
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Reads">',
        '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Reads by allele">',
        '##FORMAT=<ID=PS,Number=1,Type=Integer,Description="Phase set">',
        "\t".join([COLUMNS, *samples]) if samples else COLUMNS.removesuffix("\tFORMAT"),
    ]


def ann(gene: str, effect: str = "missense_variant", allele: str = "G", gene_id: str = "") -> str:
    return f"{allele}|{effect}|MODERATE|{gene}|{gene_id}|transcript|NM_1.1|Coding|1/2|c.1A>G|p.X1Y"


def line(
    chrom: str = "1",
    pos: int = 100,
    ref: str = "A",
    alt: str = "G",
    *,
    gt: str = "0/1",
    gene: str = "KMT2D",
    effect: str = "missense_variant",
    cadd: object = 20,
    frequency: object = None,
    qual: object = ".",
    filters: str = "PASS",
    sample: str | None = None,
    formats: str = "GT",
    info: str | None = None,
) -> str:
    """A line of a variant; `cadd` and `frequency` None are missing."""
    if info is None:
        facts = [f"ANN={ann(gene, effect, alt)}"]
        if cadd is not None:
            facts.append(f"CADD_PHRED={cadd}")
        if frequency is not None:
            facts.append(f"gnomAD_AF={frequency}")
        info = ";".join(facts)
    cells = (chrom, pos, ".", ref, alt, qual, filters, info, formats, sample or gt)
    return "\t".join(map(str, cells))


def write(path: Path, lines: Iterable[str], head: Iterable[str] | None = None) -> Path:
    text = content(lines, head)
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def content(lines: Iterable[str], head: Iterable[str] | None = None) -> bytes:
    return "\n".join([*(header() if head is None else head), *lines, ""]).encode()


def csq_header() -> list[str]:
    description = f"Consequence annotations from Ensembl VEP. Format: {CSQ_COLUMNS}"
    return header(
        fields={}, more=[f'##INFO=<ID=CSQ,Number=.,Type=String,Description="{description}">']
    )


def csq(allele: str, effect: str = "missense_variant", **cells: str) -> str:
    given = {"Allele": allele, "Consequence": effect, "SYMBOL": "KMT2D", **cells}
    return "|".join(given.get(name, "") for name in CSQ_COLUMNS.split("|"))
