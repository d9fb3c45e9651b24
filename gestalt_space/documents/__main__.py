"""Write the schemas of all documents into a folder: python -m gestalt_space.documents FOLDER."""

from __future__ import annotations

import sys
from pathlib import Path

from gestalt_space.documents.schemas import write_schemas

if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))
