from __future__ import annotations

import pytest

from gestalt_space.genomics.info_fields import find_fields, is_cadd, is_frequency, of_allele


@pytest.mark.parametrize(
    "name",
    ["CADD_PHRED", "CADD_phred", "CADD_SNV_PHRED", "CADD_INDEL_PHRED", "dbNSFP_CADD_phred"],
)
def test_fields_of_cadd(name: str):
    assert is_cadd(name)


@pytest.mark.parametrize("name", ["CADD_RAW", "CADD_SNV_OVL_PHRED", "CADD_RawScore", "CADD", "AF"])
def test_fields_that_are_not_scaled_cadd(name: str):
    assert not is_cadd(name)


@pytest.mark.parametrize(
    "name",
    [
        *("gnomAD_AF", "gnomADe_AF", "gnomADg_NFE_AF", "gnomAD_exomes_AF_popmax", "AF_grpmax"),
        *("ExAC_AF", "EXAC_BEST_AF", "EXAC_AF_AFR", "1KG_AF_ALL", "1000G_AF", "EUR_AF"),
        *("dbNSFP_gnomAD_exomes_AF", "dbNSFP_1000Gp3_EUR_AF", "ESP6500_EA_AF", "TOPMed_AF"),
    ],
)
def test_fields_of_population_frequencies(name: str):
    assert is_frequency(name)


@pytest.mark.parametrize(
    "name", ["AF", "MLEAF", "EXAC_OVL_AF_ALL", "EXAC_AC_ALL", "EXAC_HET_AFR", "gnomAD_AN", "VAF"]
)
def test_fields_that_are_no_population_frequency(name: str):
    assert not is_frequency(name)


def test_a_frequency_that_is_declared_as_a_whole_number_is_not_read():
    found = find_fields({"gnomAD_AF": "Float", "UK10K_AF": "Integer", "CADD_PHRED": "String"})
    assert (found.cadd, found.frequencies) == (("CADD_PHRED",), ("gnomAD_AF",))
    assert found.unreadable == ("UK10K_AF",)


@pytest.mark.parametrize(
    ("value", "alleles", "expected"),
    [
        (None, 1, [None]),
        (14.149999618530273, 1, [14.15]),
        ((None, 3.0), 2, [None, 3.0]),
        ("1.141,0.220", 2, [1.141, 0.22]),
        (".,6.7", 2, [None, 6.7]),
        ("2.260|5.360", 1, [5.36]),
        ((0.9, 0.1), 1, [0.1]),  # one for the reference before it
        (5.0, 2, [None, None]),  # of which allele it is, nobody knows
        ((1.0, 2.0, 3.0), 1, [None]),
        ("nan", 1, [None]),
        ("high", 1, [None]),
        (0, 1, [0.0]),
    ],
)
def test_what_a_field_says_of_each_allele(value: object, alleles: int, expected: list[object]):
    assert [of_allele(value, alleles, place) for place in range(alleles)] == expected
