"""Persons who do not exist, sampled from a statistical model of faces.

Frontal faces are brought to one shape by their five landmarks; brightness, colour and landmarks
together go through a principal component analysis (as in active appearance models, Cootes 2001,
doi:10.1109/34.927467). Sex, age group and ancestry shift the mean, by a linear model fitted to the
labels; what is left has one covariance. A person is a draw of what is left; nobody's photo is kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.atomic_files import check_new_file, write_atomically
from gestalt_space.errors import ModelDamaged, ModelUnsuitable, UsageError
from gestalt_space.simulate.canvas import MEAN_LANDMARKS, SIZE, reshape
from gestalt_space.simulate.surroundings import Background, Hair, face_oval, paint, sample_hair
from gestalt_space.types import Landmarks, Pixels

FORMAT = "gestalt-space persons 1"
SEXES = ("female", "male")
AGE_GROUPS = (1.0, 6.0, 14.0, 28.0, 48.0, 70.0)
"""Middle ages in years of the groups 0–2, 3–9, 10–19, 20–39, 40–59 and 60 or more."""
_AGE_EDGES = (3.0, 10.0, 20.0, 40.0, 60.0)
COMPONENTS = 280
CHROMA_SIZE = 40
CHROMA_WEIGHT = 3.0
LANDMARK_WEIGHT = 12.0
"""Weights of a colour value and of a pixel of a landmark's place against a brightness value."""
SPREAD = 0.75
"""Share of the standard deviation that is sampled: beyond it, blends stop looking like people."""
LEAST_FACES = 50
LIGHT_HAIRED = frozenset({"white", "European"})
"""Ancestries in which hair that is not dark is common."""


@dataclass(frozen=True, slots=True)
class FaceLabels:
    """What is known of a photo's person; each may be missing."""

    sex: str | None = None
    age_years: float | None = None
    ancestry: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """Somebody who does not exist: what stays the same over the years.

    `traits`: `(components,)` float32, what is left when sex, age and ancestry are taken out.
    """

    sex: str
    ancestry: str
    age_years: float
    traits: NDArray[np.float32]
    hair: Hair


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A face on the canvas, `(SIZE, SIZE, 3)` uint8 RGB, and its landmarks in canvas pixels."""

    pixels: Pixels
    landmarks: Landmarks


@dataclass(frozen=True)
class Persons:
    """A statistical model of faces.

    `mean`: `(d,)`; `components`: `(k, d)` int8, times `scales` `(k,)` the principal components;
    `places`: `(k, 10)` their share in the landmarks, in pixels; `spread`: `(k, k)` lower Cholesky
    factor of the covariance within groups; `effects`: for each label `(groups, k)` its shift of
    the mean; `shares`: how common the ancestries are.
    """

    mean: NDArray[np.float32]
    components: NDArray[np.int8]
    scales: NDArray[np.float32]
    places: NDArray[np.float32]
    spread: NDArray[np.float32]
    effects: Mapping[str, NDArray[np.float32]]
    ancestries: tuple[str, ...]

    @classmethod
    def builtin(cls) -> Self:
        """The model that comes with gestalt-space. Raises `ModelDamaged`."""
        with resources.as_file(resources.files("gestalt_space.weights") / "builtin") as folder:
            try:
                return cls.load(folder / "persons.safetensors")
            except ModelUnsuitable as error:
                raise ModelDamaged(
                    "The persons that come with gestalt-space are damaged or missing.",
                    "Install gestalt-space again.",
                ) from error

    @classmethod
    def fit(
        cls,
        portraits: Sequence[Portrait],
        labels: Sequence[FaceLabels],
        *,
        components: int = COMPONENTS,
        seed: int = 0,
    ) -> Self:
        """Fit a model to frontal faces laid on the canvas, one label record for each.

        Raises `UsageError` for fewer than `LEAST_FACES` faces.
        """
        from sklearn.decomposition import PCA

        if len(portraits) < LEAST_FACES:
            raise UsageError(
                f"{len(portraits)} frontal faces are too few for a model of persons.",
                f"Give at least {LEAST_FACES}; the built-in model uses thousands.",
            )
        rows = np.stack([_features(portrait) for portrait in portraits])
        kept = min(components, len(rows) // 2)
        pca = PCA(kept, svd_solver="randomized", random_state=seed)
        scores = pca.fit_transform(rows)
        effects, ancestries, rest = _effects(scores, labels)
        basis = pca.components_
        scales = np.abs(basis[:, :-10]).max(axis=1, keepdims=True) / 127
        return cls(
            mean=pca.mean_.astype(np.float32),
            components=np.rint(basis[:, :-10] / scales).astype(np.int8),
            scales=scales[:, 0].astype(np.float32),
            places=(basis[:, -10:] / LANDMARK_WEIGHT).astype(np.float32),
            spread=np.linalg.cholesky(np.cov(rest.T) + 1e-3 * np.eye(kept)).astype(np.float32),
            effects=effects,
            ancestries=ancestries,
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a persons file. Raises `ModelUnsuitable` for anything else."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy") as file:
                header = file.metadata() or {}
                if header.get("format") != FORMAT:
                    raise ModelUnsuitable(
                        f"{path.name} has the format "
                        f"{header.get('format', 'no file of persons')!r}; this version reads "
                        f"{FORMAT!r}.",
                        "Fit it again: `gestalt simulate fit-persons PHOTOS -o FILE`.",
                    )
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise ModelUnsuitable(
                f"{path} is not a valid file of persons.",
                "Make one with `gestalt simulate fit-persons PHOTOS -o FILE`.",
            ) from error
        try:
            loaded = cls(
                mean=tensors["mean"],
                components=tensors["components"],
                scales=tensors["scales"],
                places=tensors["places"],
                spread=tensors["spread"].astype(np.float32),
                effects={name: tensors[f"effect_{name}"] for name in ("sex", "age", "ancestry")},
                ancestries=_words(json.loads(header["ancestries"])),
            )
            loaded._check()
        except (KeyError, TypeError, ValueError) as error:
            raise ModelUnsuitable(
                f"{path} is not a valid file of persons: a part is missing or does not fit.",
                "Make one with `gestalt simulate fit-persons PHOTOS -o FILE`.",
            ) from error
        return loaded

    def save(self, path: Path) -> None:
        """Write the model as safetensors. Raises `OutputError`."""
        from safetensors.numpy import save

        tensors: dict[str, NDArray[np.generic]] = {
            "mean": self.mean,
            "components": self.components,
            "scales": self.scales,
            "places": self.places,
            "spread": self.spread.astype(np.float16),
            **{f"effect_{name}": effect for name, effect in self.effects.items()},
        }
        # The format keeps bytes, not strides.
        tensors = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
        header = {"format": FORMAT, "ancestries": json.dumps(self.ancestries)}
        write_atomically(path, save(tensors, header))

    def sample(
        self,
        rng: np.random.Generator,
        *,
        sex: str | None = None,
        age_years: float | None = None,
        ancestry: str | None = None,
    ) -> Person:
        """Draw a person; what is not given is drawn too. Raises `UsageError` for unknown words."""
        sex = sex or str(rng.choice(SEXES))
        ancestry = ancestry or str(rng.choice(self.ancestries))
        for word, known in ((sex, SEXES), (ancestry, self.ancestries)):
            if word not in known:
                raise UsageError(
                    f"The model of persons has no attribute {word!r}.",
                    f"Choose from: {', '.join(known)}.",
                )
        drawn = rng.standard_normal(len(self.spread)).astype(np.float32)
        return Person(
            sex=sex,
            ancestry=ancestry,
            age_years=float(rng.uniform(1, 60)) if age_years is None else age_years,
            traits=SPREAD * (self.spread @ drawn),
            hair=sample_hair(rng, sex=sex, dark=ancestry not in LIGHT_HAIRED),
        )

    def relative(
        self,
        rng: np.random.Generator,
        person: Person,
        *,
        sex: str,
        age_years: float,
        kinship: float,
    ) -> Person:
        """Draw somebody of a person's family: of one ancestry and colour of hair, and traits whose
        correlation with the person's is `kinship`, 0..1; in the population they vary as anybody's.
        """
        other = self.sample(rng, sex=sex, age_years=age_years, ancestry=person.ancestry)
        traits = kinship * person.traits + np.sqrt(1 - kinship**2) * other.traits
        return replace(
            other,
            traits=np.asarray(traits, dtype=np.float32),
            hair=replace(other.hair, colour=person.hair.colour),
        )

    def portrait(
        self,
        person: Person,
        rng: np.random.Generator,
        *,
        age_years: float | None = None,
        wall: Background | None = None,
    ) -> Portrait:
        """The person's face at an age, before a wall where there is one; `rng` decides what changes
        from photo to photo."""
        age = person.age_years if age_years is None else age_years
        scores = person.traits + self._group_mean(person.sex, age, person.ancestry)
        values = np.asarray(self.mean[:-10] + (scores * self.scales) @ self._basis, np.float32)
        shift = self.mean[-10:] / LANDMARK_WEIGHT + scores @ self.places
        landmarks = (MEAN_LANDMARKS + shift.reshape(5, 2)).astype(np.float32)
        picture = paint(_picture(values), person.hair, age, rng, wall)
        return Portrait(reshape(picture, MEAN_LANDMARKS, landmarks), landmarks)

    def _check(self) -> None:
        """Raises `ValueError` where the parts do not fit together."""
        kept, values = len(self.components), int(_LUMA.sum()) + 2 * int(_CHROMA.sum())
        groups = {"sex": len(SEXES), "age": len(AGE_GROUPS), "ancestry": len(self.ancestries)}
        fits = self.components.dtype == np.int8 and all(
            part.shape == shape and part.dtype == np.float32 and np.isfinite(part).all()
            for part, shape in (
                (self.mean, (values + 10,)),
                (self.scales, (kept,)),
                (self.places, (kept, 10)),
                (self.spread, (kept, kept)),
                *((self.effects[name], (count, kept)) for name, count in groups.items()),
            )
        )
        words = all(isinstance(word, str) and word for word in self.ancestries)
        if not (fits and words and self.components.shape == (kept, values) and self.ancestries):
            raise ValueError("the parts do not fit together")

    @cached_property
    def _basis(self) -> NDArray[np.float32]:
        return self.components.astype(np.float32)

    def _group_mean(self, sex: str, age_years: float, ancestry: str) -> NDArray[np.float32]:
        effect = self.effects["age"]
        age = np.array([np.interp(age_years, AGE_GROUPS, column) for column in effect.T])
        shift = (
            age
            + self.effects["sex"][SEXES.index(sex)]
            + self.effects["ancestry"][self.ancestries.index(ancestry)]
        )
        return np.asarray(shift, dtype=np.float32)


def _words(listed: object) -> tuple[str, ...]:
    if not isinstance(listed, list):
        raise ValueError("not a list of words")
    return tuple(listed)


def check_persons_path(path: Path, *, overwrite: bool) -> None:
    """Raises `UsageError` or `OutputError` where persons cannot be written to `path`."""
    check_new_file(path, (".safetensors",), overwrite=overwrite)


_LUMA = face_oval(SIZE)
_CHROMA = face_oval(CHROMA_SIZE, margin=4.0)


def _features(portrait: Portrait) -> NDArray[np.float32]:
    """Brightness, colour and places of a face as one row."""
    straight = reshape(portrait.pixels, portrait.landmarks, MEAN_LANDMARKS)
    colours = cv2.cvtColor(straight, cv2.COLOR_RGB2YCrCb)
    small = cv2.resize(colours[..., 1:], (CHROMA_SIZE, CHROMA_SIZE), interpolation=cv2.INTER_AREA)
    places = (portrait.landmarks - MEAN_LANDMARKS).ravel()
    return np.concatenate(
        [
            colours[..., 0][_LUMA].astype(np.float32),
            small[_CHROMA].astype(np.float32).ravel() * CHROMA_WEIGHT,
            places * LANDMARK_WEIGHT,
        ]
    )


def _picture(values: NDArray[np.float32]) -> Pixels:
    """The face in the mean frame; outside the oval it means nothing."""
    count = int(_LUMA.sum())
    luma = np.zeros((SIZE, SIZE), dtype=np.float32)
    luma[_LUMA] = values[:count]
    chroma = np.full((CHROMA_SIZE, CHROMA_SIZE, 2), 128.0, dtype=np.float32)
    chroma[_CHROMA] = values[count:].reshape(-1, 2) / CHROMA_WEIGHT
    colours = np.dstack([luma, cv2.resize(chroma, (SIZE, SIZE))])
    colours = np.clip(np.rint(colours), 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(colours, cv2.COLOR_YCrCb2RGB), np.uint8)


def _effects(
    scores: NDArray[np.float32], labels: Sequence[FaceLabels]
) -> tuple[dict[str, NDArray[np.float32]], tuple[str, ...], NDArray[np.float32]]:
    """The shift of each group by ridge regression, the ancestries, and what is left."""
    from sklearn.linear_model import Ridge

    ancestries = tuple(sorted({label.ancestry for label in labels if label.ancestry}))
    ancestries = ancestries or ("unknown",)
    blocks = {
        "sex": _one_hot([_index(SEXES, label.sex) for label in labels], len(SEXES)),
        "age": _one_hot([_age_group(label.age_years) for label in labels], len(AGE_GROUPS)),
        "ancestry": _one_hot(
            [_index(ancestries, label.ancestry) for label in labels], len(ancestries)
        ),
    }
    design = np.hstack(list(blocks.values()))
    model = Ridge(alpha=1.0, fit_intercept=False).fit(design, scores)
    edges = np.cumsum([block.shape[1] for block in blocks.values()])[:-1]
    parts = np.split(model.coef_.T.astype(np.float32), edges)
    rest = scores - design @ model.coef_.T
    return dict(zip(blocks, parts, strict=True)), ancestries, rest


def _one_hot(groups: Sequence[int | None], count: int) -> NDArray[np.float32]:
    """A row a face, centred, so that a face without the label says nothing of the groups."""
    rows = np.zeros((len(groups), count), dtype=np.float32)
    known = [row for row, group in enumerate(groups) if group is not None]
    rows[known, [group for group in groups if group is not None]] = 1.0
    if known:
        rows[known] -= rows[known].mean(axis=0)
    return rows


def _index(names: Sequence[str], name: str | None) -> int | None:
    return names.index(name) if name in names else None


def _age_group(age_years: float | None) -> int | None:
    return None if age_years is None else int(np.searchsorted(_AGE_EDGES, age_years, side="right"))
