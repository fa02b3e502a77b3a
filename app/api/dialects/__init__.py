"""The dialects of HTTP that the service speaks beside its own: one file each.

A dialect translates the same items and answers (`app.api.item_request`); it has no inference of its
own. Its errors are the same errors in its form (`app.api.error_forms`).
"""

from app.api.dialects.dialect import HttpDialect

__all__ = ["DIALECTS", "HttpDialect"]

DIALECTS: tuple[HttpDialect, ...] = ()
