"""`gestalt doctor`."""

from __future__ import annotations

from dataclasses import asdict

from . import options, output

MARKS = {"ok": "ok", "note": "note", "fail": "FAIL"}


def doctor(home: options.Home = None, as_json: options.Json = False) -> int:
    """Say what works on this machine, and with what. Exit code 1 where something does not."""
    from gestalt_space.doctor import examine
    from gestalt_space.settings import load_settings

    findings = list(examine(load_settings(home)))
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
