"""The published protocol on a file of published encodings: `gestalt evaluate gmdb` beside a
straightforward evaluation with pandas and scikit-learn, as whole processes.

python -m benchmarks.gmdb [--images 1889] [--pandas FOLDER]

The data are made: random vectors around syndromes, in 12 slots of 512, in frequent and rare splits.
FOLDER: where pandas is installed for this benchmark alone (`pip install --target FOLDER pandas`),
where the environment has none. Both must give the same figures. The peak of memory is that of each
process.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.table import keep

SEED = 13
SLOTS, DIM = 12, 512
REPEATS = 3
VERSION = "v1.0.3"
SPLITS = 10

PLAIN = """
import json, sys
import numpy as np, pandas as pd
from sklearn.metrics import pairwise_distances

encodings, folder, version = sys.argv[1:4]
table = pd.read_csv(encodings, sep=";")
table["representations"] = [json.loads(text) for text in table["representations"]]
table["image"] = [int(name.split("_")[0]) for name in table["img_name"]]
vectors = {}
for key, part in table.groupby(["model", "flip", "gray"]):
    part = part.set_index("image")["representations"]
    vectors[key] = part

def read(kind):
    return pd.read_csv(f"{folder}/gmdb_{kind}_images_{version}.csv")

def evaluate(test, gallery):
    total = 0
    for part in vectors.values():
        left = np.array(part.loc[test.image_id].tolist())
        right = np.array(part.loc[gallery.image_id].tolist())
        total = total + pairwise_distances(left, right, metric="cosine")
    labels = gallery.label.to_numpy()
    tops = []
    for row, true in zip(total / len(vectors), test.label):
        ranked = pd.unique(labels[np.argsort(row)])
        place = np.flatnonzero(ranked == true)
        tops.append([len(place) > 0 and place[0] < k for k in (1, 5, 10, 30)])
    return pd.DataFrame(tops).groupby(test.label.to_numpy()).mean().mean().to_numpy()

f_test, f_gallery = read("frequent_test"), read("frequent_gallery")
r_test, r_gallery = read("rare_test"), read("rare_gallery")
splits = sorted(r_test.split.unique())
r = [(r_test[r_test.split == s], r_gallery[r_gallery.split == s]) for s in splits]
both = [pd.concat([f_gallery, g]) for _, g in r]
figures = [
    evaluate(f_test, f_gallery),
    np.mean([evaluate(t, g) for t, g in r], axis=0),
    np.mean([evaluate(f_test, b) for b in both], axis=0),
    np.mean([evaluate(t, b) for (t, _), b in zip(r, both)], axis=0),
]
print(json.dumps([[round(100 * float(v), 2) for v in f] for f in figures]))
"""
OURS = "from gestalt_cli import main; main()"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1889)
    parser.add_argument("--pandas", type=Path, default=None)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        encodings = write_data(folder, given.images)
        size = encodings.stat().st_size / 1e6
        arrays = folder / "encodings.npz"
        _run(OURS, ["evaluate", "arrays", "--encodings", str(encodings), "-o", str(arrays)])
        words = ["evaluate", "gmdb", "--metadata", name, "--json", "--encodings"]
        ways = {
            "pandas and scikit-learn": (PLAIN, [str(encodings), name, VERSION]),
            "evaluate gmdb, CSV": (OURS, [*words, str(encodings)]),
            "evaluate gmdb, arrays": (OURS, [*words, str(arrays)]),
        }
        measured: dict[str, list[tuple[float, float]]] = {title: [] for title in ways}
        figures = {}
        for _ in range(REPEATS):
            for title, (code, arguments) in ways.items():
                taken, peak, text = _run(code, arguments, given.pandas)
                measured[title].append((taken, peak))
                figures[title] = _figures(json.loads(text))
    assert len({json.dumps(figure) for figure in figures.values()}) == 1, figures
    vectors = given.images * SLOTS * DIM * 4 / 1e6
    first = min(taken for taken, _ in measured["pandas and scikit-learn"])
    asked = {"evaluate gmdb, CSV": "5 ×, at most 4 ×", "evaluate gmdb, arrays": "30 ×"}
    rows = []
    for title, runs in measured.items():
        taken, peak = min(run[0] for run in runs), max(run[1] for run in runs)
        ratio = f"{first / taken:.1f} ×"
        rows.append(
            (title, f"{taken:.2f} s", ratio, f"{peak / vectors:.1f} ×", asked.get(title, ""))
        )
    keep(
        "gmdb",
        f"python -m benchmarks.gmdb --images {given.images}  # seed {SEED}, CSV of {size:.0f} MB, "
        f"least of {REPEATS} whole processes, vectors of {vectors:.0f} MB",
        ("way", "time", "faster", "peak memory, vectors", "asked"),
        rows,
    )


def write_data(folder: Path, images: int) -> Path:
    """Encodings and splits of simulated patients, in the published formats."""
    rng = np.random.default_rng(SEED)
    syndromes = max(8, images // 12)
    of_patient = np.sort(rng.integers(0, syndromes, images // 2))
    patient = rng.integers(0, len(of_patient), images)
    label = of_patient[patient]
    rare = label % 2 == 1
    centres = rng.normal(size=(syndromes, SLOTS, DIM))
    path = folder / "all_encodings.csv"
    with path.open("w", encoding="utf-8") as stream:
        stream.write("img_name;model;flip;gray;class_conf;representations\n")
        for image in range(images):
            vectors = (0.4 * centres[label[image]] + rng.normal(size=(SLOTS, DIM))).astype("f4")
            for slot, vector in enumerate(vectors / 8):
                place = f"m{slot // 4};{slot // 2 % 2};{slot % 2}"
                stream.write(f"{image}_aligned.jpg;{place};[0.5, 0.5];{vector.tolist()}\n")
    _write_splits(folder, rng, label, patient, rare)
    return path


def _write_splits(
    folder: Path, rng: np.random.Generator, label: np.ndarray, patient: np.ndarray, rare: np.ndarray
) -> None:
    def rows(chosen: np.ndarray, split: int | None) -> list[str]:
        end = "" if split is None else f",{split}"
        return [f"{i},{patient[i]},{label[i]}{end}" for i in np.flatnonzero(chosen)]

    def write(kind: str, header: str, lines: list[str]) -> None:
        path = folder / f"gmdb_{kind}_images_{VERSION}.csv"
        path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")

    tested = np.isin(patient, rng.choice(np.unique(patient), len(np.unique(patient)) // 8, False))
    write("frequent_test", "image_id,subject,label", rows(~rare & tested, None))
    write("frequent_gallery", "image_id,subject,label", rows(~rare & ~tested, None))
    test, gallery = [], []
    for split in range(SPLITS):
        chosen = [rng.choice(np.unique(patient[label == one])) for one in np.unique(label[rare])]
        out = rare & np.isin(patient, chosen)
        test += rows(out, split)
        gallery += rows(rare & ~out, split)
    write("rare_test", "image_id,subject,label,split", test)
    write("rare_gallery", "image_id,subject,label,split", gallery)


def _figures(document: list[list[float]] | dict[str, list[dict[str, dict[str, float]]]]) -> object:
    if isinstance(document, list):
        return document
    return [list(one["top"].values()) for one in document["evaluations"]]


def _run(code: str, arguments: list[str], pandas: Path | None = None) -> tuple[float, float, str]:
    """Seconds, megabytes at the most, and what was written."""
    environment = dict(os.environ)
    if pandas is not None and code == PLAIN:
        environment["PYTHONPATH"] = str(pandas)
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, (arguments, process.returncode)
    return time.perf_counter() - start, _megabytes(usage), text


def _megabytes(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss * 1024 / 1e6


if __name__ == "__main__":
    main()
