"""`gestalt doctor`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from . import options, output

if TYPE_CHECKING:
    from gestalt_space.gallery.inspecting.findings import Finding

MARKS = {"ok": "ok", "note": "note", "fail": "FAIL"}


def doctor(home: options.Home = None, as_json: options.Json = False) -> int:
    """Say what works on this machine, and with what. Exit code 1 where something does not."""
    from gestalt_space.doctor import examine
    from gestalt_space.settings import load_settings

    return tell_findings(examine(load_settings(home)), as_json=as_json)


def tell_findings(found: Iterable[Finding], *, as_json: bool) -> int:
    """Show what was looked at, and below it what to do; the exit code is 1 where something is
    wrong."""
    findings = list(found)
    failed = sum(finding.state == "fail" for finding in findings)
    if as_json:
        records = [asdict(finding) for finding in findings]
        output.write_json({"version": 1, "sound": not failed, "findings": records})
        return 1 if failed else 0
    table = output.new_table("", "what", "found")
    advice: dict[str, list[str]] = {}
    for finding in findings:
        table.add_row(MARKS[finding.state], finding.subject, finding.detail)
        if finding.hint:
            advice.setdefault(finding.hint, []).append(finding.subject)
    output.write_table(table)
    for hint, subjects in advice.items():
        output.write_text(f"{', '.join(dict.fromkeys(subjects))}: {hint}")
    checks = output.counted_text(len(findings), "check")
    output.say(
        f"{failed:,} of {checks} failed: see FAIL above."
        if failed
        else f"No problem found in {checks}."
    )
    return 1 if failed else 0
