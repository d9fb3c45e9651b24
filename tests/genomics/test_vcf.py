from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from pathlib import Path

import cyvcf2
import pytest

from gestalt_space.errors import GestaltError, TableDamaged, UsageError
from gestalt_space.genomics.vcf import SampleVariant, VcfReader
from tests.genomics.made_vcf import ann, contig_lines, csq, csq_header, header, line, write

EMPTY_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def read(
    path: Path, lines: list[str], head: list[str] | None = None
) -> tuple[VcfReader, list[SampleVariant]]:
    reader = VcfReader(write(path / "exome.vcf", lines, head))
    return reader, list(reader)


def block(data: bytes) -> bytes:
    """A block of BGZF: gzip with its own length in an extra field."""
    deflated = gzip.compress(data)[10:]
    length = (12 + 6 + len(deflated) - 1).to_bytes(2, "little")
    return bytes.fromhex("1f8b08040000000000ff060042430200") + length + deflated


def test_a_variant_as_the_vcf_has_it(tmp_path: Path):
    _, (one,) = read(
        tmp_path,
        [line("7", 5, "C", "T", cadd=14.15, frequency=0.0012, qual=33, gt="1/1")],
    )
    assert (one.name, one.genotype, one.copies, one.ploidy) == ("7-5-C-T", "homozygous", 2, 2)
    assert (one.cadd, one.frequency, one.quality) == (14.15, 0.0012, 33)
    assert (one.filters, one.depth, one.haplotype) == (("PASS",), None, None)
    assert one.consequences[0].symbol == "KMT2D"


def test_what_is_missing_stays_missing(tmp_path: Path):
    reader, found = read(
        tmp_path,
        [
            line(pos=1, cadd=None, info="."),
            line(pos=2, cadd="."),
            line(pos=3, ref="A", alt="AT", cadd=None),
        ],
    )
    assert [one.cadd for one in found] == [one.frequency for one in found] == [None] * 3
    counts = reader.counts
    assert (counts.without_cadd, counts.indels_without_cadd, counts.indels) == (3, 1, 1)
    assert (counts.without_frequency, counts.without_consequence) == (3, 1)


def test_each_allele_of_the_sample_has_its_own_values(tmp_path: Path):
    effects = f"{ann('AAA1', allele='G')},{ann('BBB1', allele='T')}"
    info = f"CADD_PHRED=1,2,3;gnomAD_AF=.,0.2,0.3;ANN={effects}"
    _, found = read(tmp_path, [line(alt="C,G,T", gt="2|3", info=info)])
    assert [(one.alt, one.cadd, one.frequency) for one in found] == [("G", 2, 0.2), ("T", 3, 0.3)]
    assert [one.consequences[0].symbol for one in found] == ["AAA1", "BBB1"]
    assert [(one.copies, one.haplotype) for one in found] == [(1, 0), (1, 1)]


def test_two_copies_of_an_allele_are_one_variant(tmp_path: Path):
    _, found = read(tmp_path, [line(alt="C,G", gt="2/2", cadd="1,2")])
    assert [(one.alt, one.copies, one.cadd) for one in found] == [("G", 2, 2)]


def test_scores_and_frequencies_of_vep(tmp_path: Path):
    info = "CSQ=" + ",".join(
        csq("T", gnomADe_AF=frequency, MAX_AF=most, CADD_PHRED=cadd)
        for frequency, most, cadd in (("0.001", "0.004", "12"), ("", "0.002&0.01", "25.1"))
    )
    _, (one,) = read(tmp_path, [line(alt="T", info=info)], csq_header())
    assert (one.cadd, one.frequency) == (25.1, 0.01)


def test_the_highest_frequency_of_all_populations(tmp_path: Path):
    fields = {"gnomAD_AF": ("A", "Float"), "EXAC_AF_AFR": ("A", "String"), "AF": ("A", "Float")}
    info = "gnomAD_AF=0.001;EXAC_AF_AFR=0.02;AF=0.5"
    _, (one,) = read(tmp_path, [line(info=info)], header(fields=fields))
    assert one.frequency == 0.02


@pytest.mark.parametrize(
    ("gt", "counted"),
    [
        ("./.", "not_called"),
        (".", "not_called"),
        ("0/0", "reference"),
        ("0", "reference"),
        ("0/2", "reference"),
        ("0/1", "alleles"),
        ("./1", "alleles"),
        ("1", "alleles"),
    ],
)
def test_genotypes_are_counted(tmp_path: Path, gt: str, counted: str):
    reader, found = read(tmp_path, [line(alt="G,<NON_REF>", gt=gt, cadd="1,.")])
    counts = {name: getattr(reader.counts, name) for name in ("not_called", "reference", "alleles")}
    assert counts == {**dict.fromkeys(counts, 0), counted: 1}
    assert len(found) == (counted == "alleles")


def test_a_line_without_a_genotype_is_counted(tmp_path: Path):
    reader, found = read(tmp_path, [line(formats="DP", sample="12"), line(pos=200)])
    assert (len(found), reader.counts.not_called) == (1, 1)


def test_one_copy_alone_is_hemizygous(tmp_path: Path):
    _, (one, two) = read(tmp_path, [line("X", 5, gt="1"), line("X", 9, gt="0|1")])
    assert (one.genotype, one.ploidy, two.genotype) == ("hemizygous", 1, "heterozygous")
    assert (one.haplotype, two.haplotype) == (None, 1)


def test_reads_and_phase_of_the_sample(tmp_path: Path):
    _, found = read(
        tmp_path,
        [
            line(pos=1, formats="GT:DP:PS", sample="1|0:31:7"),
            line(pos=2, formats="GT:AD", sample="0/1:10,12"),
            line(pos=3, formats="GT:AD", sample="0/1:.,."),
            line(pos=4, formats="GT:DP", sample="0/1:."),
            line(pos=5, formats="GT", sample="0/1"),
        ],
    )
    assert [one.depth for one in found] == [31, 22, None, None, None]
    assert [(one.haplotype, one.phase_set) for one in found[:2]] == [(0, 7), (None, None)]


def test_the_build_is_that_of_the_contigs(tmp_path: Path):
    chr38 = header(contigs=contig_lines("GRCh38", "chr"))
    reader, (one,) = read(tmp_path, [line("chr1", 50)], chr38)
    assert (reader.header.build, one.chromosome, reader.header.notes) == ("GRCh38", "1", ())
    with pytest.raises(UsageError, match="is on GRCh38, not on GRCh37"):
        VcfReader(tmp_path / "exome.vcf", build="GRCh37")


def test_without_contigs_the_build_is_unknown_and_said(tmp_path: Path):
    head = header(contigs=())
    reader, found = read(tmp_path, [line("chr1", 50)], head)
    assert (reader.header.build, len(found)) == (None, 1)
    assert "The genome build is not known" in reader.header.notes[0]
    told = VcfReader(tmp_path / "exome.vcf", build="GRCh38")
    assert told.header.build == "GRCh38"
    assert "GRCh38 is assumed" in told.header.notes[0]


def test_a_position_that_the_build_does_not_have_is_refused(tmp_path: Path):
    path = write(tmp_path / "a.vcf", [line("1", 249_000_000)], header(contigs=()))
    assert len(list(VcfReader(path, build="GRCh37"))) == 1
    with pytest.raises(UsageError, match="beyond the end of chromosome 1 of GRCh38"):
        list(VcfReader(path, build="GRCh38"))


def test_other_contigs_are_counted(tmp_path: Path):
    reader, found = read(tmp_path, [line("GL000191.1", 5), line("hs37d5", 5), line("MT", 5)])
    assert ([one.chromosome for one in found], reader.counts.elsewhere) == (["MT"], 2)


@pytest.mark.parametrize(
    ("places", "is_sorted"),
    [
        ([("1", 5), ("1", 6), ("1", 9), ("10", 1), ("2", 1)], True),
        ([("1", 9), ("1", 5)], False),
        ([("1", 5), ("2", 5), ("1", 9)], False),
    ],
)
def test_whether_a_vcf_is_sorted(tmp_path: Path, places: list[tuple[str, int]], *, is_sorted: bool):
    reader, found = read(tmp_path, [line(*place) for place in places])
    assert (len(found), reader.counts.is_sorted) == (len(places), is_sorted)


def test_a_header_without_scores_and_frequencies_is_told(tmp_path: Path):
    reader, _ = read(tmp_path, [line(info=".")], header(fields={"UK10K_AF": ("A", "Integer")}))
    assert reader.header.annotation == ""
    assert [note[:24] for note in reader.header.notes] == [
        "No INFO field has CADD s",
        "No INFO field has popula",
        "Not used, since the head",
    ]


@pytest.mark.parametrize(
    ("samples", "asked", "message"),
    [
        ((), None, "has no sample: it lists variants"),
        (("P1", "P2"), None, "has 2 samples: P1, P2"),
        (("P1",), "P2", "has no sample 'P2'. It has: P1"),
        (tuple(f"P{n}" for n in range(8)), None, "P0, P1, P2, P3, P4 and 3 more"),
    ],
)
def test_a_sample_that_is_not_clear_is_refused(
    tmp_path: Path, samples: tuple[str, ...], asked: str | None, message: str
):
    path = write(tmp_path / "a.vcf", [], header(samples))
    with pytest.raises(UsageError, match=message):
        VcfReader(path, asked)


def test_the_sample_that_is_named_is_read(tmp_path: Path):
    path = write(tmp_path / "a.vcf", [line(sample="0/0\t1/1")], header(("P1", "P2")))
    assert [one.copies for one in VcfReader(path, "P2")] == [2]
    assert list(VcfReader(path, "P1")) == []


LINES = [line(pos=pos) for pos in range(1, 4000)]
TEXT = "\n".join([*header(), *LINES, ""]).encode()


def blocks(text: bytes, size: int = 1000) -> bytes:
    """As bgzip writes a text."""
    pieces = (text[at : at + size] for at in range(0, len(text), size))
    return b"".join(map(block, pieces)) + EMPTY_BLOCK


BGZF = blocks(TEXT, 40_000)


def test_a_vcf_in_blocks_is_read(tmp_path: Path):
    path = tmp_path / "a.vcf.gz"
    path.write_bytes(BGZF)
    assert len(list(VcfReader(path))) == len(LINES)


def test_lines_that_end_as_in_windows_are_read(tmp_path: Path):
    path = write(
        tmp_path / "a.vcf", [line(gt="1|0"), line(pos=101, formats="GT:DP", sample="1/1:7")]
    )
    plain = list(VcfReader(path))
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert list(VcfReader(path)) == plain


def test_the_binary_form_is_read(tmp_path: Path):
    path, bcf = write(tmp_path / "a.vcf", [line(gt="0/1"), line(pos=101)]), tmp_path / "a.bcf"
    file = cyvcf2.VCF(str(path))
    writer = cyvcf2.Writer(str(bcf), file, mode="wb")
    for record in file:
        writer.write_record(record)
    writer.close()
    assert list(VcfReader(bcf)) == list(VcfReader(path))
    bcf.write_bytes(bcf.read_bytes()[:-28])
    with pytest.raises(TableDamaged, match="cut off"):
        VcfReader(bcf)


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (b"", TableDamaged, "is empty"),
        (b"hello\n", TableDamaged, "is not a VCF"),
        (b"\x00\x01\x02", TableDamaged, "is not a VCF"),
        ("\n".join(header()[:-1]).encode(), TableDamaged, "its header cannot be read"),
        ("\n".join(header()).encode() + b"\n", TableDamaged, "has a header, but no variants"),
        (TEXT[:-30], TableDamaged, "line 3,999 of its variants"),
        (gzip.compress(TEXT)[:-2000], TableDamaged, "is cut off: its compressed end is missing"),
        (gzip.compress(TEXT)[:-9], TableDamaged, "is cut off: its compressed end is missing"),
        (BGZF[: -len(EMPTY_BLOCK)], TableDamaged, "is cut off: its last block is missing"),
        (BGZF[:2000], TableDamaged, "is cut off"),
        (TEXT.replace(b"\t100\t", b"\tabc\t"), TableDamaged, "line 100 of its variants"),
        (TEXT.replace(b"0/1\n", b"0/7\n", 1), TableDamaged, "line 1 of its variants"),
    ],
    ids=[
        "empty",
        "text",
        "bytes",
        "no-columns",
        "no-lines",
        "cut",
        "gzip",
        "gzip-end",
        "no-last-block",
        "in-a-block",
        "position",
        "allele",
    ],
)
def test_a_file_that_is_damaged_is_refused(
    tmp_path: Path,
    content: bytes,
    kind: type[GestaltError],
    message: str,
    capfd: pytest.CaptureFixture[str],
):
    path = tmp_path / "a.vcf.gz"
    path.write_bytes(content)
    with pytest.raises(kind, match=message):
        list(VcfReader(path))
    # htslib has a say of its own on standard error.
    assert capfd.readouterr().err == ""


def test_a_last_line_that_does_not_end_is_told(tmp_path: Path):
    reader, _ = read(tmp_path, [line()])
    assert reader.header.notes == ()
    path = tmp_path / "exome.vcf"
    path.write_bytes(path.read_bytes()[:-1])
    assert "may be cut off" in VcfReader(path).header.notes[0]


@pytest.mark.parametrize("packed", [blocks, gzip.compress], ids=["bgzip", "gzip"])
def test_a_last_line_that_does_not_end_is_told_of_compressed_files_too(
    tmp_path: Path, packed: Callable[[bytes], bytes]
):
    text = "\n".join([*header(), *(line(pos=n) for n in range(1, 60))]).encode() + b"\n"
    path = tmp_path / "exome.vcf.gz"
    for whole, notes in ((text, 0), (text[:-1], 1)):
        path.write_bytes(packed(whole))
        assert len(VcfReader(path).header.notes) == notes
    assert "may be cut off" in VcfReader(path).header.notes[0]


def test_a_file_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match=r"cannot be read: No such file"):
        VcfReader(tmp_path / "a.vcf")


def test_without_cyvcf2_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = write(tmp_path / "a.vcf", [line()])
    monkeypatch.setitem(sys.modules, "cyvcf2", None)
    with pytest.raises(UsageError, match="VCF files need cyvcf2") as caught:
        VcfReader(path)
    assert "gestalt-space[genomics]" in caught.value.hint


@pytest.fixture(scope="session")
def exome(shared: Path) -> Path:
    return shared / "genomics" / "exome_hg19_cadd.vcf.gz"


@pytest.mark.shared
def test_the_exome_of_the_1000_genomes_project(exome: Path):
    reader = VcfReader(exome)
    found = list(reader)
    assert (reader.header.build, reader.header.annotation) == ("GRCh37", "ANN")
    assert reader.counts.lines == 14_917
    assert (reader.counts.not_called, reader.counts.reference, reader.counts.elsewhere) == (0, 0, 0)
    # 12 lines have two alternate alleles of the sample, and one repeats the line before it.
    assert len(found) == reader.counts.alleles == 14_928
    assert reader.counts.repeated == 1
    assert reader.header.fields.unreadable == ("UK10K_AF",)
    first = found[0]
    assert (first.name, first.cadd, first.frequency) == ("1-948870-C-G", 5.133, 0.999)


@pytest.mark.shared
def test_the_exome_as_its_text_has_it(exome: Path):
    """The oracle: lines split at tabs, as a person would read them."""
    expected = []
    with gzip.open(exome, "rt") as stream:
        for text in stream:
            if text.startswith("#"):
                continue
            cells = text.rstrip("\n").split("\t")
            info = dict(part.partition("=")[::2] for part in cells[7].split(";"))
            called = cells[9].replace("|", "/").split("/")
            alts = cells[4].split(",")
            for place in dict.fromkeys(int(one) for one in called if one not in ("0", ".")):
                scores = [
                    float(part)
                    for name in ("CADD_SNV_PHRED", "CADD_INDEL_PHRED")
                    for part in info.get(name, ".").split(",")[place - 1 : place]
                    for part in part.split("|")
                    if part != "."
                ]
                name = f"{cells[0]}-{cells[1]}-{cells[3]}-{alts[place - 1]}"
                copies = called.count(str(place))
                expected.append((name, copies, max(scores) if scores else None))
    found = [(one.name, one.copies, one.cadd) for one in VcfReader(exome)]
    assert found == list(dict.fromkeys(expected))


def test_a_repeated_variant_is_one(tmp_path: Path):
    lines = [line(pos=5), line(pos=5, alt="T"), line(pos=5), line(pos=5), line(pos=6)]
    reader, found = read(tmp_path, lines)
    assert [one.name for one in found] == ["1-5-A-G", "1-5-A-T", "1-6-A-G"]
    assert (reader.counts.alleles, reader.counts.repeated, reader.counts.lines) == (3, 2, 5)


def test_of_a_repeated_variant_that_which_says_most_counts(tmp_path: Path):
    lines = [
        line(pos=5, filters="LowQual", cadd=30),
        line(pos=5, info="."),
        line(pos=5, cadd=None),
        line(pos=5, cadd=20, frequency=0.5),
    ]
    for order in (lines, lines[::-1]):
        reader, (one,) = read(tmp_path, order)
        assert (one.cadd, one.frequency, one.filters) == (20, 0.5, ("PASS",))
        assert (reader.counts.without_cadd, reader.counts.without_consequence) == (0, 0)


@pytest.mark.parametrize(("cadd", "kept"), [("-1e9", None), ("100.1", None), ("0", 0), ("99", 99)])
def test_a_cadd_score_that_cannot_be_counts_as_missing(
    tmp_path: Path, cadd: str, kept: float | None
):
    reader, (one,) = read(tmp_path, [line(cadd=cadd)])
    assert one.cadd == kept
    is_missing = kept is None
    assert reader.counts.impossible_cadd == reader.counts.without_cadd == is_missing
    by_vep = tmp_path / "vep"
    by_vep.mkdir()
    info = f"CSQ={csq('G', CADD_PHRED=cadd)}"
    reader, (one,) = read(by_vep, [line(info=info)], csq_header())
    assert (one.cadd, reader.counts.impossible_cadd) == (kept, is_missing)


def test_a_possible_cadd_score_stays_beside_one_that_cannot_be(tmp_path: Path):
    info = "CSQ=" + ",".join(csq("G", CADD_PHRED=cadd) for cadd in ("12", "1e9", "-5"))
    reader, (one,) = read(tmp_path, [line(info=info)], csq_header())
    assert (one.cadd, reader.counts.impossible_cadd, reader.counts.without_cadd) == (12, 1, 0)
