"""Choosing a model for a request that names none, by media type."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from app.errors import NotReady, UnsupportedMedia
from app.modalities.modality import accepts_nothing
from app.serving.model import ServedModel

DEFAULT_TASK = "classify"  # the task of addresses without a model


@dataclass(frozen=True, slots=True)
class Defaults:
    """The models that are preferred where a request names none.

    names: of the preferred model, by modality; if several modalities accept a media type, the first
    one wins. accepts: whether a modality may be able to decode a media type.
    """

    names: Mapping[str, str]
    accepts: Mapping[str, Callable[[str], bool]]

    def waiting(self, media_type: str, before: str, states: Mapping[str, str]) -> str | None:
        """Return the preferred model for a media type if it is published and not ready.

        before: the modality that would answer; those after it are not preferred. states: of the
        models that are published and not ready, by name.
        """
        for modality, name in self.names.items():
            if name in states and self.accepts.get(modality, accepts_nothing)(media_type):
                return name
            if modality == before:
                return None
        return None


def choose_by_media_type(
    models: Iterable[ServedModel], media_type: str, defaults: Defaults, states: Mapping[str, str]
) -> ServedModel:
    """Return the classifier for a media type; raise `UnsupportedMedia` or `NotReady`.

    models: the version of each name that serves. states: of the models that are published and not
    ready, by name. Another model answers where the preferred one is not published, but not where it
    is only not ready: then an answer would depend on the moment.
    """
    able = {m.manifest.name: m for m in models if m.pipeline.can(DEFAULT_TASK)}
    if not able:
        raise NotReady("no classifier is ready; GET /v1/models says why")
    fitting = [m for m in able.values() if m.accepts(media_type)]
    modalities = {m.manifest.modality for m in fitting}
    # Plain text: the modality `text` comes before `tree`.
    modality = next((e for e in defaults.names if e in modalities), min(modalities, default=""))
    if (name := defaults.waiting(media_type, modality, states)) is not None:
        raise NotReady(f"{name} is {states[name]}; GET /v1/models/{name} says why")
    if not fitting:
        kinds = ", ".join(sorted({m.media_types for m in able.values()}))
        raise UnsupportedMedia(f"no model takes this media type; there are some for {kinds}")
    likely = [m for m in fitting if m.manifest.modality == modality]
    preferred = able.get(defaults.names.get(modality, ""))
    return preferred if preferred in likely else likely[0]
