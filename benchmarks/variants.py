"""A VCF to scores of genes, as a command: time, and the peak of memory by the number of lines.

python -m benchmarks.variants FOLDER [--lines 15000 50000 100000] [--exome VCF]

The VCF are made up, compressed, with annotations of three transcripts, CADD and five frequencies a
line. Beside the command stands the same file read by cyvcf2 with nothing done, in a process of its
own. `--exome`: a real file, measured as well. The genes have to come out before a time counts.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.table import keep
from gestalt_space.genomics.builds import CHROMOSOMES, LENGTHS

_GESTALT = Path(sys.executable).with_name("gestalt")
_ONLY_READ = (
    "import sys, cyvcf2\n"
    "print(sum(1 for line in cyvcf2.VCF(sys.argv[1], lazy=True) if line.INFO.get('ANN')))"
)
_LAUNCHER = (
    "import resource, subprocess, sys\n"
    "subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL, check=True)\n"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)"
)
_GENES = 5_000
_EFFECTS = ("missense_variant", "synonymous_variant", "intron_variant", "stop_gained")
_POPULATIONS = ("gnomAD_AF", "gnomAD_AF_afr", "gnomAD_AF_eas", "EXAC_AF_ALL", "EXAC_AF_NFE")
_REPEATS = 3


def write_vcf(path: Path, lines: int, seed: int = 0) -> None:
    """A sorted VCF of one made-up sample on GRCh37."""
    rng = np.random.default_rng(seed)
    build = LENGTHS["GRCh37"]
    names = CHROMOSOMES[:22]
    with gzip.open(path, "wt", compresslevel=6) as stream:
        stream.write("##fileformat=VCFv4.2\n")
        for name, length in build.items():
            stream.write(f"##contig=<ID={name},length={length}>\n")
        for name, kind in (("ANN", "String"), ("CADD_PHRED", "Float")):
            stream.write(f'##INFO=<ID={name},Number=.,Type={kind},Description="made up">\n')
        for name in _POPULATIONS:
            stream.write(f'##INFO=<ID={name},Number=A,Type=Float,Description="made up">\n')
        stream.write('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n')
        stream.write("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tP1\n")
        for number in range(lines):
            chromosome = names[number * len(names) // lines]
            place = number * _GENES // lines
            effects = ",".join(
                f"G|{rng.choice(_EFFECTS)}|MODERATE|GENE{place}|{place}|transcript|NM_{n}.1|"
                "Coding|1/2|c.1A>G|p.(Met1Val)|1/2|1/2|1/2||"
                for n in range(3)
            )
            frequency = 10 ** rng.uniform(-5, 0)
            shares = ";".join(f"{name}={frequency * rng.random():.6f}" for name in _POPULATIONS)
            scored = f"CADD_PHRED={rng.exponential(10):.2f};" if rng.random() < 0.95 else ""
            genotype = "1/1" if rng.random() < 0.4 else "0/1"
            stream.write(
                f"{chromosome}\t{1000 + number % (lines // len(names) + 1) * 100}\t.\tA\tG\t50\t"
                f"PASS\t{scored}{shares};ANN={effects}\tGT\t{genotype}\n"
            )


def ran(*words: str | Path) -> tuple[float, float, bytes]:
    """Seconds of a program, the peak of its memory in MB, and what it printed. A small process
    starts it: the peak of a process counts what the one that forked it had in memory.
    """
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _LAUNCHER, *words], capture_output=True, check=True
    )
    taken = time.perf_counter() - start
    return taken, int(done.stderr.split()[-1]) / 1e3, done.stdout


def measured(vcf: Path) -> list[object]:
    """Medians of the command and of reading alone, one after the other."""
    ours, alone = [], []
    genes = lines = 0
    for _ in range(_REPEATS):
        *taken, printed = ran(_GESTALT, "genomics", "score", vcf, "--json", "--quiet")
        document = json.loads(printed)
        genes, lines = len(document["genes"]), document["counts"]["lines"]
        assert genes > 0
        ours.append(taken)
        *taken, printed = ran(sys.executable, "-c", _ONLY_READ, vcf)
        assert int(printed) == lines
        alone.append(taken)
    seconds, memory = (statistics.median(column) for column in zip(*ours, strict=True))
    read_seconds, read_memory = (statistics.median(column) for column in zip(*alone, strict=True))
    return [
        f"{lines:,}",
        f"{genes:,}",
        f"{seconds:.2f}",
        f"{memory:.0f}",
        f"{read_seconds:.2f}",
        f"{read_memory:.0f}",
        f"{seconds / read_seconds:.1f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lines", type=int, nargs="+", default=[15_000, 50_000, 100_000])
    parser.add_argument("--exome", type=Path)
    given = parser.parse_args()
    given.folder.mkdir(exist_ok=True)
    rows = []
    if given.exome is not None:
        rows.append(["real", *measured(given.exome)])
    for lines in given.lines:
        path = given.folder / f"{lines}.vcf.gz"
        write_vcf(path, lines)
        rows.append(["made up", *measured(path)])
    keep(
        "variants",
        "python -m benchmarks.variants FOLDER"
        + (" --exome exome_hg19_cadd.vcf.gz" if given.exome is not None else ""),
        ["VCF", "lines", "genes", "command, s", "MB", "cyvcf2 alone, s", "MB ", "ratio"],
        rows,
    )


if __name__ == "__main__":
    main()
