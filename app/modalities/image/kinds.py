"""Kinds of picture files, recognised by their first bytes, never by a name or a media type.

`READ` are the kinds that a decoder here opens. Other kinds that people have are named, so that a
refusal can say what came.
"""

import re

JPEG_MARK, PNG_MARK = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
TIFF_MARKS = {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"MM*\0", b"II\0*"}
READ = ("JPEG", "PNG", "WebP", "GIF", "BMP", "TIFF", "AVIF", "HEIC")
_BRANDS = 40  # of a file of boxes that are read
_AVIF = {b"avif", b"avis"}
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_NOT_READ = (
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000"),
    (b"II\xbc", "a JPEG XR"),
    (b"\0\0\1\0", "an ICO (Windows icon)"),
    (b"icns", "an ICNS (Apple icon)"),
    (b"8BPS", "a Photoshop"),
    (b"%PDF-", "a PDF"),
    (b"%!PS", "a PostScript"),
    (b"v/1\x01", "an OpenEXR"),
    (b"#?RADIANCE", "a Radiance HDR"),
    (b"qoif", "a QOI"),
    (b"DDS ", "a DDS"),
    (b"SIMPLE  =", "a FITS"),
    (b"\x93NUMPY", "a NumPy"),
    (b"gimp xcf", "a GIMP"),
    (b"AT&TFORM", "a DjVu"),
    (b"\xd7\xcd\xc6\x9a", "a WMF"),
    (b"FUJIFILMCCD-RAW", "a camera's raw"),
    (b"\x01\xda", "an SGI"),
    (b"\x59\xa6\x6a\x95", "a Sun raster"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript"),
    (b"#?RGBE", "a Radiance HDR"),
)
_SOUNDS = (
    (b"fLaC", "a FLAC sound"),
    (b"OggS", "an Ogg sound"),
    (b"ID3", "an MP3 sound"),
    (b".snd", "an AU sound"),
    (b"caff", "a CAF sound"),
    (b"RIFF", "a WAV sound"),
)
_TARGA_TYPES, _TARGA_BITS = {1, 2, 3, 9, 10, 11}, {8, 15, 16, 24, 32}
_PORTABLE = re.compile(rb"P[1-7Ff][\s#]")
_SVG = re.compile(rb"\s*(?:<\?xml|<!DOCTYPE\s+svg|<svg)", re.IGNORECASE)


def picture_kind(data: bytes) -> str | None:
    """Return one of `READ`; None if the file is of no such kind."""
    if data.startswith(PNG_MARK):
        return "PNG"
    if data.startswith(JPEG_MARK):
        return "JPEG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP"
    if data.startswith(b"BM"):
        return "BMP"
    if data[:4] in TIFF_MARKS:
        return "TIFF"
    return _kind_of_boxes(data) if data[4:8] == b"ftyp" else None


def _kind_of_boxes(data: bytes) -> str | None:
    """Return which kind the brands of an ISO base media file say."""
    end = min(int.from_bytes(data[:4], "big"), 16 + 4 * _BRANDS)
    brands = {data[8:12], *(data[place : place + 4] for place in range(16, end, 4))}
    return "AVIF" if brands & _AVIF else "HEIC" if brands & _HEIC else None


def unread_kind(data: bytes) -> tuple[str, str]:
    """Return what a file is that is of no kind of `READ`, with its article, and what to do."""
    for mark, name in _SOUNDS:
        if data.startswith(mark) and (mark != b"RIFF" or data[8:12] == b"WAVE"):
            return name, "send it to a model of sounds"
    known = _named(data)
    return (known, "convert it to PNG") if known else ("something else", "send one of these")


def _named(data: bytes) -> str | None:
    """Return the kind of a picture that is not read; None if it is none that is known."""
    for mark, name in _NOT_READ:
        if data.startswith(mark):
            return f"{name} file"
    if data.startswith(b"\0\0\2\0") and data[4:6] != b"\0\0":  # how many it has
        return "a CUR (Windows cursor) file"
    if _is_targa(data):
        return "a TGA (Targa) file"
    if data[4:12] == b"ftypcrx ":
        return "a camera's raw file"
    if data[4:8] == b"ftyp":
        return "an MP4 file, a film or a sound"
    if data[128:132] == b"DICM":
        return "a DICOM file"
    if _PORTABLE.match(data):
        return "a PNM (PGM, PPM or the like) file"
    if _SVG.match(data) and b"<svg" in data[:4096].lower():
        return "an SVG file, which is no pixels"
    return None


def _is_targa(data: bytes) -> bool:
    """Return whether the header of a Targa file is there, which has no mark at its start."""
    if len(data) < 18 or data[1] > 1 or data[2] not in _TARGA_TYPES or 0 in _edges(data):
        return False
    return data[16] in _TARGA_BITS and (data[1] == 1) == (data[2] in (1, 9))


def _edges(data: bytes) -> tuple[int, int]:
    return int.from_bytes(data[12:14], "little"), int.from_bytes(data[14:16], "little")
