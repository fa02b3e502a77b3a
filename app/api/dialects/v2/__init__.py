"""The Open Inference Protocol over HTTP: requests in JSON, with or without binary tensors.

What the protocol means is in `app.open_inference`; this is its form.
"""

from app.api.dialects.dialect import HttpDialect
from app.api.dialects.v2.infer import TAG, infer_routes
from app.api.dialects.v2.metadata import router

V2 = HttpDialect(TAG, infer_routes, router)
