"""The ways in which people write that something is not known."""

UNKNOWN_WORDS = (
    *("", "unknown", "Unknown", "na", "NA", "n/a", "N/A", "#N/A", "#NA", "nan", "NaN", "none"),
    *("None", "null", "NULL", "?", "-", "–", "—", "not known", "Not  Known", "missing"),
    *("not available", " NA ", "undiagnosed"),
)
