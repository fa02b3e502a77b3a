"""The dialects of HTTP that the service speaks beside its own: one file each.

A dialect translates the same items and answers (`app.api.item_request`); it has no inference of its
own. Its errors are the same errors in its form (`app.api.error_forms`).
"""

from app.api.dialects.dialect import HttpDialect
from app.api.dialects.hugging_face import HUGGING_FACE
from app.api.dialects.kserve_v1 import KSERVE_V1
from app.api.dialects.openai import OPENAI
from app.api.dialects.text_embeddings_inference import TEXT_EMBEDDINGS_INFERENCE
from app.api.dialects.v2 import V2

__all__ = ["DIALECTS", "HttpDialect"]

DIALECTS: tuple[HttpDialect, ...] = (
    OPENAI,
    KSERVE_V1,
    V2,
    HUGGING_FACE,
    TEXT_EMBEDDINGS_INFERENCE,
)
