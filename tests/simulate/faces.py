"""Faces that the tests draw, and a source of subjects who all look like a grey wall."""

from __future__ import annotations

import cv2
import numpy as np

from gestalt_space.simulate.canvas import MEAN_LANDMARKS, SIZE
from gestalt_space.simulate.persons import SEXES, FaceLabels, Portrait
from gestalt_space.simulate.subjects import Subject
from gestalt_space.simulate.surroundings import Background
from tests.simulate import blobs

SKIN = {"dark": (90, 62, 48), "light": (214, 172, 150)}


def cartoon(seed: int) -> tuple[Portrait, FaceLabels]:
    """A drawn face on the canvas: lips by sex, skin by ancestry, height by age."""
    rng = np.random.default_rng(seed)
    labels = FaceLabels(
        sex=SEXES[seed % 2],
        age_years=float(rng.uniform(1, 80)),
        ancestry=("dark", "light")[seed // 2 % 2],
    )
    landmarks = (MEAN_LANDMARKS + rng.normal(0, 1.5, (5, 2))).astype(np.float32)
    picture = np.full((SIZE, SIZE, 3), rng.uniform(40, 200), np.uint8)
    skin = np.array(SKIN[labels.ancestry]) + rng.normal(0, 6, 3)
    tall = round(58 + labels.age_years / 10)
    cv2.ellipse(picture, (80, 92), (52, tall), 0, 0, 360, tuple(map(float, skin)), -1)
    places = [tuple(int(value) for value in np.rint(place)) for place in landmarks]
    for eye in places[:2]:
        cv2.ellipse(picture, eye, (8, 4), 0, 0, 360, (240, 240, 240), -1)
        cv2.circle(picture, eye, 3, tuple(rng.uniform(20, 90, 3).tolist()), -1)
    cv2.circle(picture, places[2], 6, tuple(map(float, skin * 0.85)), -1)
    lips = (190, 40, 60) if labels.sex == "female" else (130, 80, 80)
    cv2.line(picture, places[3], places[4], lips, 4)
    return Portrait(cv2.GaussianBlur(picture, (0, 0), 1.0), landmarks), labels


class GreySubjects:
    """As many subjects as are asked for, quickly."""

    sexes = SEXES
    ancestries = ("here", "there")

    def draw(
        self, rng: np.random.Generator, *, sex: str, age_years: float, ancestry: str
    ) -> Subject:
        return Subject(sex, age_years, ancestry, ages_freely=True, source=None)

    def relative(
        self,
        rng: np.random.Generator,
        subject: Subject,
        *,
        sex: str,
        age_years: float,
        kinship: float,
    ) -> Subject:
        return self.draw(rng, sex=sex, age_years=age_years, ancestry=subject.ancestry)

    def portrait(
        self,
        subject: Subject,
        rng: np.random.Generator,
        age_years: float,
        wall: Background | None = None,
    ) -> Portrait:
        return Portrait(blobs.plain(), MEAN_LANDMARKS)
