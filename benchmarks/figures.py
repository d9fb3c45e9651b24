"""A heat map of 400 patients, from matrix to file, beside the drawing of our own that came before.

python -m benchmarks.figures OLD

OLD: a checkout of the commit before figures/ (`git worktree add OLD 629d0bc`).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.table import keep

COUNTS = (40, 400)
REPEATS = 5
PROGRAM = """
import sys, time
import numpy as np
from gestalt_space.cohort.arrays import selection_of
from gestalt_space.cohort.cohort_matrix import measure
count, new = int(sys.argv[1]), sys.argv[2] == "new"
rng = np.random.default_rng(0)
group = rng.integers(0, 8, count)
rows = rng.normal(size=(8, 64))[group] + rng.normal(size=(count, 64))
rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
names = [f"Patient {n:03} Zoë" for n in range(count)]
matrix = measure(selection_of(rows, names, disorders=[f"D{n}" for n in group]), unit="patient")
if new:
    from gestalt_space.figures.cohorts import heat_map_of, matrix_figure
    from gestalt_space.figures.saving import rendered
    ways = {kind: lambda kind=kind: rendered(matrix_figure(matrix), kind).data
            for kind in ("png", "svg", "pdf")}
else:
    from gestalt_space.cohort.heat import heat_map_of
    from gestalt_space.report.drawing import png_file, svg_file
    from gestalt_space.report.heatmap import draw_heat_map
    ways = {"png": lambda: png_file(draw_heat_map(heat_map_of(matrix))),
            "svg": lambda: svg_file(draw_heat_map(heat_map_of(matrix)))}
for kind, work in ways.items():
    taken = []
    for _ in range(int(sys.argv[3])):
        begin = time.process_time()
        data = work()
        taken.append(time.process_time() - begin)
    print(kind, sorted(taken)[len(taken) // 2], taken[0], len(data))
"""
OLD_DRAWING = (
    *("drawing", "heatmap", "charts", "map_figure", "figures", "dendrogram", "keyed"),
    *("heat", "pictures"),
)

NEW = ("confusion", "evaluations", "faces", "plotted", "positions", "studies")
"""What was drawn nowhere before."""


def main() -> None:
    old, here = Path(sys.argv[1]), Path(__file__).parents[1]
    rows = []
    for count in COUNTS:
        before, after = _times(old, "old", count), _times(here, "new", count)
        for kind, (usual, first, size) in after.items():
            was = before.get(kind)
            rows.append(
                (
                    f"{count} patients, {kind}",
                    "–" if was is None else f"{was[0]:.2f} s, {was[2] / 1000:,.0f} kB",
                    f"{usual:.2f} s, {size / 1000:,.0f} kB",
                    f"{first:.2f} s",
                    "–" if was is None else f"{usual / was[0]:.1f} ×",
                )
            )
    drawn = [
        old / "gestalt_space" / room / f"{name}.py"
        for room in ("report", "cohort")
        for name in OLD_DRAWING
    ]
    now = sorted((here / "gestalt_space/figures").glob("*.py"))
    same = [path for path in now if path.stem not in NEW]
    rows.append(("lines that draw the same", f"{_lines(drawn):,}", f"{_lines(same):,}", "", ""))
    rows.append((f"… and what is new: {', '.join(NEW)}", "", f"{_lines(now):,}", "", ""))
    title = ("", "own drawing", "matplotlib", "the first one", "ratio")
    keep("figures", "python -m benchmarks.figures OLD", title, rows)


def _times(checkout: Path, which: str, count: int) -> dict[str, tuple[float, float, int]]:
    """Median and first processor seconds of a kind of file, and its bytes."""
    command = [sys.executable, "-c", PROGRAM, str(count), which, str(REPEATS)]
    ran = subprocess.run(
        command, cwd=checkout, env={"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = {}
    for line in ran.stdout.splitlines():
        kind, usual, first, size = line.split()
        found[kind] = (float(usual), float(first), int(size))
    return found


def _lines(paths: list[Path]) -> int:
    return sum(len(path.read_text().splitlines()) for path in paths if path.is_file())


if __name__ == "__main__":
    main()
