"""The Open Inference Protocol over HTTP: requests in JSON, with or without binary tensors.

What the protocol means is in `app.open_inference`; this is its form.
"""

from app.api.dialects.dialect import DialectRow, HttpDialect
from app.api.dialects.v2.infer import INFER, TAG, infer_routes
from app.api.dialects.v2.metadata import router

_ASKS = "the tensor `payload` of BYTES, or the tensors of the graph"


def _row(task: str, modalities: tuple[str, ...], answers: str) -> DialectRow:
    return DialectRow(task, modalities, f"POST {INFER}", _ASKS, answers)


V2 = HttpDialect(
    name=TAG,
    rows=(
        _row("classify", ("image", "audio", "text", "tree"), "`label`, `probabilities`, …"),
        _row("embed", ("image", "audio", "text", "tree"), "`embedding`"),
        _row("reconstruct", ("image",), "`reconstruction`, `reconstruction_error`, `novelty`"),
    ),
    routes=infer_routes,
    router=router,
)
