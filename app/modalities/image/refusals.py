"""What several readers of pictures say of a file that they refuse."""

from app.errors import InvalidInput
from app.modalities.image.header import MAX_PIXELS, MAX_REDUCED_PIXELS

_MOST = 10_000_000_000  # pixels; of a header that states more the number says nothing


def damaged(kind: str | None) -> InvalidInput:
    """Return the refusal of a file whose kind is known."""
    return InvalidInput(
        f"the {kind} image is truncated or damaged; send the whole file, or save it anew"
    )


def too_large(pixels: int) -> InvalidInput:
    """Return the refusal of a picture with so many pixels."""
    got = f"{pixels / 1e6:.5g}" if pixels <= _MOST else f"more than {_MOST // 10**6:,}"
    return InvalidInput(
        f"expected at most {MAX_PIXELS // 10**6} megapixels ({MAX_REDUCED_PIXELS // 10**6} in a "
        f"JPEG that is not progressive and is read at a fraction of its size), got {got}; "
        "send a smaller one"
    )
