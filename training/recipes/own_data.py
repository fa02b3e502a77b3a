"""What is known of the recipe for the user's own labelled files before they are read."""

import re
from pathlib import Path

from app.bundle.manifest import wrong_name
from training.data.reading.names import data_stem
from training.errors import BadData
from training.recipes.summary import RecipeSummary


def summarize_own_data(data: Path, name: str | None) -> RecipeSummary:
    """Return the summary of the recipe for the samples at `data`; raise `BadData`.

    name: of the model; by default it is made of the data's name.
    """
    model = _slug(data_stem(data.resolve())) if name is None else _checked(name)
    return RecipeSummary(model, "classify", f"Classifies an item; trained on {data.name}.")


def _checked(name: str) -> str:
    """Return a name that was given; publishing it under another one would surprise."""
    if wrong := wrong_name(name):
        raise BadData(f"--name: {wrong}")
    return name


def _slug(text: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63]
    if not slug:
        raise BadData(f"{text!r} makes no model name; give one with --name")
    return slug
