"""A small release of HPO, made by hand: terms, disorders and genes that do not exist."""

from __future__ import annotations

from pathlib import Path

from gestalt_space.phenotype.annotation_files import DISORDERS, GENES, parse_annotations
from gestalt_space.phenotype.obo import parse_obo
from gestalt_space.phenotype.profiles import pooled, profiles_of, with_genes
from gestalt_space.phenotype.release import OBO as OBO_FILE
from gestalt_space.phenotype.release import Release, open_release

OBO = r"""format-version: 1.2
data-version: hp/releases/2025-01-16

[Term]
id: HP:0000001
name: All

[Term]
id: HP:0000005
name: Mode of inheritance
is_a: HP:0000001 ! All

[Term]
id: HP:0000118
name: Phenotypic abnormality
is_a: HP:0000001 ! All

[Term]
id: HP:0000002
name: Face
synonym: "Front of \"head\"" EXACT layperson []
is_a: HP:0000118 ! Phenotypic abnormality

[Term]
id: HP:0000003
name: Limb
synonym: "Part" EXACT []
is_a: HP:0000118 ! Phenotypic abnormality

[Term]
id: HP:0000010
name: Nose
alt_id: HP:0000019
synonym: "Part" EXACT []
synonym: "Limb" RELATED []
is_a: HP:0000002 ! Face

[Term]
id: HP:0000011
name: Wide nose
is_a: HP:0000010 ! Nose

[Term]
id: HP:0000012
name: Long nose
is_a: HP:0000010 ! Nose

[Term]
id: HP:0000013
name: Eye
is_a: HP:0000002 ! Face

[Term]
id: HP:0000020
name: Short arm
is_a: HP:0000003 ! Limb

[Term]
id: HP:0000021
name: Short face and arm
is_a: HP:0000020 ! Short arm
is_a: HP:0000002 ! Face

[Term]
id: HP:0000090
name: obsolete Wing
is_obsolete: true

[Term]
id: HP:0000091
name: obsolete Nose
is_obsolete: true
replaced_by: HP:0000092

[Term]
id: HP:0000092
name: obsolete second nose
is_obsolete: true
replaced_by: HP:0000019

[Typedef]
id: part_of
name: part of
"""

_ROWS = (
    # Disorder, qualifier, term, reference, frequency.
    ("OMIM:1", "", "HP:0000011", "PMID:1", "3/4"),
    ("OMIM:1", "", "HP:0000011", "PMID:2", "2/5"),
    ("OMIM:1", "", "HP:0000013", "OMIM:1", ""),
    ("OMIM:1", "NOT", "HP:0000020", "PMID:1", ""),
    ("OMIM:2", "", "HP:0000019", "PMID:1;PMID:3", "4/8"),
    ("OMIM:2", "", "HP:0000021", "PMID:3", "HP:0040281"),
    ("OMIM:2", "", "HP:0000012", "PMID:3", "0/6"),
    ("OMIM:3", "", "HP:0000020", "PMID:4", "25%"),
    ("OMIM:3", "", "HP:0000005", "PMID:4", ""),
    ("OMIM:4", "", "HP:0000005", "PMID:4", ""),
    ("ORPHA:7", "", "HP:0000012", "ORPHA:7", "HP:0040282"),
)
HPOA = "\n".join(
    [
        "#version: 2025-01-16",
        "\t".join(
            (
                *("database_id", "disease_name", "qualifier", "hpo_id", "reference", "evidence"),
                *("onset", "frequency", "sex", "modifier", "aspect", "biocuration"),
            )
        ),
        *(
            "\t".join(
                (id_, f"Disorder {id_[-1]}", is_not, term, source, "PCS", "", often) + ("",) * 4
            )
            for id_, is_not, term, source, often in _ROWS
        ),
        "",
    ]
)
GENES_TEXT = "\n".join(
    [
        "ncbi_gene_id\tgene_symbol\thpo_id\thpo_name\tfrequency\tdisease_id",
        "100\tAAA1\tHP:0000011\tWide nose\t3/4\tOMIM:1",
        "100\tAAA1\tHP:0000012\tLong nose\t-\tORPHA:7",
        "20\tBBB1\tHP:0000010\tNose\t4/8\tOMIM:2",
        "30\tCCC1\tHP:0000020\tShort arm\t25%\tOMIM:3",
        "40\t-\tHP:0000020\tShort arm\t25%\tOMIM:3",
        "",
    ]
)


def write_release(folder: Path) -> Path:
    """The files of the release in a new folder."""
    folder.mkdir()
    (folder / OBO_FILE).write_text(OBO, encoding="utf-8")
    (folder / DISORDERS).write_text(HPOA, encoding="utf-8")
    (folder / GENES).write_text(GENES_TEXT, encoding="utf-8")
    return folder


def parsed_release() -> Release:
    """The release, without files."""
    ontology = parse_obo(OBO)
    annotations = parse_annotations(ontology, HPOA, GENES_TEXT)
    count = len(annotations.disorders) + len(annotations.genes)
    frequencies = with_genes(pooled(annotations), annotations)
    return Release(ontology, annotations, profiles_of(ontology, frequencies, count))


def made_release(folder: Path) -> Release:
    """The release, opened."""
    return open_release(write_release(folder))
