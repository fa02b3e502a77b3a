"""Figures by their names, as a manifest has them."""

from collections.abc import Mapping

from app.bundle import Measurement


def measured(figures: Mapping[str, float], split: str, samples: int) -> list[Measurement]:
    """Return the figures, each measured on so many samples of `split`."""
    return [
        Measurement(name=name, value=value, split=split, samples=samples)
        for name, value in figures.items()
    ]
