"""The dialects of HTTP that the service speaks beside its own: one file each.

A dialect translates the same items and answers (`app.api.item_request`); it has no inference of its
own. Its errors are the same errors in its form (`app.api.error_forms`).
"""

from app.api.dialects.dialect import HttpDialect
from app.api.dialects.v2 import V2

__all__ = ["DIALECTS", "HttpDialect"]

DIALECTS: tuple[HttpDialect, ...] = (V2,)
