"""Which INFO fields of a VCF are CADD scores and population frequencies, and what they say of one
allele.

Frequencies are known by their source: gnomAD, ExAC, 1000 Genomes, ESP, UK10K and TOPMed. The bare
field AF is never one: callers write there how often the allele is in the VCF itself. Fields that
annotators fill by position alone (`OVL`) are not read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_CADD = re.compile(r"(?:dbnsfp_)?cadd(?:_?1\.[0-9])?(?:_(?:snv|indel))?_phred", re.IGNORECASE)
MAX_CADD = 100
_SOURCES = re.compile(
    r"(?:dbnsfp_)?(?:gnomad\w*?|exac|1kg(?:p3)?|1000g(?:enomes|p3)?|esp(?:6500)?|uk10k|topmed)"
)
_POPULATIONS = (
    "all|afr|ami|amr|asj|eas|fin|mid|nfe|eur|oth|remaining|sas|aa|ea|best|popmax|grpmax|max|"
    "exomes?|genomes?|e|g|joint|adj|raw|controls|global"
)
_FREQUENCY = re.compile(
    rf"(?:{_SOURCES.pattern})(?:_(?:{_POPULATIONS}))*_af(?:_(?:{_POPULATIONS}))*"
    r"|(?:afr|amr|eas|eur|sas|aa|ea)_(?:m?af)"
    r"|af_(?:popmax|grpmax|afr|amr|eas|nfe|sas|fin|asj|ami|mid)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class InfoFields:
    """The fields of a header. `unreadable`: those of frequencies that are declared as whole
    numbers, which would all read as 0.
    """

    cadd: tuple[str, ...]
    frequencies: tuple[str, ...]
    unreadable: tuple[str, ...]


def is_cadd(name: str) -> bool:
    """Whether a field or a column of VEP has CADD's scaled scores."""
    return _CADD.fullmatch(name) is not None


def is_possible_cadd(score: float) -> bool:
    """Whether a number can be a scaled score of CADD: minus ten times the log10 of the rank among
    nine billion variants.
    """
    return 0 <= score <= MAX_CADD


def is_frequency(name: str) -> bool:
    """Whether a field or a column of VEP has the frequency of alleles in a population."""
    return _FREQUENCY.fullmatch(name) is not None


def find_fields(types: Mapping[str, str]) -> InfoFields:
    """The fields of a header, by their types: `Float`, `String`, `Integer` and so on."""
    frequencies = [name for name in types if is_frequency(name)]
    return InfoFields(
        tuple(name for name in types if is_cadd(name)),
        tuple(name for name in frequencies if types[name] != "Integer"),
        tuple(name for name in frequencies if types[name] == "Integer"),
    )


def of_allele(value: object, alleles: int, place: int) -> float | None:
    """What a field says of one of several alternate alleles; None where it does not.

    A field has one value for each of them, or one for the reference before them. A single value
    among several alleles does not show which one it is of.
    """
    parts: Sequence[object]
    if isinstance(value, str):
        parts = value.split(",")
    elif isinstance(value, tuple | list):
        parts = value
    else:
        parts = (value,)
    if len(parts) == alleles + 1:
        parts = parts[1:]
    if len(parts) != alleles:
        return None
    part = parts[place]
    return best_number(part.split("|") if isinstance(part, str) else (part,))


def best_number(parts: Iterable[object]) -> float | None:
    """The highest number of some values, each of which may hold several, joined by `&`; None where
    there is no number.
    """
    best = None
    for part in parts:
        for text in part.split("&") if isinstance(part, str) else (part,):
            number = _number(text)
            if number is not None and (best is None or number > best):
                best = number
    return best


def _number(value: object) -> float | None:
    if not isinstance(value, str | float | int) or value in ("", "."):
        return None
    try:
        # htslib has numbers with single precision: 14.15 comes as 14.149999618530273.
        number = float(f"{value:.7g}" if isinstance(value, float) else value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
