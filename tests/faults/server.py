"""Runs `gestalt` commands in processes forked from one that has all loaded, under the shim.

Reads a line of JSON for each: `words`; `environment`; `folder`, whose changes are followed; `log`,
where they are noted, or `first`, `errno` and `half`, which fail. Answers with the exit code, what
was said on standard error, and how many changes there were. Any small index is sealed.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

LOADED = (
    *("numpy", "faiss", "onnxruntime", "onnx", "onnx.helper", "cv2", "sqlalchemy.orm"),
    *("alembic.command", "alembic.runtime.migration", "sqlalchemy.dialects.sqlite.pysqlite"),
    *("gestalt_space.home", "gestalt_space.gallery.sealing", "gestalt_cli.index"),
    *("gestalt_cli.index_add", "gestalt_cli.index_approximate", "gestalt_cli.index_calibrate"),
    *("gestalt_cli.models", "gestalt_cli.db", "gestalt_space.gallery.intake.tables", "filelock"),
    *("gestalt_space.faces.aligned", "gestalt_space.encoders.onnx_arcface", "rich.console"),
    *("gestalt_space.machine.doctor", "gestalt_space.weights.inspection", "gestalt_cli.entry"),
    *("scipy.stats", "charset_normalizer", "alembic.config", "PIL.PngImagePlugin", "numpy.random"),
    *("gestalt_space.gallery.calibration.fitting", "PIL.JpegImagePlugin", "PIL.BmpImagePlugin"),
    *("PIL.GifImagePlugin", "PIL.PpmImagePlugin", "importlib.resources", "encodings.cp437"),
)
SEALED_FROM = 4
SECONDS = 120


def serve() -> None:
    for name in LOADED:
        importlib.import_module(name)
    import numpy as np

    from gestalt_space.gallery import sealing

    sealing.SEALED_FROM = SEALED_FROM
    # NumPy would write by the C library's streams, which the shim does not see.
    np.lib._format_impl.isfileobj = lambda _: False  # type: ignore[attr-defined]
    say("ready")
    for line in sys.stdin:
        say(answer(json.loads(line)))


def say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        told, counted = Path(place, "told"), Path(place, "counted")
        process = os.fork()
        if not process:
            code = 99
            try:
                code = work(asked, told, counted)
            except BaseException:  # noqa: BLE001 - told below
                traceback.print_exc()
            finally:
                os._exit(code)
        until = time.monotonic() + SECONDS
        while not (ended := os.waitpid(process, os.WNOHANG))[0]:
            if time.monotonic() > until:
                os.kill(process, 9)
            time.sleep(0.002)
        return {
            "code": os.waitstatus_to_exitcode(ended[1]),
            "told": told.read_text(errors="replace") if told.exists() else "",
            "counted": int(counted.read_text()) if counted.exists() else -1,
        }


def work(asked: dict[str, Any], told: Path, counted: Path) -> int:
    from gestalt_cli.entry import run

    os.environ.update(asked["environment"])
    stream = os.open(told, os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(stream, 1)
    os.dup2(stream, 2)
    shim = ctypes.CDLL(None)
    folder = os.fsencode(asked["folder"])
    if "log" in asked:
        shim.faults_record(folder, os.fsencode(asked["log"]))
    else:
        first = ctypes.c_long(asked["first"])
        shim.faults_fail(folder, first, asked["errno"], asked["half"])
    code = run(asked["words"])
    sys.stdout.flush()
    sys.stderr.flush()
    shim.faults_counted.restype = ctypes.c_long
    made = shim.faults_counted()
    shim.faults_fail(b"", ctypes.c_long(0), 0, 0)
    counted.write_text(str(made))
    return code


if __name__ == "__main__":
    serve()
