"""The name given with `--from` → the trained network."""

from collections.abc import Callable
from pathlib import Path

from app.bundle import versions
from app.bundle.files import MANIFEST
from training.errors import TrainingError
from training.modalities import TRAINING_MODALITIES, TrainingModalities
from training.transfer.bundle import network_from_bundle
from training.transfer.folder import network_from_folder
from training.transfer.packages import imagenet, minilm
from training.transfer.trained_network import TrainedNetwork
from training.transfer.transformers_library import CONFIG

_SHIPPED = Path("models")  # where a clone has its bundles, whatever folder is published to
PACKAGES: dict[str, Callable[[], TrainedNetwork]] = {"imagenet": imagenet, "minilm": minilm}


def resolve_network(
    given: str | None,
    kind: str,
    models: Path,
    modalities: TrainingModalities = TRAINING_MODALITIES,
) -> TrainedNetwork:
    """Return the network that `given` names, or the default one of that modality.

    given: a package's network, a bundle under `models` or anywhere, or a folder of the library
    `transformers`. The default one may also be a shipped bundle. Raises `TrainingError`, or what
    reading a bundle raises.
    """
    named = given or (modalities[kind].default_source if kind in modalities else None)
    if named is None:
        raise TrainingError(f"no trained network for {kind} data comes with this; name one: --from")
    if named in PACKAGES:
        return PACKAGES[named]()
    known = ", ".join(PACKAGES)
    places = [Path(named), models / named, *([_SHIPPED / named] if given is None else [])]
    path = next((path for path in places if path.is_dir()), None)
    if path is None:
        raise TrainingError(
            f"--from {named}: neither {known}, nor a bundle in {models}, nor a folder"
        )
    if found := versions(path):
        path = found[max(found)]
    if (path / MANIFEST).exists():
        return network_from_bundle(path, PACKAGES, modalities)
    if (path / CONFIG).exists():
        return network_from_folder(path)
    raise TrainingError(f"--from {named}: neither a bundle ({MANIFEST}) nor a backbone ({CONFIG})")
