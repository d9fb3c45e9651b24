from __future__ import annotations

import json
import math

from gestalt_space.stats.estimates import Finding, finding_records, finding_rows

ONE = Finding("OMIM:122470", "difference of mean faces", 0.1, 12, "families", "jackknife", seed=3)


def test_what_is_not_there_is_null_and_not_nan():
    (record,) = finding_records([ONE])
    assert record["low"] is record["high"] is record["p"] is None
    assert json.loads(json.dumps(record, allow_nan=False))["estimate"] == 0.1


def test_rows_and_records_say_the_same():
    findings = [ONE, Finding("all", "power", math.nan, 3, "disorders", "sign flips", p=0.5)]
    names, rows = finding_rows(findings)
    assert [dict(zip(names, row, strict=True)) for row in rows] == finding_records(findings)
