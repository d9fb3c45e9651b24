"""A fused ranking of a patient who does not exist."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from gestalt_space.fusion.answer import FusedAnswer
from gestalt_space.fusion.described import Described
from gestalt_space.fusion.fused import FusedLine, FusedRanking
from gestalt_space.fusion.parts import ExomePart, PhotoPart, TermShare, TermsPart
from gestalt_space.phenotype.query import IgnoredTerm, MappedTerm, Query
from gestalt_space.phenotype.ranking import TermEvidence

RELEASE: Any = SimpleNamespace(
    ontology=SimpleNamespace(release="2025-01-16"),
    annotations=SimpleNamespace(release="2025-01-16"),
)
EXOME: Any = SimpleNamespace(
    header=SimpleNamespace(name="exome.vcf.gz", sample="P1", build="GRCh37"),
    total=14_000,
    genes=("NIPBL", "KMT2D"),
    notes=("A note.",),
)
EVIDENCE: Any = SimpleNamespace(is_exome=True, unknown=("NEW1",), notes=("Another note.",))
QUERY = Query(
    (4, 7),
    (9,),
    (MappedTerm("Synophrys", "HP:0000664", "Synophrys"),),
    (IgnoredTerm("HP:0000001", "no_phenotype"),),
)
EXOME_PART = ExomePart(
    2.0, candidate=1.7, cadd=0.3, gene="NIPBL", score=33.0, variants=("5:36876911G>A",)
)
NO_EXOME = ExomePart(-1.28, "no candidate variant", candidate=-1.28, gene="SHOX")
SHARES = (
    TermShare(
        TermEvidence("HP:0000664", "Synophrys", True, 9.0, "HP:0000664", "Synophrys", 0.8, 0.01),
        2.25,
    ),
    TermShare(TermEvidence("HP:0000252", "Microcephaly", False, 1.0, None, None, 0.0, None), 0.25),
)
DISORDERS = FusedRanking(
    (
        FusedLine(
            1,
            "OMIM:122470",
            "=Cornelia de Lange syndrome 1",
            5.5,
            10**5.5,
            4.8,
            None,
            {
                "photo": PhotoPart(1.0, lower=0.3, disorder="OMIM:122470", similarity=0.81234567),
                "terms": TermsPart(2.5, score=10.0, weight=0.25, shares=SHARES),
                "exome": EXOME_PART,
            },
            0.0,
            {"photo": 2, "terms": 1, "exome": 14},
            gene="NIPBL",
            tied=2,
        ),
        FusedLine(
            2,
            "ORPHA:199",
            "",
            -1.53,
            None,
            None,
            "withheld: too few",
            {
                "photo": PhotoPart(0.0, "withheld: too few", True, None, "ORPHA:199", 0.5),
                "terms": TermsPart(0.0, "HPO has no phenotypes of this disorder"),
                "exome": NO_EXOME,
            },
            -0.25,
            {"photo": 2, "terms": 2, "exome": 3},
        ),
    ),
    8_351,
)
GENES = FusedRanking(
    (
        FusedLine(
            1,
            "Entrez:25836",
            "NIPBL",
            4.5,
            10**4.5,
            None,
            None,
            {
                "photo": PhotoPart(0.5),
                "terms": TermsPart(
                    2.0, score=8.0, weight=0.25, shares=SHARES[:1], other_disorders=-0.25
                ),
                "exome": EXOME_PART,
            },
            0.0,
            {"photo": 1, "terms": 1, "exome": 3},
            "OMIM:122470",
            "=Cornelia de Lange syndrome 1",
        ),
    ),
    5_132,
)
FUSED = FusedAnswer(
    RELEASE,
    Described(QUERY, "female", 4.5, ("A contradiction.",)),
    EXOME,
    EVIDENCE,
    ("Assumed: something.",),
    DISORDERS,
    GENES,
)
