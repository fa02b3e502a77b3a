"""Sound files: specification, encoder, containers, explanation."""

from app.modalities.audio.encoder import AudioEncoder
from app.modalities.audio.explanation import explain_sound
from app.modalities.audio.spec import AudioSpec
from app.modalities.modality import Modality, any_numbers
from app.modalities.saliency import SaliencyMap

AUDIO = Modality(
    name="audio",
    spec=AudioSpec,
    encoder=AudioEncoder,
    accepts=AudioEncoder.accepts,
    bodies={"audio/*": {"schema": {"type": "string", "format": "binary"}}},
    take_tensors=any_numbers,
    explain=explain_sound,
    explanation=SaliencyMap,
)
