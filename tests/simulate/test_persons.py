from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from gestalt_space.errors import ModelDamaged, ModelUnsuitable, OutputError, UsageError
from gestalt_space.faces.detection import Detector
from gestalt_space.faces.registry import detector_factory
from gestalt_space.simulate.canvas import EYE_DISTANCE, SIZE
from gestalt_space.simulate.persons import (
    FORMAT,
    LEAST_FACES,
    SEXES,
    SPREAD,
    FaceLabels,
    Person,
    Persons,
    Portrait,
    check_persons_path,
)
from gestalt_space.types import Photo
from gestalt_space.weights.store import ModelStore
from tests.simulate.faces import cartoon

LARGEST_FILE = 4_000_000


def drawn_from(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def taken(persons: Persons, person: Person, **options: float) -> Portrait:
    """A portrait with the same clothes and background each time."""
    return persons.portrait(person, drawn_from(3), **options)


def middle(portrait: Portrait) -> np.ndarray:
    """The part of the picture that holds skin, eyes, nose and mouth alone."""
    return portrait.pixels[70:125, 50:110].astype(float)


def average(persons: Persons, **labels: object) -> np.ndarray:
    """The mean face of a dozen persons with these labels."""
    options = {"sex": "female", "age_years": 25.0, **labels}
    people = [persons.sample(drawn_from(seed), **options) for seed in range(12)]
    return np.mean([middle(taken(persons, person)) for person in people], axis=0)


def saved(persons: Persons, path: Path, **changes: object) -> Path:
    persons.save(path)
    with safe_open(path, framework="numpy") as file:
        header = file.metadata()
    tensors = load_file(path)
    for name, value in changes.items():
        if name in ("format", "ancestries"):
            header[name] = value
        elif value is None:
            del tensors[name]
        else:
            tensors[name] = np.ascontiguousarray(value(tensors[name]))
    save_file(tensors, path, {name: value for name, value in header.items() if value is not None})
    return path


def test_the_built_in_model_is_a_small_file():
    with resources.as_file(resources.files("gestalt_space.weights") / "builtin") as folder:
        size = (folder / "persons.safetensors").stat().st_size
    assert size <= LARGEST_FILE


def test_a_built_in_model_that_is_gone_is_not_to_be_fitted_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(resources, "files", lambda _: tmp_path)
    with pytest.raises(ModelDamaged) as caught:
        Persons.builtin()
    assert "Install gestalt-space again" in caught.value.hint


def test_the_built_in_model_knows_ancestries(builtin: Persons):
    assert len(builtin.ancestries) >= 4
    assert all(len(builtin.effects[name]) == count for name, count in (("sex", 2), ("age", 6)))


def test_the_same_seed_gives_the_same_person_and_portrait(builtin: Persons):
    one, two = (builtin.sample(drawn_from(4)) for _ in range(2))
    assert (one.sex, one.ancestry, one.age_years) == (two.sex, two.ancestry, two.age_years)
    assert np.array_equal(one.traits, two.traits)
    assert np.array_equal(taken(builtin, one).pixels, taken(builtin, two).pixels)
    assert np.array_equal(taken(builtin, one).landmarks, taken(builtin, two).landmarks)


def test_another_seed_gives_another_person(builtin: Persons):
    faces = [
        middle(taken(builtin, builtin.sample(drawn_from(seed), sex="male", age_years=30)))
        for seed in range(6)
    ]
    apart = [np.abs(one - two).mean() for i, one in enumerate(faces) for two in faces[:i]]
    assert min(apart) > 5


def test_what_is_asked_for_is_what_the_person_is(builtin: Persons):
    person = builtin.sample(drawn_from(1), sex="male", age_years=7.5, ancestry="asian")
    assert (person.sex, person.age_years, person.ancestry) == ("male", 7.5, "asian")


def test_what_is_not_asked_for_is_drawn(builtin: Persons):
    people = [builtin.sample(drawn_from(seed)) for seed in range(60)]
    assert {person.sex for person in people} == set(SEXES)
    assert {person.ancestry for person in people} == set(builtin.ancestries)
    assert min(p.age_years for p in people) < 10 < 40 < max(p.age_years for p in people)


def test_a_portrait_is_a_picture_with_landmarks_in_it(builtin: Persons):
    for seed in range(20):
        portrait = builtin.portrait(builtin.sample(drawn_from(seed)), drawn_from(seed))
        assert (portrait.pixels.shape, portrait.pixels.dtype) == ((SIZE, SIZE, 3), np.uint8)
        assert (portrait.landmarks.shape, portrait.landmarks.dtype) == ((5, 2), np.float32)
        left, right, nose, left_corner, right_corner = portrait.landmarks
        assert 20 < left[0] < nose[0] < right[0] < SIZE - 20
        assert 20 < left[1] < nose[1] < left_corner[1] < SIZE - 20
        assert left_corner[0] < nose[0] < right_corner[0]


def test_what_changes_from_photo_to_photo_is_not_the_face(builtin: Persons):
    person = builtin.sample(drawn_from(8), age_years=20)
    one, two = (builtin.portrait(person, drawn_from(seed)) for seed in (1, 2))
    assert np.array_equal(one.landmarks, two.landmarks)
    assert np.array_equal(middle(one), middle(two))
    assert np.abs(one.pixels[:20, :20].astype(int) - two.pixels[:20, :20]).mean() > 3


def test_skin_is_darker_where_the_ancestry_says_so(builtin: Persons):
    levels = {name: average(builtin, ancestry=name).mean() for name in builtin.ancestries}
    assert levels["black"] == min(levels.values())
    assert levels["black"] < levels["white"] - 20


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"sex": "female"}, {"sex": "male"}),
        ({"age_years": 1.0}, {"age_years": 28.0}),
        ({"age_years": 28.0}, {"age_years": 70.0}),
        ({"ancestry": "asian"}, {"ancestry": "indian"}),
    ],
)
def test_labels_shift_the_mean_face(
    one: dict[str, object], two: dict[str, object], builtin: Persons
):
    """By more than chance does: the same people, but for the label."""
    same = {"ancestry": "white"}
    gap = average(builtin, **same | one) - average(builtin, **same | two)
    assert np.abs(gap).mean() > 2


def test_age_changes_the_picture_and_not_the_traits(builtin: Persons):
    young, old = (
        builtin.sample(drawn_from(2), sex="male", age_years=a, ancestry="asian") for a in (4, 60)
    )
    assert np.array_equal(young.traits, old.traits)
    assert np.array_equal(young.hair.colour, old.hair.colour)
    assert (young.hair.seed, young.hair.length) == (old.hair.seed, old.hair.length)
    grown = taken(builtin, young, age_years=60.0)
    assert np.array_equal(grown.pixels, taken(builtin, old).pixels)
    assert np.abs(middle(grown) - middle(taken(builtin, young))).mean() > 4


def test_a_year_is_a_small_step_and_decades_are_large(builtin: Persons):
    person = builtin.sample(drawn_from(12), age_years=10.0)
    now, later, late = (middle(taken(builtin, person, age_years=age)) for age in (10.0, 11.0, 50.0))
    assert 0 < np.abs(later - now).mean() < 0.3 * np.abs(late - now).mean()


def test_a_person_at_two_ages_is_more_alike_than_two_persons(builtin: Persons):
    """Once what age does to everybody is taken out."""
    people = [
        builtin.sample(drawn_from(seed), sex="female", ancestry="white") for seed in range(10)
    ]
    young, old = (
        np.array([middle(taken(builtin, person, age_years=age)).ravel() for person in people])
        for age in (12.0, 45.0)
    )
    young, old = young - young.mean(axis=0), old - old.mean(axis=0)
    apart = np.linalg.norm(young[:, None] - old[None], axis=-1)
    assert (apart.argmin(axis=1) == np.arange(len(people))).all()


def test_hair_turns_grey(builtin: Persons):
    person = builtin.sample(drawn_from(3), sex="female", ancestry="asian")
    person = replace(person, hair=replace(person.hair, thickness=12.0, hairline=48.0))
    young, old = (taken(builtin, person, age_years=age).pixels for age in (30.0, 75.0))
    top = np.s_[33:37, 70:90]
    assert old[top].mean() > young[top].mean() + 25


@pytest.mark.parametrize("word", [{"sex": "f"}, {"sex": "Female"}, {"ancestry": "martian"}])
def test_an_unknown_word_is_refused_with_the_known_ones(word: dict[str, str], builtin: Persons):
    with pytest.raises(UsageError) as caught:
        builtin.sample(drawn_from(1), **word)
    assert next(iter(word.values())) in caught.value.message
    known = SEXES if "sex" in word else builtin.ancestries
    assert all(name in caught.value.hint for name in known)


def test_a_fitted_model_has_the_labels_of_its_faces(drawn: Persons):
    assert drawn.ancestries == ("dark", "light")
    assert average(drawn, ancestry="dark").mean() < average(drawn, ancestry="light").mean() - 60


def test_a_fitted_model_draws_faces_like_those_it_was_fitted_to(drawn: Persons):
    """Pupils are dark in white eyes, and lie at the landmarks."""
    for seed in range(5):
        portrait = drawn.portrait(drawn.sample(drawn_from(seed), ancestry="light"), drawn_from(1))
        for x, y in np.rint(portrait.landmarks[:2]).astype(int):
            assert portrait.pixels[y, x].mean() < portrait.pixels[y, x - 6].mean() - 30


def test_a_fitted_model_spreads_as_its_faces_do(drawn: Persons):
    """Less by the share that is sampled."""
    traits = np.array([drawn.sample(drawn_from(seed)).traits for seed in range(400)])
    found = np.cov(traits.T)
    expected = SPREAD**2 * drawn.spread @ drawn.spread.T
    assert np.diag(found)[:5] == pytest.approx(np.diag(expected)[:5], rel=0.25)


def test_fitting_again_gives_the_same_model(drawn: Persons):
    faces = [cartoon(seed) for seed in range(64)]
    again = Persons.fit([face for face, _ in faces], [labels for _, labels in faces])
    assert np.array_equal(again.components, drawn.components)
    assert np.array_equal(again.spread, drawn.spread)


def test_faces_without_labels_can_be_fitted():
    faces = [cartoon(seed)[0] for seed in range(LEAST_FACES)]
    persons = Persons.fit(faces, [FaceLabels()] * LEAST_FACES, components=8)
    assert persons.ancestries == ("unknown",)
    assert not any(effect.any() for effect in persons.effects.values())
    portrait = persons.portrait(persons.sample(drawn_from(1)), drawn_from(1))
    assert portrait.pixels.std() > 10


def test_too_few_faces_are_refused():
    faces = [cartoon(seed) for seed in range(LEAST_FACES - 1)]
    with pytest.raises(UsageError, match="49 frontal faces are too few") as caught:
        Persons.fit([face for face, _ in faces], [labels for _, labels in faces])
    assert "50" in caught.value.hint


def test_a_saved_model_gives_the_same_portraits(drawn: Persons, tmp_path: Path):
    path = tmp_path / "persons.safetensors"
    drawn.save(path)
    loaded = Persons.load(path)
    assert loaded.ancestries == drawn.ancestries
    for seed in range(5):
        one, two = (
            persons.portrait(persons.sample(drawn_from(seed)), drawn_from(seed))
            for persons in (drawn, loaded)
        )
        assert np.abs(one.landmarks - two.landmarks).max() < 0.05
        # Where a landmark moved by a hundredth of a pixel, an edge is shaded anew.
        gap = np.abs(one.pixels.astype(int) - two.pixels)
        assert gap.max() <= 2


def test_only_the_file_is_left_after_saving(drawn: Persons, tmp_path: Path):
    drawn.save(tmp_path / "persons.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["persons.safetensors"]


def test_a_disk_that_is_full_leaves_the_earlier_file(
    drawn: Persons, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "persons.safetensors"
    path.write_bytes(b"earlier")

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left"):
        drawn.save(path)
    assert path.read_bytes() == b"earlier"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:5],
        lambda data: b"",
        lambda data: b"persons " * 200,
    ],
    ids=["half", "a few bytes", "empty", "garbage"],
)
def test_a_damaged_file_is_refused(
    damage: Callable[[bytes], bytes], drawn: Persons, tmp_path: Path
):
    path = tmp_path / "persons.safetensors"
    drawn.save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ModelUnsuitable, match="not a valid file of persons") as caught:
        Persons.load(path)
    assert "fit-persons" in caught.value.hint


def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path):
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(ModelUnsuitable, match="not a valid file of persons"):
            Persons.load(path)


@pytest.mark.parametrize("other", ["gestalt-space persons 2", "", None])
def test_a_file_of_another_version_is_refused(other: str | None, drawn: Persons, tmp_path: Path):
    path = saved(drawn, tmp_path / "persons.safetensors", format=other)
    with pytest.raises(ModelUnsuitable, match=FORMAT):
        Persons.load(path)


@pytest.mark.parametrize("part", ["mean", "scales", "effect_age", "ancestries"])
def test_a_file_that_lacks_a_part_is_refused(part: str, drawn: Persons, tmp_path: Path):
    path = saved(drawn, tmp_path / "persons.safetensors", **{part: None})
    with pytest.raises(ModelUnsuitable, match="a part is missing"):
        Persons.load(path)


@pytest.mark.parametrize("text", ["{", "5", "[1, 2]", "[]", '"ab"', '["a", "b", "c"]', "null"])
def test_ancestries_that_are_not_those_of_the_model_are_refused(
    text: str, drawn: Persons, tmp_path: Path
):
    path = saved(drawn, tmp_path / "persons.safetensors", ancestries=text)
    with pytest.raises(ModelUnsuitable, match="a part is missing"):
        Persons.load(path)


@pytest.mark.parametrize(
    "part", ["mean", "components", "scales", "places", "spread", "effect_age", "effect_sex"]
)
@pytest.mark.parametrize(
    "change",
    [lambda part: part[:-1], lambda part: part[..., None], lambda part: part[..., :-1]],
    ids=["short", "deep", "narrow"],
)
def test_parts_that_do_not_fit_together_are_refused(
    change: Callable[[np.ndarray], np.ndarray], part: str, drawn: Persons, tmp_path: Path
):
    path = saved(drawn, tmp_path / "persons.safetensors", **{part: change})
    with pytest.raises(ModelUnsuitable, match="does not fit"):
        Persons.load(path)


@pytest.mark.parametrize("part", ["mean", "scales", "places", "spread", "effect_ancestry"])
def test_numbers_that_are_none_are_refused(part: str, drawn: Persons, tmp_path: Path):
    path = saved(drawn, tmp_path / "persons.safetensors", **{part: lambda part: part * np.nan})
    with pytest.raises(ModelUnsuitable, match="does not fit"):
        Persons.load(path)


def test_nobodys_name_is_in_the_file(builtin: Persons):
    """Means and directions, and nothing about a photo."""
    with (
        resources.as_file(resources.files("gestalt_space.weights") / "builtin") as folder,
        safe_open(folder / "persons.safetensors", framework="numpy") as file,
    ):
        header, names = file.metadata(), set(file.keys())
    assert set(header) == {"format", "ancestries"}
    assert json.loads(header["ancestries"]) == list(builtin.ancestries)
    assert names == {
        "mean", "components", "scales", "places", "spread",
        "effect_sex", "effect_age", "effect_ancestry",
    }  # fmt: skip


def test_a_place_to_write_persons_to_is_checked(tmp_path: Path):
    there = tmp_path / "there.safetensors"
    there.touch()
    check_persons_path(tmp_path / "new.safetensors", overwrite=False)
    check_persons_path(there, overwrite=True)
    with pytest.raises(UsageError, match="safetensors"):
        check_persons_path(tmp_path / "persons.npz", overwrite=False)
    with pytest.raises(OutputError, match="exists"):
        check_persons_path(there, overwrite=False)
    with pytest.raises(OutputError, match="no folder"):
        check_persons_path(tmp_path / "none" / "new.safetensors", overwrite=False)


@pytest.fixture(scope="module")
def yunet(real_store: ModelStore) -> Detector:
    return detector_factory(real_store, "yunet", device="cpu")[1](1)


@pytest.mark.shared
def test_a_detector_finds_the_faces_of_sampled_persons(builtin: Persons, yunet: Detector):
    """And finds their landmarks where they are said to be."""
    off = []
    for seed in range(200):
        rng = drawn_from([77, seed])
        portrait = builtin.portrait(builtin.sample(rng), rng)
        found = yunet.find(Photo(f"{seed}.png", portrait.pixels, "0" * 64, "PNG"))
        if found:
            largest = max(found, key=lambda one: float(np.prod(one.box[2:] - one.box[:2])))
            off.append(np.linalg.norm(largest.landmarks - portrait.landmarks, axis=1).mean())
    assert len(off) >= 196
    assert np.median(off) < 0.08 * EYE_DISTANCE
    assert np.quantile(off, 0.95) < 0.16 * EYE_DISTANCE
