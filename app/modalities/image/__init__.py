"""Image files: specification, encoder, resizing, explanation."""

from app.modalities.image.encoder import ImageEncoder
from app.modalities.image.explanation import explain_image
from app.modalities.image.spec import ImageSpec
from app.modalities.modality import Modality, any_numbers
from app.modalities.saliency import SaliencyMap

IMAGE = Modality(
    name="image",
    spec=ImageSpec,
    encoder=ImageEncoder,
    accepts=ImageEncoder.accepts,
    bodies={"image/*": {"schema": {"type": "string", "format": "binary"}}},
    take_tensors=any_numbers,
    explain=explain_image,
    explanation=SaliencyMap,
)
