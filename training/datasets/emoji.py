"""Pictograms of ten kinds, drawn by the font Noto Color Emoji: a data set with few samples a label.

Each character below is one sample of 136×128 pixels with a transparent background. The kinds follow
Unicode's sub-groups. Another version of the font has other drawings.
"""

import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from app.modalities import Payload
from training.data.dataset import Dataset, Sample
from training.data.sources import DataFile, locate
from training.errors import BadData

FONT = DataFile(
    "NotoColorEmoji.ttf", "the package fonts-noto-color-emoji (Debian, Ubuntu, Alpine)", None
)
INSTALLED = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
SIZE, CANVAS = 109, (136, 128)  # the only size at which the font has bitmaps; theirs, in pixels
KINDS = {
    "mammal": (
        "🐵🐒🦍🦧🐶🐕🦮🐩🐺🦊🦝🐱🐈🦁🐯🐅🐆🐴🐎🦄🦓🦌🦬🐮🐂🐃🐄🐷🐖🐗"
        "🐏🐑🐐🐪🐫🦙🦒🐘🦣🦏🦛🐭🐁🐀🐹🐰🐇🐿🦫🦔🦇🐻🐨🐼🦥🦦🦨🦘🦡"
    ),
    "bird or sea animal": "🦃🐔🐓🐣🐤🐥🐦🐧🕊🦅🦆🦢🦉🦤🦩🦚🦜🐳🐋🐬🦭🐟🐠🐡🦈🐙🦀🦞🦐🦑🐌🐸🐊🐢",
    "fruit or vegetable": "🍇🍈🍉🍊🍋🍌🍍🥭🍎🍏🍐🍑🍒🍓🫐🥝🍅🫒🥥🥑🍆🥔🥕🌽🌶🫑🥒🥬🥦🧄🧅🍄🥜🌰",
    "dish": (
        "🍞🥐🥖🫓🥨🥯🥞🧇🧀🍖🍗🥩🥓🍔🍟🍕🌭🥪🌮🌯🫔🥙🧆🥚🍳🥘🍲🫕🥣🥗"
        "🍿🧈🍱🍘🍙🍚🍛🍜🍝🍠🍢🍣🍤🍥🥮🍡🥟🍦🍧🍨🍩🍪🎂🍰🧁🥧🍫🍬🍭🍮"
        "🍯"
    ),
    "vehicle": (
        "🚂🚃🚄🚅🚆🚇🚈🚉🚊🚝🚞🚋🚌🚍🚎🚐🚑🚒🚓🚔🚕🚖🚗🚘🚙🛻🚚🚛🚜🏎"
        "🏍🛵🛺🚲🛴🛹⛵🛶🚤🛳⛴🛥🚢✈🛩🛫🛬🚁🚟🚠🚡🚀🛸"
    ),
    "building": ("🏛🏗🏘🏚🏠🏡🏢🏣🏤🏥🏦🏨🏩🏪🏫🏬🏭🏯🏰💒🗼🗽⛪🕌🛕🕍⛩🕋⛲⛺🎪🌉🎡🎢🎠"),
    "clothing": (
        "👓🕶🥽🥼🦺👔👕👖🧣🧤🧥🧦👗👘🥻🩱🩲🩳👙👚👛👜👝🎒🩴👞👟🥾🥿👠👡🩰👢👑👒🎩🎓🧢🪖⛑💄💍"
    ),
    "instrument": "📯🎷🪗🎸🎹🎺🎻🪕🥁🪘🎤🎧📻🎙🔔🎼",
    "sport": "⚽⚾🥎🏀🏐🏈🏉🎾🥏🎳🏏🏑🏒🥍🏓🏸🥊🥋🥅⛳⛸🎣🤿🎽🎿🛷🥌🎯🪀🪁🎱",
    "plant": "💐🌸🏵🌹🥀🌺🌻🌼🌷🌱🪴🌲🌳🌴🌵🌾🌿🍀🍁🍂🍃💮☘",
}


def load(given: Path | None) -> Dataset:
    """Draw all pictograms. `given` is the font or its folder; by default it is the installed font.

    Characters that the font lacks are listed as unreadable.
    """
    path = INSTALLED if given is None and INSTALLED.exists() else locate([FONT], given)[0]
    try:
        font = ImageFont.truetype(path, SIZE)
    except OSError:
        raise BadData(f"{path} is not a font with bitmaps of {SIZE} pixels") from None
    samples, missing = [], []
    for kind, characters in KINDS.items():
        for character in characters:
            name = f"{kind}/{ord(character):x}.png"
            image = _draw(character, font)
            if image is None:
                missing.append(f"{name} (not in the font)")
                continue
            # The key is the character: the bytes of the PNG differ between machines.
            samples.append(
                Sample(name, Payload(image, "image/png"), kind, key=f"U+{ord(character):X}")
            )
    return Dataset("Noto Color Emoji", path.name, "OFL-1.1", samples, missing)


def _draw(character: str, font: ImageFont.FreeTypeFont) -> bytes | None:
    """Return a PNG; None where the font draws nothing."""
    image = Image.new("RGBA", CANVAS, (255, 255, 255, 0))
    ImageDraw.Draw(image).text((0, 0), character, font=font, embedded_color=True)
    if len(image.getcolors(CANVAS[0] * CANVAS[1]) or (1, 2)) < 2:
        return None
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
