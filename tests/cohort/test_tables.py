"""Matrices of cohorts, measured and written: what is read back is what was measured."""

from __future__ import annotations

import csv
import dataclasses
import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from gestalt_space.cohort import large
from gestalt_space.cohort.cohort_matrix import CohortMatrix, measure, names_of
from gestalt_space.cohort.large import LARGE, check_large_path, write_large_matrix
from gestalt_space.cohort.matrix import OWN
from gestalt_space.cohort.selection import Selection
from gestalt_space.cohort.tables import (
    ENDINGS,
    INDEX_COLUMN,
    check_matrix_path,
    sidecar,
    write_matrix,
)
from gestalt_space.errors import OutputError, SpaceMismatch, UsageError
from tests.cohort.selections import full_after, planted
from tests.documents.validation import assert_valid


@pytest.fixture
def cohort() -> Selection:
    return planted(disorders=2, each=4, strength=1.0, undiagnosed=2)


@pytest.fixture
def found(cohort: Selection) -> CohortMatrix:
    return measure(cohort)


def of_several_photos(cohort: Selection) -> Selection:
    """The same photos, two by two of one patient and all of one name."""
    half = cohort.only(cohort.patients[::2])
    return dataclasses.replace(
        half,
        descriptors=cohort.descriptors,
        photos=np.array(["face.png", "profile.png"] * len(half), np.str_),
        ages=np.tile([np.nan, 2.5], len(half)),
        sites=np.full(2 * len(half), ""),
        patient_of_row=np.repeat(np.arange(len(half)), 2),
    )


@pytest.mark.parametrize(
    ("options", "need"), [({}, 400), ({"value": "rank"}, 800), ({"unit": "patient"}, 100)]
)
def test_what_does_not_fit_into_memory_is_told_before(
    cohort: Selection, monkeypatch: pytest.MonkeyPatch, options, need
):
    cohort = of_several_photos(cohort)
    monkeypatch.setattr("gestalt_space.cohort.cohort_matrix.free_memory", lambda: need - 1)
    with pytest.raises(UsageError, match="GB of memory") as raised:
        measure(cohort, gallery=cohort, **options)
    assert ".zarr" in str(raised.value.hint)
    monkeypatch.setattr("gestalt_space.cohort.cohort_matrix.free_memory", lambda: need)
    measure(cohort, gallery=cohort, **options)


def test_a_matrix_says_what_it_is_made_of(cohort: Selection, found: CohortMatrix):
    assert found.rows == found.columns == tuple(map(str, cohort.photos))
    assert found.about["space"] == "tiny"
    assert found.about["encoded_in"] == ""
    assert (found.about["patients"], found.about["photos"]) == (10, 10)
    assert found.about["direction"] == "-1 to 1, higher is closer"
    assert found.row_facts["disorders"].tolist()[7:] == ["OMIM:100001", "", ""]


def test_patients_are_compared_by_mean_or_nearest(cohort: Selection):
    several = of_several_photos(cohort)
    mean = measure(several, unit="patient")
    means = several.patient_descriptors()
    np.testing.assert_allclose(mean.values, means @ means.T, atol=1e-6)
    nearest = measure(several, unit="patient", patient_value="nearest").values
    photos = measure(several).values
    assert nearest[0, 1] == photos[0:2, 2:4].max()
    assert (nearest.diagonal() == 1).all()
    assert mean.row_facts["age"].tolist() == [2.5] * 5
    assert mean.row_facts["photos"].tolist() == [2] * 5


def test_photos_that_are_named_alike_stand_behind_their_patient(cohort: Selection):
    assert names_of(of_several_photos(cohort), "photo")[:2] == (
        "P0000/face.png",
        "P0000/profile.png",
    )


@pytest.mark.parametrize("unit", ["photo", "patient"])
@pytest.mark.parametrize("how", ["mean", "nearest"])
def test_ranks_are_among_the_set_and_all_others_of_the_gallery(cohort, unit, how):
    gallery = of_several_photos(cohort)
    some = gallery.only(gallery.patients[:3])
    found = measure(some, unit=unit, patient_value=how, value="rank", gallery=gallery)
    assert found.about["control_photos"] == 4
    pool = len(gallery) if unit == "photo" else len(gallery.patients)
    own = found.values == OWN
    photos_of_one = 2 if unit == "photo" else 1
    assert own.sum() == 3 * photos_of_one**2
    assert found.values.max() < pool - photos_of_one
    for column in found.values.T:
        told = column[column != OWN]
        assert len(set(told.tolist())) == len(told), "a place is given once"


def test_photos_that_are_not_stored_have_no_own_patient_in_the_gallery(cohort: Selection):
    strangers = dataclasses.replace(cohort, stored_as=(None,) * 10)
    found = measure(strangers, value="rank", gallery=cohort)
    assert found.about["control_photos"] == 10
    # Each photo's twin in the gallery is nearest; no member of the cohort comes first.
    assert (found.values[~np.eye(10, dtype=bool)] >= 1).all()


def test_photos_that_the_gallery_has_are_ranked_without_their_own_patient(cohort: Selection):
    photos = dataclasses.replace(
        cohort.only(cohort.patients[:4]),
        patients=("a.png", "b.png", "c.png", "d.png"),
        stored_as=cohort.patients[:4],
    )
    stored = measure(cohort.only(cohort.patients[:4]), value="rank", gallery=cohort)
    found = measure(photos, value="rank", gallery=cohort)
    assert found.about["control_photos"] == 6
    np.testing.assert_array_equal(found.values, stored.values)


def with_families(cohort: Selection, families: dict[str, str]) -> Selection:
    told = np.array([families.get(patient, "") for patient in cohort.patients], np.str_)
    return dataclasses.replace(cohort, people=dataclasses.replace(cohort.people, family=told))


@pytest.mark.parametrize("unit", ["photo", "patient"])
@pytest.mark.parametrize("how", ["mean", "nearest"])
def test_relatives_are_in_no_pool_of_each_other(cohort, unit, how):
    """P0000 has a sibling in the set and one among the controls, P0002 one among the controls."""
    names = of_several_photos(cohort).patients
    families = {names[0]: "F1", names[1]: "F1", names[3]: "F1", names[2]: "F2", names[4]: "F2"}
    several = dataclasses.replace(of_several_photos(cohort), photos=cohort.photos)
    gallery = with_families(several, families)
    some = gallery.only(names[:3])
    found = measure(some, unit=unit, patient_value=how, value="rank", gallery=gallery)
    # Of each probe, what is left when the relatives are not there at all.
    for probe, out in ((0, (1, 3)), (1, (0, 3)), (2, (4,))):
        kept = [name for place, name in enumerate(names) if place not in out]
        less = measure(
            gallery.only([name for name in names[:3] if name in kept]),
            gallery.only([names[probe]]),
            unit=unit,
            patient_value=how,
            value="rank",
            gallery=gallery.only(kept),
        )
        rows = [found.rows.index(row) for row in less.rows]
        columns = [found.columns.index(column) for column in less.columns]
        np.testing.assert_array_equal(found.values[np.ix_(rows, columns)], less.values)
        others = [row for row in range(len(found.rows)) if row not in rows]
        assert (found.values[np.ix_(others, columns)] == OWN).all()
    assert found.about["relatives_left_out"] == 2 + 2 + 1
    everybody = measure(
        some, unit=unit, patient_value=how, value="rank", gallery=gallery, with_family=True
    )
    plain = measure(
        some, unit=unit, patient_value=how, value="rank", gallery=with_families(gallery, {}),
        with_family=True,
    )  # fmt: skip
    np.testing.assert_array_equal(everybody.values, plain.values)
    assert everybody.about["relatives_left_out"] == 0


def test_photos_that_the_gallery_has_are_ranked_without_their_family(cohort: Selection):
    """The photos are of two patients, the second of whom has a sibling in the gallery."""
    gallery = with_families(cohort, {"P0001": "F1", "P0005": "F1"})
    photos = dataclasses.replace(
        cohort.only(cohort.patients[:3]),
        patients=("a.png", "b.png", "c.png"),
        stored_as=("P0000", "P0000", "P0001"),
    )
    found = measure(photos, value="rank", gallery=gallery)
    assert found.about["relatives_left_out"] == 1
    assert measure(photos, value="similarity").about["relatives_left_out"] is None
    # Of c.png's pool of ten, the own photo and the sibling's are not there.
    assert found.values[:, 2].max() < 9 - 1


def test_families_and_sites_stand_beside_the_rows(cohort: Selection):
    sites = np.array(["A", "B", *["A"] * 8])
    told = with_families(dataclasses.replace(cohort, sites=sites), {"P0000": "F1"})
    assert measure(told).row_facts["site"].tolist() == sites.tolist()
    several = of_several_photos(told)
    found = measure(dataclasses.replace(several, sites=sites), unit="patient").row_facts
    assert found["site"].tolist() == ["", "A", "A", "A", "A"]
    assert found["family"].tolist() == ["F1", "", "", "", ""]


def test_two_sets_have_rows_and_columns_of_their_own(cohort: Selection):
    one, other = cohort.only(cohort.patients[:3]), cohort.only(cohort.patients[3:])
    found = measure(one, other, value="distance")
    assert found.values.shape == (3, 7)
    assert found.columns == tuple(map(str, other.photos))
    assert (found.about["against_photos"], found.is_within) == (7, False)
    np.testing.assert_allclose(found.values, 1 - one.descriptors @ other.descriptors.T, atol=1e-6)
    ranks = measure(one, other, value="rank", gallery=cohort)
    assert ranks.values.shape == (3, 7)


def test_what_cannot_be_compared_is_told(cohort: Selection):
    one = cohort.only(cohort.patients[:1])
    with pytest.raises(UsageError, match="has only one photo"):
        measure(one)
    two = of_several_photos(cohort)
    with pytest.raises(UsageError, match="one patient"):
        measure(two.only(two.patients[:1]), value="rank", gallery=two)
    with pytest.raises(UsageError, match="need controls"):
        measure(cohort, value="rank")
    with pytest.raises(SpaceMismatch, match=r"different spaces: tiny with .* and other"):
        measure(cohort, dataclasses.replace(cohort, space="other", fingerprint="0" * 64))


@pytest.mark.parametrize("separator", [",", "\t"])
def test_text_is_a_square_table_with_names_on_two_sides(tmp_path, found, separator):
    path = tmp_path / ("m.csv" if separator == "," else "m.tsv")
    write_matrix(found, path)
    with path.open(newline="", encoding="utf-8") as stream:
        head, *rows = csv.reader(stream, delimiter=separator)
    assert tuple(head) == ("", *found.columns)
    assert tuple(row[0] for row in rows) == found.rows
    values = np.array([row[1:] for row in rows]).astype(np.float32)
    assert np.array_equal(values, found.values), "every bit comes back"
    about = json.loads(sidecar(path).read_text(encoding="utf-8"))
    assert_valid(about, "matrix")
    assert about["fingerprint"] == found.about["fingerprint"]
    assert about["rows"][0]["disorders"] == "OMIM:100000"


def test_a_rank_is_written_as_a_whole_number(tmp_path: Path, cohort: Selection):
    found = measure(cohort, value="rank", gallery=cohort)
    write_matrix(found, tmp_path / "m.csv")
    assert (tmp_path / "m.csv").read_text().splitlines()[1].split(",")[1] == "-1"


def test_numpy_reads_back_what_was_written(tmp_path: Path, found: CohortMatrix):
    write_matrix(found, tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz") as read:
        assert np.array_equal(read["values"], found.values)
        assert tuple(read["rows"]) == found.rows
        assert read["row_cohort"].tolist() == found.row_facts["cohort"].tolist()
        assert json.loads(str(read["about"])) == found.about


def test_parquet_reads_back_what_was_written(tmp_path: Path, found: CohortMatrix):
    write_matrix(found, tmp_path / "m.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "m.parquet")
    assert tuple(table.column_names) == (INDEX_COLUMN, *found.columns)
    values = np.column_stack([table[name].to_numpy() for name in found.columns])
    assert np.array_equal(values, found.values)
    assert json.loads(table.schema.metadata[b"gestalt"])["space"] == "tiny"


def test_pandas_has_the_names_as_index(tmp_path: Path, found: CohortMatrix):
    import pandas

    frame = found.frame()
    assert frame.attrs["space"] == "tiny"
    write_matrix(found, tmp_path / "m.parquet")
    write_matrix(found, tmp_path / "m.csv")
    for read in (
        pandas.read_parquet(tmp_path / "m.parquet"),
        pandas.read_csv(tmp_path / "m.csv", index_col=0, dtype={"": str}),
    ):
        assert tuple(read.index) == found.rows
        np.testing.assert_allclose(read.to_numpy(), frame.to_numpy(), atol=1e-7)


def test_an_anndata_file_is_as_its_format_says(tmp_path: Path, found: CohortMatrix):
    h5py = pytest.importorskip("h5py")
    write_matrix(found, tmp_path / "m.h5ad")
    with h5py.File(tmp_path / "m.h5ad") as file:
        assert dict(file.attrs) == {"encoding-type": "anndata", "encoding-version": "0.1.0"}
        assert np.array_equal(file["X"], found.values)
        assert file["obs"].attrs["_index"] == "_index"
        assert tuple(file["obs/_index"].asstr()) == found.rows
        assert list(file["obs"].attrs["column-order"]) == list(found.row_facts)
        disorders = file["obs/disorders"]
        assert dict(disorders.attrs) == {
            "encoding-type": "categorical",
            "encoding-version": "0.2.0",
            "ordered": False,
        }
        assert list(disorders["categories"].asstr()) == ["OMIM:100000", "OMIM:100001"]
        assert list(disorders["codes"]) == [0] * 4 + [1] * 4 + [-1] * 2
        assert file["uns/space"].asstr()[()] == "tiny"


def test_what_is_not_known_is_missing_in_every_format(tmp_path: Path, cohort: Selection):
    h5py = pytest.importorskip("h5py")
    sex = np.array(["female", "", *["male"] * 8], np.str_)
    nobody = np.full(10, "", np.str_)
    people = dataclasses.replace(cohort.people, sex=sex, ancestry=nobody)
    ages = np.array([np.nan, 2.0, *[3.0] * 8])
    found = measure(dataclasses.replace(cohort, people=people, ages=ages))
    for ending in (".h5ad", ".parquet", ".csv"):
        write_matrix(found, tmp_path / f"m{ending}")
    with h5py.File(tmp_path / "m.h5ad") as file:
        assert list(file["obs/sex/codes"])[:3] == [0, -1, 1]
        assert set(file["obs/ancestry/codes"]) == {-1}
        assert file["obs/ancestry/categories"].shape == (0,)
        assert np.isnan(file["obs/age"][0])
        assert np.isnan(file["var/age"][0])
    metadata = pyarrow.parquet.read_schema(tmp_path / "m.parquet").metadata
    beside = sidecar(tmp_path / "m.csv").read_text(encoding="utf-8")
    for document in (json.loads(metadata[b"gestalt"]), json.loads(beside)):
        assert [row["sex"] for row in document["rows"][:3]] == ["female", None, "male"]
        assert [row["ancestry"] for row in document["rows"]] == [None] * 10
        assert [row["age"] for row in document["rows"][:2]] == [None, 2.0]


def test_anndata_opens_it(tmp_path: Path, found: CohortMatrix):
    anndata = pytest.importorskip("anndata")
    write_matrix(found, tmp_path / "m.h5ad")
    read = anndata.read_h5ad(tmp_path / "m.h5ad")
    assert tuple(read.obs_names) == found.rows
    assert np.array_equal(read.X, found.values)
    assert read.obs["disorders"].isna().tolist() == [False] * 8 + [True] * 2


def test_without_h5py_the_install_line_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UsageError, match="h5py") as caught:
        check_matrix_path(tmp_path / "m.h5ad")
    assert caught.value.hint == "pip install 'gestalt-space[cohorts]'"


def test_places_that_cannot_be_written_are_told_before_the_work(tmp_path: Path):
    with pytest.raises(UsageError, match="does not end in"):
        check_matrix_path(tmp_path / "m.xlsx")
    with pytest.raises(OutputError, match="no folder"):
        check_matrix_path(tmp_path / "none" / "m.csv")
    (tmp_path / "m.csv.json").touch()
    with pytest.raises(OutputError, match=r"m\.csv\.json exists"):
        check_matrix_path(tmp_path / "m.csv")
    check_matrix_path(tmp_path / "m.csv", overwrite=True)


@pytest.mark.parametrize("ending", ENDINGS)
def test_nothing_half_written_stays(tmp_path, found, ending, monkeypatch):
    if ending == ".h5ad":
        pytest.importorskip("h5py")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match="No space left"):
        write_matrix(found, tmp_path / f"m{ending}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", [*ENDINGS, *LARGE])
def test_a_disk_that_fills_leaves_nothing(tmp_path, found, cohort, ending):
    if ending == ".h5ad":
        pytest.importorskip("h5py")
    path = tmp_path / f"m{ending}"
    write = partial(write_large_matrix, cohort) if ending in LARGE else partial(write_matrix, found)
    with full_after(300), pytest.raises(OutputError, match="cannot be written"):
        write(path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_matrix_that_is_there_is_kept(tmp_path, found, ending):
    if ending == ".h5ad":
        pytest.importorskip("h5py")
    path = tmp_path / f"m{ending}"
    path.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists"):
        write_matrix(found, path)
    assert path.read_bytes() == b"mine"
    write_matrix(found, path, overwrite=True)
    assert path.read_bytes() != b"mine"


@pytest.mark.parametrize("ending", LARGE)
def test_a_large_matrix_without_its_names_is_not_there(tmp_path, cohort, monkeypatch, ending):
    pytest.importorskip("zarr")

    def full(*_: object) -> None:
        raise OutputError("No space left on device.", "")

    path = tmp_path / f"m{ending}"
    monkeypatch.setattr(large, "write_atomically", full)
    with pytest.raises(OutputError, match="No space left"):
        write_large_matrix(cohort, path)
    assert not path.exists()
    monkeypatch.undo()
    sidecar(path).touch()  # as a kill between the two would leave it
    check_large_path(path)
    write_large_matrix(cohort, path)
    assert sorted(file.name for file in tmp_path.iterdir()) == [path.name, f"{path.name}.json"]


@pytest.mark.parametrize("ending", LARGE)
def test_a_large_matrix_has_its_names_beside_it(tmp_path: Path, cohort: Selection, ending: str):
    zarr = pytest.importorskip("zarr")
    path = tmp_path / f"m{ending}"
    write_large_matrix(cohort, path, unit="patient", distance=True)
    values = np.load(path) if ending == ".npy" else zarr.open_array(path, mode="r")[:]
    np.testing.assert_array_equal(values, measure(cohort, unit="patient", value="distance").values)
    about = json.loads(sidecar(path).read_text())
    assert [row["name"] for row in about["rows"]] == list(cohort.patients)
    assert about["value"] == "distance"
    with pytest.raises(OutputError, match="exists"):
        check_large_path(path)
