"""Opens homes in which one file was changed, in a process of its own: a fault may end it.

`python -m tests.faults.damage HOME PLAN OUT`: the plan is a line of JSON for each home to make,
`file`, and `cut` to a length or `flip` at a place; of each, a line is written when it begins and
one when it has ended.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gestalt_space.errors import Fault, GestaltError
from gestalt_space.home import Gallery
from gestalt_space.index import checksums
from gestalt_space.match.question import Question
from tests.galleries import open_gallery

SECONDS = 30
"""Of the processor, after which a home counts as one that hangs."""
ASKED = "P1"


def damaged(place: Path, wrong: dict[str, Any]) -> None:
    """Cut a file short, make it longer, or flip bits of a byte."""
    path = place / wrong["file"]
    data = bytearray(path.read_bytes())
    if "cut" in wrong:
        length = wrong["cut"]
        data = data[:length] + bytes(max(0, length - len(data)))
    else:
        data[wrong["flip"]] ^= wrong["bits"]
    path.write_bytes(data)


def answers(gallery: Gallery, index: str = "exact") -> list[tuple[str, float]]:
    """What is answered about a patient."""
    question = Question(by="patient", k=50, index=index)  # type: ignore[arg-type]
    match = gallery.match_patient(ASKED, question)
    assert match.error is None
    return [(line.id, round(line.similarity, 5)) for line in match.lines]


def examined(place: Path, indexes: list[str]) -> dict[str, Any]:
    """What a home gives: answers, whether it can be written, what `verify` says before and after;
    errors by their kinds. `wild`: an error that is none of ours, or without a hint."""
    found: dict[str, Any] = {"wild": []}

    def attempt(name: str, work: Callable[[], Any]) -> None:
        try:
            found[name] = work()
        except GestaltError as error:
            found[name] = type(error).__name__
            if isinstance(error, Fault) or not error.hint:
                found["wild"].append(f"{name}: {error!r}")
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            found["wild"].append(f"{name}: {traceback.format_exc(limit=-4)} {error!r}")

    def look() -> None:
        with open_gallery(place) as gallery:
            attempt("verified", lambda: sorted(gallery.check_index().values()))
            for index in indexes:
                attempt(index, lambda index=index: answers(gallery, index))  # type: ignore[misc]

    def change() -> None:
        with open_gallery(place) as gallery:
            gallery.remove(patients=["P2"])
            found["repairs"] = [one.told for one in gallery.repairs]

    def look_again() -> None:
        with open_gallery(place) as gallery:
            attempt("again", lambda: answers(gallery))
            attempt("sound", lambda: sorted(gallery.check_index().values()))

    attempt("looked", look)
    attempt("changed", change)
    attempt("looked again", look_again)
    return found


def main(home: Path, plan: Path, out: Path) -> None:
    from gestalt_space.gallery import sealing

    sealing.SEALED_FROM = 4
    with out.open("a") as stream:
        for line in plan.read_text().splitlines():
            wrong = json.loads(line)
            checksums.HASHED = wrong["hashed"]
            place = out.with_suffix(".home")
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(home, place)
            damaged(place, wrong)
            stream.write(json.dumps({"begun": wrong}) + "\n")
            stream.flush()
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            found = examined(place, wrong["indexes"])
            signal.setitimer(signal.ITIMER_PROF, 0)
            stream.write(json.dumps({"ended": wrong, "found": found}) + "\n")
            stream.flush()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
