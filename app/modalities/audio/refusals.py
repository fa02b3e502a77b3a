"""What several readers of sounds say of a file that they refuse, and whether there is the extra."""

from importlib.util import find_spec

from app.errors import InvalidInput
from app.modalities.image.kinds import picture_kind

SAVE_ANEW = "save it anew, for example as WAV"
DAMAGED_SOUND = f"the sound is damaged, or of a kind that is not read; {SAVE_ANEW}"
NO_SAMPLES = "expected a sound, got a file without samples; record it again"
EXTRA = "thalamus[media]"


def has_extra() -> bool:
    """Return whether what decodes WebM and MP4 is installed, without loading it."""
    return find_spec("av") is not None


def expected_sound() -> str:
    """Return the begin of a refusal: which files are read here."""
    more = ", CAF, WebM, MP4 or AAC" if has_extra() else " or CAF"
    return f"expected a WAV, FLAC, Ogg, MP3, AIFF, AU{more} sound"


def refuse_pictures(data: bytes) -> None:
    """Raise `InvalidInput` for a picture, which is named."""
    kind = picture_kind(data)
    if kind is not None:
        article = "an" if kind.startswith("A") else "a"
        raise InvalidInput(
            f"{expected_sound()}, got {article} {kind} image; send it to a model of pictures"
        )
