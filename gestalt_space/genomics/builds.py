"""The genome build of a VCF: by the lengths of its contigs, never by what a comment claims."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from gestalt_space.counts import counted_text
from gestalt_space.errors import UsageError

Build: TypeAlias = Literal["GRCh37", "GRCh38"]
BUILDS: tuple[Build, ...] = ("GRCh37", "GRCh38")
NAMES: dict[str, Build] = {
    **dict.fromkeys(("grch37", "hg19", "b37", "hs37d5"), "GRCh37"),
    **dict.fromkeys(("grch38", "hg38"), "GRCh38"),
}
AUTOSOMES = tuple(map(str, range(1, 23)))
CHROMOSOMES = (*AUTOSOMES, "X", "Y", "MT")
"""Chromosomes as they are named here; on other contigs no variant is read."""
_LENGTHS: dict[Build, str] = {
    "GRCh37": (
        "249250621 243199373 198022430 191154276 180915260 171115067 159138663 "
        "146364022 141213431 135534747 135006516 133851895 115169878 107349540 "
        "102531392 90354753 81195210 78077248 59128983 63025520 48129895 "
        "51304566 155270560 59373566 "
    ),
    "GRCh38": (
        "248956422 242193529 198295559 190214555 181538259 170805979 159345973 "
        "145138636 138394717 133797422 135086622 133275309 114364328 107043718 "
        "101991189 90338345 83257441 80373285 58617616 64444167 46709983 "
        "50818468 156040895 57227415 "
    ),
}
LENGTHS: dict[Build, dict[str, int]] = {
    build: dict(zip(CHROMOSOMES, map(int, text.split()), strict=False))
    for build, text in _LENGTHS.items()
}
"""Bases of each chromosome, after the assemblies' reports. The mitochondrial one does not
distinguish builds: hg19 came with another than GRCh37."""
PSEUDOAUTOSOMAL: dict[Build, tuple[tuple[int, int], ...]] = {
    "GRCh37": ((60001, 2699520), (154931044, 155260560)),
    "GRCh38": ((10001, 2781479), (155701383, 156030895)),
}
"""The regions of X that Y has as well, first and last base."""

_PREFIX = re.compile(r"chr(?:omosome)?[ _]?", re.IGNORECASE)
_REFSEQ = re.compile(r"NC_0000(?P<number>[0-9]{2})\.[0-9]+|(?P<mitochondrion>NC_012920)\.[0-9]+")


@dataclass(frozen=True, slots=True)
class DetectedBuild:
    """What contigs show. `build`: None where they have no lengths, or there are no contigs;
    `matched`: how many chromosomes have a length of that build.
    """

    build: Build | None
    matched: int


def parse_build(name: str) -> Build:
    """A build by any of its names. Raises `UsageError`."""
    try:
        return NAMES[name.strip().lower()]
    except KeyError:
        raise UsageError(
            f"Unknown genome build {name!r}.", "Choose GRCh37 (hg19) or GRCh38 (hg38)."
        ) from None


def chromosome_of(contig: str) -> str | None:
    """The chromosome of a contig: `chr1`, `1` and `NC_000001.11` are 1. None for alternative and
    unplaced contigs.
    """
    if found := _REFSEQ.fullmatch(contig):
        if found["mitochondrion"]:
            return "MT"
        place = int(found["number"]) - 1
        return CHROMOSOMES[place] if 0 <= place < len(CHROMOSOMES) - 1 else None
    name = _PREFIX.sub("", contig, count=1).upper()
    name = "MT" if name in ("M", "MT") else name
    return name if name in CHROMOSOMES else None


def detect_build(contigs: Mapping[str, int | None]) -> DetectedBuild:
    """The build of contigs with their lengths in bases, None where a header does not have them.

    Raises `UsageError` where they are of neither build, or some of each.
    """
    lengths = {
        chromosome: length
        for contig, length in contigs.items()
        if length and (chromosome := chromosome_of(contig)) and chromosome != "MT"
    }
    matched = {
        build: sum(LENGTHS[build][name] == length for name, length in lengths.items())
        for build in BUILDS
    }
    best = max(BUILDS, key=lambda build: matched[build])
    if not lengths:
        return DetectedBuild(None, 0)
    if matched[best] < len(lengths):
        found = ", ".join(f"{count} of {build}" for build, count in matched.items())
        raise UsageError(
            "The contigs are not those of one genome build: of "
            f"{counted_text(len(lengths), 'chromosome')}, {found}.",
            "Use a VCF on GRCh37 (hg19) or GRCh38 (hg38), and lift others over first.",
        )
    return DetectedBuild(best, matched[best])


def agreed_build(detected: DetectedBuild, asked: Build | None) -> Build | None:
    """The build that contigs and the user agree on. Raises `UsageError` for two different ones."""
    if detected.build and asked and detected.build != asked:
        raise UsageError(
            f"The VCF is on {detected.build}, not on {asked}: its contigs have the lengths of "
            f"{detected.build} ({counted_text(detected.matched, 'chromosome')}).",
            f"Give --build {detected.build}, or lift the VCF over to {asked}.",
        )
    return detected.build or asked


def check_position(build: Build | None, chromosome: str, position: int) -> None:
    """Raise `UsageError` for a position that lies beyond the end of its chromosome."""
    length = LENGTHS[build].get(chromosome) if build else None
    if length is not None and position > length:
        raise UsageError(
            f"Position {position:,} lies beyond the end of chromosome {chromosome} of {build} "
            f"({length:,} bases).",
            f"The VCF is probably on {BUILDS[build == BUILDS[0]]}.",
        )


def is_pseudoautosomal(build: Build | None, position: int) -> bool:
    """Whether a position on X is also on Y; no, where the build is not known."""
    return build is not None and any(
        first <= position <= last for first, last in PSEUDOAUTOSOMAL[build]
    )
