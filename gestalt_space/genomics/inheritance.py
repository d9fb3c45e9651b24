"""Modes of inheritance: which genotypes of a patient fit, each variant for itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from gestalt_space.errors import UsageError
from gestalt_space.genomics.builds import Build, is_pseudoautosomal
from gestalt_space.genomics.vcf import SampleVariant

Mode: TypeAlias = Literal[
    "any", "dominant", "recessive", "compound-heterozygous", "x-dominant", "x-recessive"
]
MODES: tuple[Mode, ...] = get_args(Mode)
Sex: TypeAlias = Literal["female", "male"]
SEXES: tuple[Sex, ...] = get_args(Sex)
TEXTS: dict[Mode, str] = {
    "any": "any genotype",
    "dominant": "heterozygous, on an autosome",
    "recessive": "homozygous, or heterozygous with a second variant in the gene; on an autosome",
    "compound-heterozygous": "heterozygous with a second variant in the gene; on an autosome",
    "x-dominant": "on X, any genotype",
    "x-recessive": "on X: hemizygous in males; in females homozygous, or heterozygous with a "
    "second variant in the gene",
}


@dataclass(frozen=True, slots=True)
class Inheritance:
    """A mode for a patient of a sex. Raises `UsageError` where the mode needs a sex that is not
    known.
    """

    mode: Mode = "any"
    sex: Sex | None = None
    build: Build | None = None

    def __post_init__(self) -> None:
        if self.mode == "x-recessive" and self.sex is None:
            raise UsageError(
                "X-recessive inheritance depends on the sex.", "Add --sex female or --sex male."
            )

    def fits(self, variant: SampleVariant) -> bool:
        """Whether a genotype alone may fit; a heterozygous one of a recessive disorder may."""
        if self.mode == "any":
            return True
        on_x = variant.chromosome == "X" and not is_pseudoautosomal(self.build, variant.position)
        if self.mode.startswith("x-"):
            return on_x and (
                self.mode == "x-dominant" or self.sex == "female" or not is_heterozygous(variant)
            )
        if on_x or variant.chromosome in ("Y", "MT"):
            return False
        if self.mode == "recessive":
            return True
        return is_heterozygous(variant)

    def needs_both_copies(self) -> bool:
        """Whether a heterozygous variant counts only with a second one in the gene."""
        return self.mode in ("recessive", "compound-heterozygous") or (
            self.mode == "x-recessive" and self.sex == "female"
        )


def is_heterozygous(variant: SampleVariant) -> bool:
    """Whether the other copy is another allele."""
    return variant.copies < variant.ploidy


def parse_mode(name: str) -> Mode:
    """A mode by its name. Raises `UsageError`."""
    for mode in MODES:
        if mode == name.strip().lower():
            return mode
    raise UsageError(
        f"Unknown mode of inheritance {name!r}.", f"Choose one of: {', '.join(MODES)}."
    )


def parse_sex(name: str | None) -> Sex | None:
    """A sex; None where it is not given. Raises `UsageError`."""
    if name is None:
        return None
    for sex in SEXES:
        if name.strip().lower() in (sex, sex[0]):
            return sex
    raise UsageError(f"Unknown sex {name!r}.", "Choose female or male.")
