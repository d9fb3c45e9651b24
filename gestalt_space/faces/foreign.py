"""What a file is that is not read here: so that a refusal names it, and not only what is read."""

from __future__ import annotations

AVIF = "an AVIF picture"
_STARTS = (
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"8BPS", "a Photoshop file"),
    (b"\0\0\1\0", "an icon"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"qoif", "a QOI picture"),
    (b"PK\x03\x04", "a ZIP archive or Office document"),
    (b"<svg", "an SVG drawing"),
    (b"P5", "a PGM picture"),
    (b"P6", "a PPM picture"),
    (b"FUJIFILM", "a raw camera file"),
)
_BRAND = slice(4, 12)
_DICOM = slice(128, 132)


def foreign_kind(data: bytes) -> str | None:
    """What the first bytes of a file say it is, with its article, where they say it."""
    if data[_DICOM] == b"DICM":
        return "a DICOM file"
    if data[_BRAND].startswith(b"ftyp"):
        return {b"avif": AVIF, b"crx ": "a raw camera file"}.get(
            data[_BRAND][4:], "a video, or an unknown kind of picture"
        )
    text = data[:1000].lstrip(b"\xef\xbb\xbf \r\n\t")
    if text.startswith(b"<?xml") and b"<svg" in text:
        return "an SVG drawing"
    return next((name for start, name in _STARTS if text.startswith(start)), None)
