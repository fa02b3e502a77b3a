"""The decoder of HEIC pictures, if the extra `thalamus[media]` is installed.

`HEIC` opens a file as Pillow's classes do, and turns the picture upright; None without the extra.
"""

from typing import Any

HEIC: Any
try:
    import pi_heif
    from pi_heif.as_plugin import HeifImageFile
except ImportError:
    HEIC = None
else:
    HEIC = HeifImageFile
    pi_heif.options.DECODE_THREADS = 1  # a batch has its threads already
    pi_heif.options.THUMBNAILS = False
    pi_heif.options.DEPTH_IMAGES = False
    pi_heif.options.AUX_IMAGES = False
