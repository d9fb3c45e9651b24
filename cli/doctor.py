"""`gestalt doctor`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from gestalt_space.counts import counted_text

from . import options, output

if TYPE_CHECKING:
    from gestalt_space.gallery.inspecting.findings import CheckFinding


def doctor(
    home: options.Home = None, as_json: options.Json = False, csv: options.Csv = None
) -> int:
    """Check what works on this machine. The exit code is 1 if something does not work."""
    from gestalt_space.machine.doctor import examine
    from gestalt_space.settings import load_settings

    output.check_csv(csv, as_json=as_json)
    return tell_findings(examine(load_settings(home)), csv, as_json=as_json)


def tell_findings(found: Iterable[CheckFinding], csv: Path | None, *, as_json: bool) -> int:
    """Show what was looked at, and below it what to do; the exit code is 1 where something is
    wrong."""
    from gestalt_space.documents.findings import findings_document, findings_table

    findings = list(found)
    failed = sum(finding.state == "fail" for finding in findings)
    if as_json:
        output.write_json(findings_document(findings))
        return 1 if failed else 0
    output.write_table(findings_table(findings), csv)
    if csv is not None:
        return 1 if failed else 0
    advice: dict[str, list[str]] = {}
    for finding in findings:
        if finding.hint:
            advice.setdefault(finding.hint, []).append(finding.subject)
    for hint, subjects in advice.items():
        output.write_text(f"{', '.join(dict.fromkeys(subjects))}: {hint}")
    checks = counted_text(len(findings), "check")
    output.say(
        f"{failed:,} of {checks} failed: see FAIL above."
        if failed
        else f"No problem found in {checks}."
    )
    return 1 if failed else 0
