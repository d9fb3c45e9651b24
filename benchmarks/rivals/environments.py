"""The rivals, and a virtual environment for each: some bring packages that would overwrite the
project's own."""

from __future__ import annotations

import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

NUMPY = "numpy==2.4.6"
ARROW = "pyarrow==26.0.1"
INSTALL_SECONDS = 900


@dataclass(frozen=True)
class Entry:
    """A rival: its name, its file and class, and what pip installs for it at which version.

    `requirements`: none where it runs in the project's own environment.
    """

    name: str
    kind: str
    requirements: tuple[str, ...]

    @property
    def environment(self) -> str:
        """Name of the folder of its environment."""
        return self.requirements[0].replace("==", "-") if self.requirements else ""


RIVALS = (
    Entry("gestalt-space", "ours:Ours", ()),
    Entry("NumPy", "numpy_product:NumPy", (NUMPY,)),
    Entry("scikit-learn", "scikit_learn:ScikitLearn", ("scikit-learn==1.9.1", NUMPY)),
    Entry("FAISS", "faiss_flat:FaissFlat", ("faiss-cpu==1.15.1", NUMPY)),
    Entry("usearch", "usearch_rows:Exact", ("usearch==2.26.6", NUMPY)),
    Entry("usearch graph", "usearch_rows:Graph", ("usearch==2.26.6", NUMPY)),
    Entry("DuckDB", "duckdb_table:DuckDB", ("duckdb==2.0.1", ARROW, NUMPY)),
    Entry(
        "sqlite-vec", "sqlite_vec_table:SqliteVec", ("sqlite-vec==0.1.9", "apsw==3.54.1.0", NUMPY)
    ),
    Entry("LanceDB", "lancedb_table:LanceDB", ("lancedb==0.40.0", ARROW, NUMPY)),
    Entry(
        "Milvus Lite", "milvus_lite:MilvusLite", ("milvus-lite==3.2.2", "pymilvus==3.0.2", NUMPY)
    ),
)


class NotInstalled(Exception):
    """An environment could not be made; the message says why."""


def python_of(entry: Entry, environments: Path) -> Path:
    """The interpreter of a rival's environment, which is made where it is not there.

    Raises `NotInstalled`.
    """
    if not entry.requirements:
        return Path(sys.executable)
    folder = environments / entry.environment
    python = folder / "bin" / "python"
    done = folder / "installed.txt"
    wanted = "\n".join(entry.requirements)
    if done.is_file() and done.read_text() == wanted:
        return python
    venv.create(folder, with_pip=True, clear=True)
    command = [str(python), "-m", "pip", "install", "-q", *entry.requirements]
    try:
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise NotInstalled(f"not installed after {INSTALL_SECONDS} s") from error
    except subprocess.CalledProcessError as error:
        raise NotInstalled(f"not installed: {error.stderr.strip().splitlines()[-1]}") from error
    done.write_text(wanted)
    return python
