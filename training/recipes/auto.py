"""The recipe for the user's own labelled files: the default one of their modality."""

from pathlib import Path

from app.bundle.upgrade import OWN_DATA
from training.data.reading.options import ReadingOptions
from training.data.reading.read import modality, read_samples
from training.errors import BadData
from training.modalities import TRAINING_MODALITIES, DefaultRecipe, TrainingModalities
from training.recipes.own_data import summarize_own_data
from training.recipes.recipe import Lineage, Recipe


def auto_recipe(
    data: Path,
    name: str | None,
    modalities: TrainingModalities = TRAINING_MODALITIES,
    options: ReadingOptions = ReadingOptions(),
) -> Recipe:
    """Return the recipe for the samples at `data`; raise `BadData` when there are none.

    name: of the model; by default it is made of the data's name. options: see `ReadingOptions`.
    """
    model = summarize_own_data(data, name).name
    dataset = read_samples(data, modalities.values(), options)
    default = default_recipe(modality(dataset, modalities.values()), modalities)
    return Recipe(
        name=model,
        description=f"Classifies an item into {len(dataset.counts())} labels; trained on "
        f"{data.name}.",
        load=lambda _: dataset,
        prepare=default.prepare_for(keeps_case=dataset.keeps_case),
        network=default.network,
        augment=default.augment,
        schedule=default.schedule(len(dataset.samples)),
        licence="that of the data",
        lineage=Lineage(recipe=OWN_DATA, data_path=data.name),
    )


def default_recipe(
    kind: str, modalities: TrainingModalities = TRAINING_MODALITIES
) -> DefaultRecipe:
    """Return what the user's own files of a modality are trained with; raise `BadData`."""
    found = modalities[kind].recipe
    if found is None:
        raise BadData(f"{modalities[kind].plural} are trained by a recipe of their own")
    return found
