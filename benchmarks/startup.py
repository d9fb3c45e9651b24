"""How long `gestalt --help` takes beside `python -c "import typer"`, which it is built on.

python -m benchmarks.startup
"""

from __future__ import annotations

import subprocess
import sys

from benchmarks.table import keep, median_of

REPEATS = 20
FORBIDDEN = ("torch", "faiss", "cv2", "onnxruntime", "numpy", "sqlalchemy")
HELP = "import sys; sys.argv = ['gestalt', '--help']\nfrom gestalt_cli import main\nmain()"
LOADED = f"""
import sys; sys.argv = ['gestalt', '--help']
from gestalt_cli import main
try:
    main()
except SystemExit:
    print([name for name in {FORBIDDEN!r} if name in sys.modules], file=sys.stderr)
"""


def main() -> None:
    typer = median_of(lambda: _run("import typer"), REPEATS)
    help_ = median_of(lambda: _run(HELP), REPEATS)
    loaded = _run(LOADED).stderr.strip()
    rows = [
        ('`python -c "import typer"`', f"{typer * 1000:.0f} ms", "1.0 ×", ""),
        ("`gestalt --help`", f"{help_ * 1000:.0f} ms", f"{help_ / typer:.1f} ×", "at most 4 ×"),
        (f"of {', '.join(FORBIDDEN)} it imports", loaded, "", "none"),
    ]
    keep("startup", "python -m benchmarks.startup", ("", "median", "ratio", "asked"), rows)


def _run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


if __name__ == "__main__":
    main()
