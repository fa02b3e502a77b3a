"""What becomes of float samples beyond full scale, which is -1 to 1.

Up to `HEADROOM` they are the loud places of a mix, and the whole sound is divided by its highest
sample: nothing is cut off. Beyond it they are integers that nobody divided, and the file is
refused: which integers they were is a guess.
"""

from app.errors import InvalidInput

HEADROOM = 8.0
"""The highest sample that may be the loud place of a mix: 18 dB over full scale."""
NO_NUMBERS = (
    "expected samples of -1 to 1, got values that are not numbers (NaN or infinity); "
    "replace them by 0"
)
_INTEGERS = (16, 24, 32)


def scale_of(highest: float) -> float:
    """Return the factor for a sound of floats; raise `InvalidInput` where they are no sound.

    highest: the largest magnitude.
    """
    if highest <= 1.0:
        return 1.0
    if highest <= HEADROOM:
        return 1.0 / highest
    found = f"{highest:,.0f}" if 100 <= highest < 1e12 else f"{highest:.3g}"
    bits = next((bits for bits in _INTEGERS if highest <= 2 ** (bits - 1)), None)
    remedy = "divide them by their highest magnitude"
    if bits is not None:
        remedy = f"if they were {bits}-bit integers, divide them by {2 ** (bits - 1):,}"
    raise InvalidInput(f"expected float samples of -1 to 1, but they reach {found}; {remedy}")
