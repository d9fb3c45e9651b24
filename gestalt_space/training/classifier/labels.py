"""Who a classifier is trained on: patients of a gallery, each with one of the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gestalt_space.errors import UsageError
from gestalt_space.faces.alignment import SIZE
from gestalt_space.faces.crops import crop_from_png
from gestalt_space.gallery.intake.disorders import find_disorder
from gestalt_space.home import Gallery
from gestalt_space.store.lookups import disorder_names, genes_of, known_disorders
from gestalt_space.store.people import family_numbers
from gestalt_space.store.reads import KeptFace, PatientSummary, kept_faces
from gestalt_space.training.space.gallery_faces import GalleryFaces
from gestalt_space.training.space.labelled_faces import LabelledFaces
from gestalt_space.weights.classifier_facts import OTHERS, Answer

FEWEST_FAMILIES = 5
"""Of a class of a binary classifier."""
_SHOWN = 5


@dataclass(frozen=True)
class Labelled:
    """Patients, whose disorders in `faces` are the numbers of `answers`, and patients of other
    families to whom none of the answers applies, if there are any. `subject`: the disorder that the
    answers are about, empty where they are all disorders."""

    faces: LabelledFaces
    answers: tuple[Answer, ...]
    others: LabelledFaces | None = None
    subject: str = ""


def read_disorders(home: Path | None, *, leave_out_single: bool) -> Labelled:
    """All patients with one disorder, as `GalleryFaces` gives and refuses them."""
    faces = GalleryFaces(home).read(leave_out_single=leave_out_single)
    with Gallery.open(home) as gallery, gallery.database.reading() as session:
        names = disorder_names(session, faces.titles)
    return Labelled(faces, tuple(Answer(code, names.get(code, "")) for code in faces.titles))


def read_binary(home: Path | None, disorders: Sequence[str], against: Sequence[str]) -> Labelled:
    """Patients with one of the disorders, and those with one of `against`, or with any other
    disorder where that is empty.

    Patients without a diagnosis are left out: they may have the disorder. Raises `UsageError` for a
    disorder on both sides, one that nobody has, a name that several have, and for fewer than five
    families on a side.
    """
    named = _Patients.read(home)
    disorders, against = named.found(disorders), named.found(against)
    both = sorted(set(disorders) & set(against))
    if both:
        raise UsageError(f"{both[0]} is on both sides.", "Name other disorders with --against.")
    first, second, rest = [], [], []
    for one in named.everybody:
        if set(one.disorders) & set(disorders):
            first.append(one)
        elif not against or set(one.disorders) & set(against):
            second.append(one)
        else:
            rest.append(one)
    answers = (named.answer(disorders), named.answer(against) if against else Answer(OTHERS, ""))
    labelled = [(one, 0) for one in first] + [(one, 1) for one in second]
    faces = named.gathered(labelled, answers, named.left_out)
    _check_families(faces, answers)
    return Labelled(faces, answers, named.others(rest, (*first, *second)), answers[0].id)


def read_genes(home: Path | None, disorders: Sequence[str], fewest: int) -> Labelled:
    """Patients with one of the disorders and one gene; genes of fewer than `fewest` families are
    left out. The others have another disorder.

    Raises `UsageError` if fewer than two genes are left, and for a disorder that nobody has or a
    name that several have.
    """
    named = _Patients.read(home)
    disorders = named.found(disorders)
    mine = [one for one in named.everybody if set(one.disorders) & set(disorders)]
    genes = named.genes
    left_out = dict(named.left_out)
    certain = [one for one in mine if len(genes.get(one.patient, ())) == 1]
    left_out["with several genes, or none"] = len(mine) - len(certain)
    families: dict[str, set[str]] = {}
    for one in certain:
        families.setdefault(genes[one.patient][0], set()).add(_family(one))
    kept = sorted(gene for gene, names in families.items() if len(names) >= fewest)
    if len(kept) < 2:
        told = ", ".join(f"{gene} {len(names)}" for gene, names in sorted(families.items()))
        raise UsageError(
            f"Too few genes have {fewest} families or more: {len(kept)}. Families: "
            f"{told or 'none'}.",
            "Add patients with their genes, or lower --set frequent=NUMBER.",
        )
    number = {gene: place for place, gene in enumerate(kept)}
    labelled = [
        (one, number[genes[one.patient][0]]) for one in certain if genes[one.patient][0] in number
    ]
    left_out[f"whose gene has fewer than {fewest} families"] = len(certain) - len(labelled)
    answers = tuple(Answer(gene, "") for gene in kept)
    rest = [one for one in named.everybody if not set(one.disorders) & set(disorders)]
    faces = named.gathered(labelled, answers, left_out)
    return Labelled(faces, answers, named.others(rest, mine), named.answer(disorders).id)


@dataclass(frozen=True)
class _Patients:
    """The diagnosed patients of a gallery whose crops are kept. `names`: of disorders, by
    identifier."""

    everybody: tuple[PatientSummary, ...]
    faces: tuple[KeptFace, ...]
    names: Mapping[str, str]
    genes: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, int]

    @classmethod
    def read(cls, home: Path | None) -> _Patients:
        """Those of the gallery of a home."""
        with Gallery.open(home) as gallery:
            gallery.database.require()
            all_of_them = gallery.patients()
            diagnosed = [one for one in all_of_them if one.disorders]
            with gallery.database.reading() as session:
                identifiers = [one.patient for one in diagnosed]
                faces = kept_faces(session, identifiers)
                names = known_disorders(session)
                genes = genes_of(session, identifiers)
        seen = {face.patient for face in faces}
        known = tuple(one for one in diagnosed if one.patient in seen)
        left_out = {
            "without a disorder": len(all_of_them) - len(diagnosed),
            "without a kept crop, or consent withdrawn": len(diagnosed) - len(known),
        }
        return cls(known, tuple(faces), names, genes, left_out)

    def found(self, disorders: Sequence[str]) -> tuple[str, ...]:
        """Disorders by identifier, as `find_disorder` finds them. Raises `UsageError`, also for one
        that none of the patients has."""
        meant = tuple(dict.fromkeys(find_disorder(one, self.names) for one in disorders))
        have = {code for one in self.everybody for code in one.disorders}
        if missing := [code for code in meant if code not in have]:
            some = ", ".join(sorted(have)[:_SHOWN])
            raise UsageError(
                f"No patient with a stored face has the disorder {missing[0]}.",
                f"Disorders of the gallery: {some}{', …' if len(have) > _SHOWN else ''}."
                if have
                else "The gallery stores no faces of diagnosed patients. Add their photos again "
                "with `gestalt index add`, without --no-crops.",
            )
        return meant

    def answer(self, disorders: Sequence[str]) -> Answer:
        """Several disorders as one answer."""
        told = [self.names.get(code, "") for code in disorders]
        return Answer(" + ".join(disorders), " + ".join(filter(None, told)))

    def others(
        self, patients: Sequence[PatientSummary], trained: Sequence[PatientSummary]
    ) -> LabelledFaces | None:
        """Those of some patients who are no relatives of `trained` ones; None for nobody."""
        families = {_family(one) for one in trained}
        kept = [(one, 0) for one in patients if _family(one) not in families]
        return self.gathered(kept, (Answer("", ""),), {}) if kept else None

    def gathered(
        self,
        labelled: Sequence[tuple[PatientSummary, int]],
        answers: Sequence[Answer],
        left_out: Mapping[str, int],
    ) -> LabelledFaces:
        """The faces of patients, with the numbers of their answers."""
        number = {one.patient: place for place, (one, _) in enumerate(labelled)}
        mine = [face for face in self.faces if face.patient in number]
        crops = np.empty((len(mine), SIZE, SIZE, 3), dtype=np.uint8)
        for place, face in enumerate(mine):
            crops[place] = crop_from_png(face.png)
        patients = [one for one, _ in labelled]
        return LabelledFaces(
            crops=crops,
            patient_of_face=np.array([number[face.patient] for face in mine], dtype=np.int64),
            patients=tuple(one.patient for one in patients),
            families=family_numbers(
                np.array([one.family or "" for one in patients], dtype=np.str_)
            ),
            disorders=np.array([label for _, label in labelled], dtype=np.int64),
            sex=tuple(one.sex or "" for one in patients),
            ancestry=tuple(one.ancestry or "" for one in patients),
            titles=tuple(one.id for one in answers),
            left_out={reason: count for reason, count in left_out.items() if count},
        )


def _family(one: PatientSummary) -> str:
    return f"\0{one.family}" if one.family else one.patient


def _check_families(faces: LabelledFaces, answers: Sequence[Answer]) -> None:
    for number, answer in enumerate(answers):
        count = len(np.unique(faces.families[faces.disorders == number]))
        if count < FEWEST_FAMILIES:
            raise UsageError(
                f"Only {count} families have {answer.id}. {FEWEST_FAMILIES} are needed.",
                "Add patients. With few, `gestalt train recognisable` tests whether the face "
                "distinguishes them at all.",
            )
