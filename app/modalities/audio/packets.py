"""A codec's packets in a file: what containers of films and of browsers' recordings hold."""

from dataclasses import dataclass

from app.errors import InvalidInput
from app.modalities.audio.layout import PlainSamples, SampleLayout
from app.modalities.audio.refusals import SAVE_ANEW

MOST_PACKETS = 200_000
"""Packets of a sound; those of 300 s at 2.5 ms, the shortest that a recorder makes, are 120,000."""


@dataclass(frozen=True, slots=True)
class CodecPackets:
    """One sound of a file.

    codec: FFmpeg's name. setup: its header. places: start and size of each packet in the file.
    skipped: samples before the sound begins. left_out: what else the file holds. layout: of plain
    samples, which have no codec.
    """

    codec: str
    setup: bytes
    places: list[tuple[int, int]]
    skipped: int = 0
    left_out: str | None = None
    layout: SampleLayout | None = None

    def check_overlap(self, data: bytes, times: int = 1) -> None:
        """Raise `InvalidInput` where a table lists the same bytes of a file again and again."""
        size = sum(min(size, max(len(data) - start, 0)) for start, size in self.places)
        if size > times * len(data):
            raise InvalidInput(
                f"the packets of the sound overlap: the file is damaged; {SAVE_ANEW}"
            )

    def plain_samples(self, data: bytes, layout: SampleLayout) -> PlainSamples:
        """Return the sound of packets that are samples of that layout."""
        self.check_overlap(data)
        joined = b"".join(data[start : start + size] for start, size in self.places)
        samples = PlainSamples(joined, layout._replace(size=len(joined)))
        samples.left_out = self.left_out
        return samples


def others_left_out(sounds: int, has_pictures: bool) -> str | None:
    """Return a sentence on what is not heard of a film, where only its first sound is."""
    said = [f"the first of its {sounds} sounds was heard"] if sounds > 1 else []
    said += ["its pictures were left out"] if has_pictures else []
    return "; ".join(said) or None


def too_many(kind: str) -> InvalidInput:
    """Return the error for a file with more packets or elements than a sound of 300 s has."""
    return InvalidInput(
        f"expected at most {MOST_PACKETS:,} packets in the {kind} file, got more; send the part "
        "that matters"
    )
