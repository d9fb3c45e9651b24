from __future__ import annotations

import pytest

from gestalt_space.errors import UsageError
from gestalt_space.genomics.builds import (
    BUILDS,
    CHROMOSOMES,
    LENGTHS,
    Build,
    agreed_build,
    check_position,
    chromosome_of,
    detect_build,
    parse_build,
)


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("prefix", ["", "chr"])
def test_a_build_is_known_by_the_lengths_of_its_chromosomes(build: Build, prefix: str):
    contigs: dict[str, int | None] = {f"{prefix}{name}": n for name, n in LENGTHS[build].items()}
    contigs |= {"chrUn_KI270742v1": 186739, "chr6_GL000256v2_alt": 4604811, "chrM": 16571}
    assert detect_build(contigs).build == build
    assert detect_build(contigs).matched == 24
    assert detect_build({f"{prefix}21": LENGTHS[build]["21"]}).build == build


def test_no_chromosome_has_the_same_length_in_both_builds():
    assert all(LENGTHS["GRCh37"][name] != LENGTHS["GRCh38"][name] for name in CHROMOSOMES[:-1])
    assert list(LENGTHS["GRCh37"]) == list(LENGTHS["GRCh38"]) == list(CHROMOSOMES[:-1])


@pytest.mark.parametrize(
    "contigs", [{}, {"1": None, "chr2": None}, {"GL000191.1": 106433, "MT": 16569}]
)
def test_without_lengths_the_build_is_unknown(contigs: dict[str, int | None]):
    assert detect_build(contigs).build is None
    assert agreed_build(detect_build(contigs), None) is None
    assert agreed_build(detect_build(contigs), "GRCh38") == "GRCh38"


@pytest.mark.parametrize(
    ("contigs", "message"),
    [
        ({"1": LENGTHS["GRCh37"]["1"], "2": LENGTHS["GRCh38"]["2"]}, "1 of GRCh37, 1 of GRCh38"),
        ({"chr1": 248387328}, "of 1 chromosome, 0 of GRCh37, 0 of GRCh38"),
    ],
)
def test_mixed_contigs_and_those_of_another_genome_are_refused(
    contigs: dict[str, int | None], message: str
):
    with pytest.raises(UsageError, match=message):
        detect_build(contigs)


def test_another_build_than_the_one_asked_for_is_refused():
    detected = detect_build({"1": LENGTHS["GRCh37"]["1"]})
    assert agreed_build(detected, "GRCh37") == "GRCh37"
    with pytest.raises(UsageError, match=r"is on GRCh37, not on GRCh38: .*\(1 chromosome\)"):
        agreed_build(detected, "GRCh38")


def test_a_position_beyond_the_end_of_its_chromosome_is_refused():
    check_position("GRCh38", "1", LENGTHS["GRCh38"]["1"])
    check_position(None, "1", 10**9)
    check_position("GRCh38", "MT", 16600)
    with pytest.raises(UsageError, match="249,000,000 lies beyond the end") as caught:
        check_position("GRCh38", "1", 249_000_000)
    assert "probably on GRCh37" in caught.value.hint


@pytest.mark.parametrize(
    ("contig", "chromosome"),
    [
        *((name, name) for name in CHROMOSOMES),
        *((f"chr{name}", name) for name in CHROMOSOMES),
        ("Chr1", "1"),
        ("chrx", "X"),
        ("chrM", "MT"),
        ("M", "MT"),
        ("NC_000001.11", "1"),
        ("NC_000023.10", "X"),
        ("NC_000024.10", "Y"),
        ("NC_012920.1", "MT"),
        ("NC_000025.1", None),
        ("NC_000000.1", None),
        ("chr1_KI270706v1_random", None),
        ("GL000191.1", None),
        ("hs37d5", None),
        ("chr23", None),
        ("", None),
    ],
)
def test_names_of_contigs(contig: str, chromosome: str | None):
    assert chromosome_of(contig) == chromosome


def test_names_of_builds():
    assert [parse_build(name) for name in ("hg19", "GRCh37", " HG38 ")] == [
        *BUILDS[:1] * 2,
        "GRCh38",
    ]
    with pytest.raises(UsageError, match="Unknown genome build 'hg18'"):
        parse_build("hg18")
