"""What is asked of a gallery: matches, their evidence, and the state that they are read from."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

import numpy as np

from gestalt_space.classifiers.region_ensemble import RegionEnsemble
from gestalt_space.encoders.registry import encoder_spec
from gestalt_space.errors import (
    DescriptorError,
    GalleryChanged,
    GalleryEmpty,
    IndexDamaged,
    UsageError,
)
from gestalt_space.faces.crops import crop_from_png
from gestalt_space.gallery.copies import Copy
from gestalt_space.gallery.damage import NONSENSE
from gestalt_space.gallery.engines.searching import EngineSearcher
from gestalt_space.gallery.listing import ListingMixin
from gestalt_space.gallery.match_trail import AskedMatch
from gestalt_space.gallery.pipeline import PhotoResult, PhotoSource
from gestalt_space.gallery.snapshot import Snapshot, gallery_changed, load_snapshot
from gestalt_space.gallery.state import GalleryState
from gestalt_space.index.engines.registry import OPENERS
from gestalt_space.match.answer import Match, MatchLine
from gestalt_space.match.classified import Classified, classified, fused_lines, ranked_by
from gestalt_space.match.evidence import Evidence, evidence_of
from gestalt_space.match.line_descriptors import LineDescriptors, line_descriptors
from gestalt_space.match.probe import Probe, as_one_probe, probe_of, stored_probe
from gestalt_space.match.probe_matches import copies_of, match_probes
from gestalt_space.match.question import TEN_DISORDERS, Question
from gestalt_space.match.view import GalleryView, open_view
from gestalt_space.names import normal_name
from gestalt_space.progress import Progress, followed, no_progress
from gestalt_space.store.people import By
from gestalt_space.store.reads import kept_faces
from gestalt_space.store.trainings import is_training_noted, trained_on
from gestalt_space.types import Crops

T = TypeVar("T")

_TRIES = 5
_ALL_LINES = 1_000_000


class MatchMixin(ListingMixin):
    """A gallery that is asked."""

    def view(self, question: Question = TEN_DISORDERS) -> GalleryView:
        """The newest state, and what of it may be evidence for a question.

        Raises `GalleryEmpty` where nothing can be ranked, `NotInGallery` for a patient or a family
        to leave out who is not there.
        """
        return self._settled(lambda: self._view(question))

    def _view(self, question: Question) -> GalleryView:
        if self.space.stored is None:
            raise self._empty(question.by)
        state = self.state()
        try:
            if not state.totals(question.by).lines:
                raise self._empty(question.by)
            with self.database.reading() as session:
                return open_view(state, question, session, self._engine_of(question, state))
        except GalleryEmpty:
            # Or files are wiped this moment, and it is full of others.
            self._check_unchanged(state)
            raise

    def _engine_of(self, question: Question, state: GalleryState) -> EngineSearcher | None:
        """What searches a state in the place of the index on disk, where a question asks for it."""
        if question.index not in OPENERS:
            return None
        record = self.search_engines.record_of(question.index, state.space.fingerprint)
        if record is None:
            raise UsageError(
                f"The home does not use {question.index} in this space.",
                f"Run `gestalt index engine add {question.index}`, or leave out --index.",
            )
        engine = self.search_engines.engine(record, state.space.dim)
        return EngineSearcher(engine, record, state, self.database.reading)

    def snapshot(
        self, *, by: By = "disorder", details: bool = False, with_family: bool = False
    ) -> Snapshot:
        """The whole gallery with everybody's name, for studies. With `details`, what is known of
        patients and photos too.

        Raises `GalleryEmpty` where nothing can be ranked.
        """

        def load() -> Snapshot:
            state = self.state()
            with self.database.reading() as session:
                loaded = load_snapshot(
                    session, state, by=by, details=details, with_family=with_family
                )
            self._check_unchanged(state)
            return loaded

        snapshot = self._settled(load)
        if not snapshot.lines.titles:
            raise self._empty(by)
        return snapshot

    def probes(
        self,
        sources: Sequence[PhotoSource],
        *,
        as_one: bool = False,
        progress: Progress = no_progress,
    ) -> Iterator[list[Probe]]:
        """Photos as probes, in order, a batch at a time; nothing is stored.

        Of several faces the largest is taken, unless the source names one. With `as_one`, all are
        of one patient, and one probe, and `progress` is given the photos that are read. Raises
        `UsageError` where they are stored for several.
        """
        batches: Iterable[list[PhotoResult]] = self.pipeline.run(sources)
        if as_one:
            results = itertools.chain.from_iterable(batches)
            batches = [list(followed(results, progress, len(sources)))]
        for batch in batches:
            yield self._asked(batch, as_one=as_one)

    def stored_probe(self, patient: str) -> Probe:
        """A patient of the gallery as a probe: all the photos, which are no evidence then.

        Raises `NotInGallery`.
        """

        def ask() -> Probe:
            state = self.state()
            with self.database.reading() as session:
                probe = stored_probe(session, state, normal_name(patient))
            self._check_unchanged(state)
            return probe

        return self._settled(ask)

    def match(
        self,
        sources: Sequence[PhotoSource],
        question: Question = TEN_DISORDERS,
        *,
        as_one: bool = False,
        progress: Progress = no_progress,
        view: GalleryView | None = None,
    ) -> Iterator[Match]:
        """Rank disorders, genes or patients for each photo, in order, or for all `as_one`, where
        `progress` is given the photos that are read.

        `view`: that of the question, where it was read a moment ago.

        Nothing is stored. The patient whom a probe's face is stored for is never evidence, nor is
        their family unless the question lets it in. Photos that are added or removed meanwhile
        count from the next batch on. Raises what `view` and `probes` raise.
        """
        here = self.pinned()
        view = here.view(question) if view is None else view
        view.state.read_ahead()
        batches: Iterable[list[PhotoResult]] = here.pipeline.run(sources)
        if as_one:
            results = itertools.chain.from_iterable(batches)
            batches = [list(followed(results, progress, len(sources)))]
        for batch in batches:
            view, matches = here._answer(partial(here._asked, batch, as_one=as_one), question, view)
            yield from matches

    def match_patient(self, patient: str, question: Question = TEN_DISORDERS) -> Match:
        """Rank disorders, genes or patients for a patient of the gallery, all photos as one.

        What the gallery knows of the patient stands for what the question does not tell. Raises
        `GalleryEmpty` or `NotInGallery`.
        """
        here = self.pinned()
        here.view(question)
        question = question.about(here.patient(patient))

        def ask() -> Match:
            _, (match,) = here.answer([here.stored_probe(patient)], question)
            return match

        return self._settled(ask)

    def answer(
        self, probes: Sequence[Probe], question: Question, view: GalleryView | None = None
    ) -> tuple[GalleryView, list[Match]]:
        """The matches of probes, and the view that they are of: the one given, where nothing has
        changed since, else the newest."""
        return self._answer(lambda: probes, question, view)

    def answer_in_full(
        self, probes: Sequence[Probe], question: Question
    ) -> list[tuple[Match, tuple[MatchLine, ...]]]:
        """The matches of probes, each with the lines of all that can be ranked."""
        _, matches = self.answer(probes, question)
        _, full = self._answered(lambda: probes, replace(question, k=_ALL_LINES), None)
        return [(match, one.lines) for match, one in zip(matches, full, strict=True)]

    def copies(
        self, probe: Probe, question: Question = TEN_DISORDERS, *, outside: bool = False
    ) -> tuple[Copy, ...]:
        """Stored photos that are copies of a probe's own, but for those of its patient and of the
        patients whom the question leaves out. `outside`: crops that are not in the database are
        compared, too. Raises `CropStoreError`."""

        def ask() -> tuple[Copy, ...]:
            view = self.view(question)
            with self.database.reading() as session:
                copies = copies_of(probe, view, session, outside=outside)
            self._check_unchanged(view.state)
            return copies

        return self._settled(ask)

    def classify(
        self,
        probes: Sequence[Probe],
        classifier: RegionEnsemble,
        k: int = 10,
        question: Question | None = None,
    ) -> list[Classified]:
        """The `k` most probable classes of each probe; nothing is stored. With a question, the
        gallery's ranking is asked for, too, and both are fused.

        A stored patient is classified by the crops that are kept. Raises `UsageError` if there are
        none, or for a question about something that the classifier does not rank, and what `view`
        raises.
        """
        everything = replace(question, k=_ALL_LINES) if question is not None else None
        if everything is not None and everything.by != ranked_by(classifier.facts):
            raise UsageError(
                f"The classifier ranks {ranked_by(classifier.facts)}s.",
                f"Use --by {ranked_by(classifier.facts)}.",
            )
        is_trained_on = self._training_of(classifier, probes)
        found = []
        for probe in probes:
            if probe.error is not None:
                found.append(Classified(probe.name, probe.photos, probe.error))
                continue
            count = len(classifier.facts.classes) if everything is not None else k
            crops = self._crops_of(probe)
            try:
                told = classified(probe, crops, classifier, count)
            except DescriptorError as error:
                found.append(Classified(probe.name, probe.photos, error))
                continue
            if told.own is not None:
                told = replace(told, trained_on=is_trained_on[told.own])
            if everything is not None:
                _, (match,) = self.answer([probe], everything)
                told = replace(
                    told,
                    lines=told.lines[:k],
                    fused=fused_lines(match, told.lines, k),
                    verdict=match.verdict,
                    best_percentile=match.best_percentile,
                )
            found.append(told)
        if everything is None and self.settings.audit_matches:
            owners = [one.own.identifier for one in probes if one.own is not None]
            self._record(owners, sum(len(one.photos) for one in probes))
        return found

    def _training_of(
        self, classifier: RegionEnsemble, probes: Sequence[Probe]
    ) -> dict[str, bool | None]:
        """Whether a classifier was trained on the patients whom probes are stored for; None where
        that is not known."""
        owners = {probe.own.identifier for probe in probes if probe.own is not None}
        if not owners:
            return {}
        with self.database.reading() as session:
            known = trained_on(session, classifier.fingerprints)
            is_noted = any(is_training_noted(session, one) for one in classifier.fingerprints[:1])
        return {owner: True if owner in known else False if is_noted else None for owner in owners}

    def _crops_of(self, probe: Probe) -> Crops:
        """The aligned faces `(n, 112, 112, 3)` of a probe. Raises `UsageError` if none is kept."""
        crops = [one.crop for one in probe.seen if one.crop is not None]
        if not crops and probe.own is not None:
            with self.database.reading() as session:
                kept = kept_faces(session, [probe.own.identifier])
            crops = [crop_from_png(one.png) for one in kept]
        if not crops:
            raise UsageError(
                f"No face of {probe.name} is kept, so it cannot be classified.",
                "Name a photo of the patient instead.",
            )
        return np.stack(crops)

    def evidence(self, probe: Probe, question: Question, wanted: str) -> tuple[Evidence, ...]:
        """Every photo behind the line `wanted`, or behind the lines of the patient `wanted`.

        Raises `NotInGallery`, or the probe's own error.
        """
        slots = len(encoder_spec(self.space.model).slots)

        def ask() -> tuple[Evidence, ...]:
            view = self.view(question)
            with self.database.reading() as session:
                evidence = evidence_of(probe, view, session, wanted, slots)
            self._check_unchanged(view.state)
            return evidence

        found = self._settled(ask)
        if self.settings.audit_matches:
            shown = {photo.patient for line in found for photo in line.photos}
            self._record([*shown, *([] if probe.own is None else [probe.own.identifier])], 1)
        return found

    def line_descriptors(
        self, probe: Probe, wanted: str, question: Question = TEN_DISORDERS
    ) -> LineDescriptors:
        """The descriptors that the line `wanted` of a probe is explained by.

        Raises `NotInGallery`, or the probe's own error.
        """

        def ask() -> LineDescriptors:
            view = self.view(question)
            with self.database.reading() as session:
                found = line_descriptors(probe, view, session, wanted)
            self._check_unchanged(view.state)
            return found

        found = self._settled(ask)
        if self.settings.audit_matches:
            self._record([found.patient, *([] if probe.own is None else [probe.own.identifier])], 1)
        return found

    def _answer(
        self, probes: Callable[[], Sequence[Probe]], question: Question, view: GalleryView | None
    ) -> tuple[GalleryView, list[Match]]:
        """`probes` is called when the state is read: whose photo one is has to be known of every
        photo in it, or one that was added meanwhile would be evidence for itself."""
        view, matches = self._answered(probes, question, view)
        if self.settings.audit_matches:
            self._record_matches(matches)
        return view, matches

    def _answered(
        self, probes: Callable[[], Sequence[Probe]], question: Question, view: GalleryView | None
    ) -> tuple[GalleryView, list[Match]]:
        """The answers of `_answer`, without a record in the audit trail."""

        def ask() -> tuple[GalleryView, list[Match]]:
            newest = view if view is not None and view.state is self.state() else None
            newest = newest or self.view(question)
            given = probes()
            with self.database.reading() as session:
                return newest, match_probes(given, newest, session)

        return self._settled(ask)

    def _record_matches(self, matches: Sequence[Match]) -> None:
        owners = [match.left_out for match in matches if match.left_out is not None]
        self._record(owners, sum(len(match.photos) for match in matches))

    def _record(self, patients: Iterable[str], photos: int) -> None:
        """Tell the audit trail that somebody asked with photos, and about whom of the gallery."""
        names = tuple(sorted(set(patients)))
        self._match_trail.add(AskedMatch(self.database.actor, names, photos))

    def _asked(self, batch: Sequence[PhotoResult], *, as_one: bool = False) -> list[Probe]:
        if self.exists:
            with self.database.reading() as session:
                probes = [probe_of(session, result) for result in batch]
        else:
            probes = [probe_of(None, result) for result in batch]
        return [as_one_probe(probes)] if as_one else probes

    def _settled(self, ask: Callable[[], T]) -> T:
        """What `ask` gives; asked again where somebody was removed meanwhile, or files of the
        index turned out to be damaged or were merged by another process."""
        for _ in range(_TRIES):
            with suppress(GalleryChanged):
                try:
                    return self._blaming(ask, NONSENSE)
                except IndexDamaged as error:
                    if (space := self.space.stored) is not None:
                        self._reader.doubt(space, error)
        # Keys of nobody look as if somebody had been removed.
        return self._blaming(ask, (*NONSENSE, GalleryChanged))

    def _blaming(self, ask: Callable[[], T], by: tuple[type[Exception], ...]) -> T:
        """What `ask` gives. Raises `IndexDamaged` where a damaged file makes it fail so."""
        try:
            return ask()
        except by as error:
            if (space := self.space.stored) is not None:
                self._reader.check_files(space, error)
            raise

    def _check_unchanged(self, state: GalleryState) -> None:
        """Raise `GalleryChanged` where somebody was removed since a state was read: what was read
        of it may be of them, or of rows that are overwritten by now."""
        if not self._reader.is_current(state):
            raise gallery_changed()
