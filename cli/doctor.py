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
    """Show what was looked at; the exit code is 1 where something does not work."""
    findings = list(found)
    sound = all(finding.state != "fail" for finding in findings)
    if as_json:
        output.write_json(
            {"version": 1, "sound": sound, "findings": [asdict(finding) for finding in findings]}
        )
        return 0 if sound else 1
    table = output.new_table("", "what", "found")
    for finding in findings:
        text = finding.detail + (f"\n→ {finding.hint}" if finding.hint else "")
        table.add_row(MARKS[finding.state], finding.subject, text)
    output.write_table(table)
    output.say("Everything works." if sound else "Something does not work: see the lines above.")
    return 0 if sound else 1
