"""What comes with the photos of one patient: HPO terms, a phenopacket and a VCF. They stay in
memory, and their sizes are capped."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, File, Form, UploadFile

from gestalt_space.errors import BodyTooLarge, PhenotypeError, UsageError
from gestalt_space.fusion.asking import read_exome
from gestalt_space.genomics.exome import ExomeScores
from gestalt_space.interop.phenopackets import Phenopacket, parse_phenopacket
from gestalt_space.paths import display_name
from gestalt_space.service.configuration import MEGABYTE

MOST_PHENOPACKET_BYTES = 4 * MEGABYTE
MOST_VCF_BYTES = 128 * MEGABYTE
MOST_VCF_TEXT = 1024 * MEGABYTE
"""Of a VCF that is unpacked."""
LONGEST_VCF_LINE = 16 * MEGABYTE
_PIECE = MEGABYTE
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file of a form: its name as it can be shown, and its bytes."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class PatientDetails:
    """What a form says of a patient beside photos. `hpo`: lists of terms; `sample`, `build`: of the
    VCF, as the options of `gestalt match` have them."""

    hpo: tuple[str, ...] = ()
    phenopacket: SentFile | None = None
    vcf: SentFile | None = None
    sample: str | None = None
    build: str | None = None

    @property
    def is_any(self) -> bool:
        """Whether there is more than photos."""
        return bool(self.hpo) or self.phenopacket is not None or self.vcf is not None

    def packet(self) -> Phenopacket | None:
        """The phenopacket. Raises `PhenotypeError`."""
        if self.phenopacket is None:
            return None
        try:
            return parse_phenopacket(self.phenopacket.data)
        except PhenotypeError as error:
            message = f"{self.phenopacket.name}: {error.message}"
            raise PhenotypeError(message, error.hint) from error

    def exome(self) -> ExomeScores | None:
        """The scores of the genes of the VCF. Raises as `read_exome` does, `BodyTooLarge` for a VCF
        that is too large when it is unpacked, and `UsageError` where it cannot be read in memory.
        """
        if self.vcf is None:
            return None
        check_unpacked(self.vcf)
        with file_in_memory(self.vcf.data) as path:
            return read_exome(path, None, self.sample, self.build, self.vcf.name)


async def _patient_details(
    hpo: Annotated[
        list[str],
        Form(
            description="HPO terms of the patient by identifier or name, separated by commas; ! "
            "before one that is absent. Then `fused` ranks disorders and genes by all together."
        ),
    ] = [],  # noqa: B006 - FastAPI copies it
    phenopacket: Annotated[
        list[UploadFile],
        File(description="A phenopacket of version 2, as JSON: terms, sex and age."),
    ] = [],  # noqa: B006
    vcf: Annotated[
        list[UploadFile],
        File(description="Exome of the patient as VCF, which may be compressed by gzip or bgzip."),
    ] = [],  # noqa: B006
    sample: Annotated[
        str | None, Form(description="The patient, where the VCF has several samples.")
    ] = None,
    build: Annotated[
        str | None, Form(description="Genome build of the VCF, GRCh37 or GRCh38.")
    ] = None,
) -> PatientDetails:
    found = PatientDetails(
        tuple(text for text in hpo if text.strip()),
        await _only_file(phenopacket, "phenopacket", MOST_PHENOPACKET_BYTES),
        await _only_file(vcf, "VCF", MOST_VCF_BYTES),
        (sample or "").strip() or None,
        (build or "").strip() or None,
    )
    for name in ("sample", "build"):
        if found.vcf is None and getattr(found, name) is not None:
            raise UsageError(f"--{name} needs a VCF.", "Add one, or leave it empty.")
    return found


DetailsOf = Annotated[PatientDetails, Depends(_patient_details)]


async def _only_file(files: list[UploadFile], what: str, most: int) -> SentFile | None:
    """The file of a field, None where there is none: a browser sends an empty one without a name.

    Raises `UsageError` for several or an empty one, `BodyTooLarge` for one of more than `most`
    bytes.
    """
    found = [file for file in files if file.filename or file.size]
    if not found:
        return None
    if len(found) > 1:
        raise UsageError(f"There are {len(found)} files of the {what}.", "Send one.")
    (file,) = found
    name = display_name(file.filename or what)
    data = await file.read(most + 1)
    await file.close()
    if not data:
        raise UsageError(f"{name} is empty.", "Choose the file again.")
    if len(data) > most:
        raise BodyTooLarge(
            f"{name} has more than {most // MEGABYTE} MB, the most that a {what} may have.",
            "Use `gestalt match` on this file." if what == "VCF" else "Send a smaller file.",
        )
    return SentFile(name, data)


def check_unpacked(vcf: SentFile) -> None:
    """Raises `BodyTooLarge` for a VCF with more text or a longer line than is read: a small file
    may unpack to any size."""
    plain = io.BytesIO(vcf.data)
    stream = gzip.GzipFile(fileobj=plain) if vcf.data.startswith(_GZIP) else plain
    total = line = 0
    try:
        while piece := stream.read(_PIECE):
            total += len(piece)
            first, last = piece.find(b"\n"), piece.rfind(b"\n")
            longest = line + (len(piece) if first < 0 else first)
            line = longest if first < 0 else len(piece) - last - 1
            if total > MOST_VCF_TEXT or longest > LONGEST_VCF_LINE:
                raise BodyTooLarge(
                    f"{vcf.name} is too large: more than {MOST_VCF_TEXT // MEGABYTE:,} MB when it "
                    f"is unpacked, or a line of more than {LONGEST_VCF_LINE // MEGABYTE} MB.",
                    "Send the exome of one patient, or use `gestalt match` on this file.",
                )
    except (OSError, EOFError, zlib.error):
        return  # the reader of the VCF says what is damaged


@contextmanager
def file_in_memory(data: bytes) -> Iterator[Path]:
    """A path under which a library finds bytes that are on no disk. Raises `UsageError` on systems
    that have no such files."""
    if not hasattr(os, "memfd_create"):
        raise UsageError(
            "This server cannot read a VCF without writing it to the disk.",
            "Use `gestalt match --vcf` on this machine, or a server with Linux.",
        )
    with os.fdopen(os.memfd_create("gestalt-space"), "wb") as stream:
        stream.write(data)
        stream.flush()
        yield Path(f"/proc/self/fd/{stream.fileno()}")
