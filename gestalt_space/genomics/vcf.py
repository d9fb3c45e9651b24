"""The variants of one sample of a VCF, read one after the other, each alternate allele on its own.

The file is read by htslib (Li 2011) through cyvcf2 (Pedersen and Quinlan 2017), of which no more
than a line is in memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gestalt_space.errors import GestaltError, TableDamaged, UsageError
from gestalt_space.genomics.builds import (
    Build,
    agreed_build,
    check_position,
    chromosome_of,
    detect_build,
)
from gestalt_space.genomics.consequences import Consequence, Reader, ann_reader, csq_reader
from gestalt_space.genomics.info_fields import (
    InfoFields,
    best_number,
    find_fields,
    is_possible_cadd,
    of_allele,
)
from gestalt_space.genomics.vcf_ending import check_vcf_file
from gestalt_space.paths import display_name, plain_path

INSTALL = "Install it: pip install 'gestalt-space[genomics]'."
_CONTIG = re.compile(r"^##contig=<ID=(?P<name>[^,>]+)(?P<facts>.*)>", re.MULTILINE)
_LENGTH = re.compile(r",length=([0-9]+)")
_SAMPLE = 9
"""Columns before that of the sample."""
_SHOWN = 5
_NO_ALLELE = frozenset({"*", "<NON_REF>", "<*>"})
"""What stands for other alleles than those that were called."""


@dataclass(frozen=True, slots=True)
class SampleVariant:
    """An alternate allele that the sample has. `copies` of `ploidy` alleles are it.

    `haplotype`: 0 or 1 for a phased allele with one copy, within the `phase_set`; None where it is
    not known. `depth`: reads of the sample. `cadd`: CADD's scaled score; `frequency`: the highest
    over populations, 0..1. None is missing, never low.
    """

    chromosome: str
    position: int
    ref: str
    alt: str
    copies: int
    ploidy: int
    haplotype: int | None
    phase_set: int | None
    quality: float | None
    depth: int | None
    filters: tuple[str, ...]
    cadd: float | None
    frequency: float | None
    consequences: tuple[Consequence, ...]

    @property
    def name(self) -> str:
        """`1-12345-A-G`. What has the same name is the same variant."""
        return f"{self.chromosome}-{self.position}-{self.ref}-{self.alt}"

    @property
    def says(self) -> tuple[bool, bool, float]:
        """How much a line says of the variant, to choose among lines that repeat it: whether it
        passed, whether it has consequences, and its CADD score.
        """
        passed = self.filters in ((), ("PASS",))
        return passed, bool(self.consequences), -1.0 if self.cadd is None else self.cadd

    @property
    def is_indel(self) -> bool:
        """Whether bases are inserted or deleted."""
        return len(self.ref) != len(self.alt)

    @property
    def genotype(self) -> str:
        """`homozygous`, `heterozygous` or `hemizygous`."""
        if self.ploidy == 1:
            return "hemizygous"
        return "homozygous" if self.copies == self.ploidy else "heterozygous"


@dataclass(slots=True)
class VcfCounts:
    """What was read so far. `lines`: of the file; `elsewhere`: on contigs that are no chromosome;
    `not_called`: without a genotype; `reference`: without an alternate allele of the sample.
    `repeated`: lines of a position with an allele that a line before had. `alleles`: alternate
    alleles of the sample, each once; the next are of these, but `impossible_cadd`, the alleles with
    a CADD score out of range, counts repeats too. `chromosomes`: that have any of them.
    `is_sorted`: by chromosome and position. `last`: the chromosome and position that were read
    last.
    """

    lines: int = 0
    elsewhere: int = 0
    not_called: int = 0
    reference: int = 0
    repeated: int = 0
    alleles: int = 0
    indels: int = 0
    without_cadd: int = 0
    indels_without_cadd: int = 0
    impossible_cadd: int = 0
    without_frequency: int = 0
    without_consequence: int = 0
    chromosomes: set[str] = field(default_factory=set)
    is_sorted: bool = True
    last: tuple[str, int] = ("", 0)
    seen: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class VcfHeader:
    """What a header says. `build`: None where neither it nor the user gives it; `is_told`: the user
    alone gives it. `annotation`: `CSQ`, `ANN`, or empty where there is none. `ends_in_line`:
    whether the last line ends, as far as is known.
    """

    name: str
    sample: str
    build: Build | None
    is_told: bool
    annotation: str
    fields: InfoFields
    ends_in_line: bool = True

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of the header, in sentences."""
        notes = []
        if not self.ends_in_line:
            notes.append("The last line of the VCF does not end: the file may be cut off.")
        if self.build is None:
            notes.append(
                "The genome build is not known: the header has no contigs with lengths. "
                "Add --build GRCh37 or --build GRCh38."
            )
        elif self.is_told:
            notes.append(f"The header does not give the genome build; {self.build} is assumed.")
        if not self.fields.cadd:
            notes.append("No INFO field has CADD scores: CADD_PHRED is missing in the header.")
        if not self.fields.frequencies:
            notes.append("No INFO field has population frequencies.")
        if unreadable := self.fields.unreadable:
            notes.append(
                "Not used, since the header declares it as a whole number: "
                f"{', '.join(unreadable)}."
            )
        return tuple(notes)


class VcfReader:
    """A sample of a VCF. Iterating gives its variants; `counts` counts them meanwhile. Of lines
    that repeat a variant of one position, the one that says most counts, the first of equal ones.
    Only the variants of one position are kept in memory: in a VCF that is not sorted, repeats that
    do not follow each other stay.

    `sample`: which, where there are several; `build`: as the user knows it; `name`: that of the
    file, where it is not the path's. Raises `UsageError` for a missing or ambiguous sample and for
    another build, `TableDamaged` for a file that is no VCF, or that is damaged, cut off or empty,
    also while it is read.
    """

    def __init__(
        self,
        path: Path,
        sample: str | None = None,
        build: Build | None = None,
        name: str = "",
    ) -> None:
        self._path = path
        self._name = display_name(name or path.name)
        self.counts = VcfCounts()
        ends_in_line = check_vcf_file(path, self._name)
        with ExitStack() as stack:
            file = _opened(path, self._name, stack)
            samples = list(file.samples)
            named = _chosen(samples, sample, self._name)
            types, descriptions, contigs, self._formats = _header_lines(file)
        detected = detect_build(contigs)
        annotation = next((one for one in ("CSQ", "ANN") if one in descriptions), "")
        self._read_consequences: Reader | None = None
        if annotation:
            is_vep = annotation == "CSQ"
            self._read_consequences = (
                csq_reader(descriptions[annotation]) if is_vep else ann_reader()
            )
        self.header = VcfHeader(
            self._name,
            named,
            agreed_build(detected, build),
            detected.build is None and build is not None,
            annotation,
            find_fields(types),
            ends_in_line,
        )

    def __iter__(self) -> Iterator[SampleVariant]:
        self.counts = counts = VcfCounts()
        with ExitStack() as stack:
            file = _opened(self._path, self._name, stack, [self.header.sample])
            lines = iter(file)
            held: dict[str, SampleVariant] = {}
            place = ("", 0)
            while True:
                counts.lines += 1
                try:
                    variants = list(self._alleles(next(lines)))
                except StopIteration:
                    counts.lines -= 1
                    break
                except GestaltError:
                    raise
                # cyvcf2 raises whatever it meets in a line that htslib let pass: the plain class,
                # an index that an allele does not have, bytes that are no text.
                except Exception as error:
                    raise self._damaged() from error
                for variant in variants:
                    if place != (place := (variant.chromosome, variant.position)):
                        yield from self._counted(held.values())
                        held = {}
                    before = held.get(variant.name)
                    counts.repeated += before is not None
                    if before is None or variant.says > before.says:
                        held[variant.name] = variant
            yield from self._counted(held.values())
        if not counts.lines:
            raise TableDamaged(
                f"{self._name} has a header, but no variants.",
                "Check how the file was made.",
            )

    def _damaged(self) -> TableDamaged:
        return TableDamaged(
            f"{self._name} is damaged or cut off: line "
            f"{self.counts.lines:,} of its variants cannot be read.",
            "Copy the file again, and check it with `bcftools view`.",
        )

    def _alleles(self, line: Any) -> Iterator[SampleVariant]:
        counts = self.counts
        chromosome = chromosome_of(line.CHROM)
        position = line.POS
        _check_order(counts, line.CHROM, position)
        if chromosome is None:
            counts.elsewhere += 1
            return
        check_position(self.header.build, chromosome, position)
        genotype = _genotype(line)
        if not genotype:
            if str(line).count("\t") < _SAMPLE:
                raise self._damaged()
            counts.not_called += 1
            return
        alleles, is_phased = genotype
        called = [place for place in dict.fromkeys(alleles) if place > 0]
        alts = line.ALT
        called = [place for place in called if alts[place - 1] not in _NO_ALLELE]
        if not called:
            counts.reference += 1
            return
        depth = self._depth(line)
        for place in called:
            yield self._variant(line, chromosome, alleles, is_phased, place, depth)

    def _counted(self, variants: Iterable[SampleVariant]) -> Iterator[SampleVariant]:
        counts = self.counts
        for variant in variants:
            counts.alleles += 1
            counts.chromosomes.add(variant.chromosome)
            counts.indels += variant.is_indel
            counts.without_cadd += variant.cadd is None
            counts.indels_without_cadd += variant.is_indel and variant.cadd is None
            counts.without_frequency += variant.frequency is None
            counts.without_consequence += not variant.consequences
            yield variant

    def _variant(
        self,
        line: Any,
        chromosome: str,
        alleles: list[int],
        is_phased: bool,
        place: int,
        depth: int | None,
    ) -> SampleVariant:
        info, alts, fields = line.INFO, line.ALT, self.header.fields
        consequences: list[Consequence] = []
        text = info.get(self.header.annotation) if self.header.annotation else None
        if text and self._read_consequences:
            consequences = self._read_consequences(text, line.REF, alts, place - 1)
        cadd = [of_allele(info.get(name), len(alts), place - 1) for name in fields.cadd]
        cadd += [one.cadd for one in consequences]
        possible = [one for one in cadd if one is None or is_possible_cadd(one)]
        self.counts.impossible_cadd += len(possible) < len(cadd)
        frequencies = [
            of_allele(info.get(name), len(alts), place - 1) for name in fields.frequencies
        ]
        copies = alleles.count(place)
        is_placed = is_phased and copies == 1 and len(alleles) == 2
        return SampleVariant(
            chromosome,
            line.POS,
            line.REF,
            alts[place - 1],
            copies,
            len(alleles),
            alleles.index(place) if is_placed else None,
            _first(line, "PS") if is_placed and "PS" in self._formats else None,
            line.QUAL,
            depth,
            tuple(line.FILTERS),
            best_number(possible),
            best_number([*frequencies, *(one.frequency for one in consequences)]),
            tuple(consequences),
        )

    def _depth(self, line: Any) -> int | None:
        """Reads of the sample: DP, else those of all alleles in AD."""
        if "DP" in self._formats and (depth := _first(line, "DP")) is not None:
            return depth
        if "AD" in self._formats and "AD" in line.FORMAT:
            reads = [int(one) for one in line.format("AD")[0] if one >= 0]
            return sum(reads) if reads else None
        return None


def _opened(path: Path, name: str, stack: ExitStack, samples: list[str] | None = None) -> Any:
    try:
        import cyvcf2
        from cyvcf2.cyvcf2 import set_htslib_log_level
    except ImportError as error:
        raise UsageError("VCF files need cyvcf2, which is not installed.", INSTALL) from error
    # htslib writes to standard error, a line for each contig and field that it does not know.
    set_htslib_log_level(0)
    try:
        file = cyvcf2.VCF(stack.enter_context(plain_path(path)), lazy=True, samples=samples)
    # cyvcf2 raises the plain class where there is no line of columns.
    except Exception as error:
        raise TableDamaged(
            f"{name} is not a VCF: its header cannot be read.",
            "A VCF begins with ##fileformat=VCF and has a line that begins with #CHROM.",
        ) from error
    stack.callback(file.close)
    return file


def _chosen(samples: list[str], asked: str | None, name: str) -> str:
    """The sample that is asked for, else the only one. Raises `UsageError`."""
    shown = ", ".join(samples[:_SHOWN])
    if len(samples) > _SHOWN:
        shown += f" and {len(samples) - _SHOWN:,} more"
    if not samples:
        raise UsageError(
            f"{name} has no sample: it lists variants, but no genotypes.",
            "Use the VCF of the patient, with a column of genotypes.",
        )
    if asked is None and len(samples) > 1:
        raise UsageError(
            f"{name} has {len(samples):,} samples: {shown}.",
            f"Choose the patient's: --sample {samples[0]}.",
        )
    if asked is not None and asked not in samples:
        raise UsageError(
            f"{name} has no sample {asked!r}. It has: {shown}.", f"Use --sample {samples[0]}."
        )
    return asked or samples[0]


def _header_lines(
    file: Any,
) -> tuple[dict[str, str], dict[str, str], dict[str, int | None], frozenset[str]]:
    """Types and descriptions of INFO fields, lengths of contigs, and the fields of samples that
    are whole numbers.
    """
    types, descriptions, formats = {}, {}, set()
    for line in file.header_iter():
        facts = line.info()
        name = facts.get("ID")
        if line.type == "INFO" and name:
            types[name] = facts.get("Type", "String")
            descriptions[name] = facts.get("Description", "")
        elif line.type == "FORMAT" and facts.get("Type") == "Integer":
            formats.add(name)
    contigs: dict[str, int | None] = {
        found["name"]: int(length[1]) if (length := _LENGTH.search(found["facts"])) else None
        for found in _CONTIG.finditer(file.raw_header)
    }
    return types, descriptions, contigs, frozenset(formats)


def _genotype(line: Any) -> tuple[list[int], bool] | None:
    """The alleles of the sample, −1 for those that are not called, and whether they are phased;
    None where none is called.
    """
    try:
        *alleles, is_phased = line.genotypes[0]
    # What cyvcf2 raises for a line without GT.
    except Exception:  # noqa: BLE001
        return None
    alleles = [allele for allele in alleles if allele != -2]  # padding beside diploid ones
    if all(allele < 0 for allele in alleles):
        return None
    return alleles, bool(is_phased)


def _first(line: Any, name: str) -> int | None:
    """A whole number of the sample; None where it has none."""
    if name not in line.FORMAT:
        return None
    value = int(line.format(name)[0][0])
    return value if value >= 0 else None


def _check_order(counts: VcfCounts, contig: str, position: int) -> None:
    last, before = counts.last
    if contig != last:
        counts.is_sorted &= contig not in counts.seen
        counts.seen.add(contig)
    elif position < before:
        counts.is_sorted = False
    counts.last = (contig, position)
