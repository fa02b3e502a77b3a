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
    return read_options(options, query_pairs(query), "query parameter", ("query",))


def query_pairs(query: bytes) -> list[tuple[str, str]]:
    """Return the names and values of a query string; raise `InvalidInput` for too many."""
    try:
        return parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST)
    except ValueError:
        raise InvalidInput(f"expected at most {_MOST} query parameters, got more") from None


async def no_query(request: Request) -> None:
    """Refuse every query parameter; a dependency of the routes that take none."""
    for name in request.query_params:
        raise InvalidInput(unknown_name("query parameter", name, ()))
