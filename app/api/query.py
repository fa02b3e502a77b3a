"""A query string → the options of a task. Unknown and repeated parameters are refused."""

from urllib.parse import parse_qsl

from fastapi import Request

from app.errors import InvalidInput
from app.names import unknown_name
from app.tasks import Options
from app.tasks.task import read_options

_MOST = 100  # parameters of a query string


def parse_options(query: bytes, options: type[Options]) -> Options:
    """Return the options that a query string gives; raise `InvalidInput`."""
    try:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST)
    except ValueError:
        raise InvalidInput(f"expected at most {_MOST} query parameters, got more") from None
    return read_options(options, pairs, "query parameter", ("query",))


async def no_query(request: Request) -> None:
    """Refuse every query parameter; a dependency of the routes that take none."""
    for name in request.query_params:
        raise InvalidInput(unknown_name("query parameter", name, ()))
