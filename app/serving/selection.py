"""Choosing a model for a request that names none, by media type."""

from collections.abc import Iterable, Mapping

from app.errors import NotReady, UnsupportedMedia
from app.serving.model import ServedModel

DEFAULT_TASK = "classify"  # the task of addresses without a model


def choose_by_media_type(
    models: Iterable[ServedModel], media_type: str, defaults: Mapping[str, str]
) -> ServedModel:
    """Return the classifier for a media type; raise `UnsupportedMedia` or `NotReady`.

    models: the newest ready version of each name. defaults: the preferred model of each modality;
    if several modalities accept the media type, the first one in `defaults` wins.
    """
    able = {m.manifest.name: m for m in models if m.pipeline.can(DEFAULT_TASK)}
    if not able:
        raise NotReady("no classifier is ready; GET /v1/models says why")
    fitting = [m for m in able.values() if m.accepts(media_type)]
    if not fitting:
        kinds = ", ".join(sorted({m.media_types for m in able.values()}))
        raise UnsupportedMedia(f"no model takes this media type; there are some for {kinds}")
    order = list(defaults)  # plain text: the modality `text` comes before `tree`
    modalities = {m.manifest.modality for m in fitting}
    modality = next((each for each in order if each in modalities), min(modalities))
    likely = [m for m in fitting if m.manifest.modality == modality]
    preferred = able.get(defaults.get(modality, ""))
    return preferred if preferred in likely else likely[0]
