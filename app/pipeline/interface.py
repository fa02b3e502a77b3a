"""What a bundle takes, is asked and answers, without its graph."""

from app.bundle import Bundle, Manifest
from app.errors import UnsupportedTask
from app.modalities import Encoder, Modality
from app.tasks import Task
from app.tasks.tensor_answers import TENSORS, answer_tensors, tensor_decoder


class ModelInterface:
    """The encoder, the tasks and the decoders of a bundle.

    tasks: the names of those that it supports. decoders: by the name of their options. provider:
    the ONNX Runtime execution provider that really runs the graph, wherever that is; empty where it
    is not known.
    """

    def __init__(self, bundle: Bundle, provider: str = "") -> None:
        registry, spec = bundle.registry, bundle.manifest.encoder
        self.manifest: Manifest = bundle.manifest
        self.task: Task = registry.tasks[bundle.manifest.task]
        self.modality: Modality = registry.modalities[spec.kind]
        self.encoder: Encoder = self.modality.encoder(spec, bundle.files)
        self.provider = provider
        every, manifest, modality = registry.tasks.values(), bundle.manifest, self.modality
        decoders = {t.name: t.decoder(manifest, modality) for t in every if t.can(manifest)}
        self.tasks = tuple(decoders)
        self.answer_tensors = answer_tensors(every, manifest, modality, self.encoder)
        self.decoders = {**decoders, TENSORS: tensor_decoder(self.answer_tensors)}

    def can(self, task: str) -> bool:
        """Return whether the model supports this task."""
        return task in self.tasks

    def require(self, task: str) -> None:
        """Raise `UnsupportedTask` unless the model supports this task."""
        if task not in self.tasks:
            raise UnsupportedTask(
                f"{self.manifest.name} does not {task}; "
                f"what it can be asked is to {' or '.join(self.tasks)}"
            )
