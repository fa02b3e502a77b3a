"""A query string → the options of a task. Unknown and repeated parameters are refused."""

from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import ValidationError

from app.errors import InvalidInput
from app.names import unknown_name
from app.tasks import Options

_MOST = 100  # parameters of a query string


def parse_options(query: bytes, options: type[Options]) -> Options:
    """Return the options that a query string gives; raise `InvalidInput`."""
    given: dict[str, str] = {}
    try:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST)
    except ValueError:
        raise InvalidInput(f"expected at most {_MOST} query parameters, got more") from None
    for name, value in pairs:
        if name not in options.model_fields:
            raise InvalidInput(unknown_name("query parameter", name, options.model_fields))
        if name in given:
            raise InvalidInput(f"query.{name}: expected once, got more than once")
        given[name] = value
    try:
        return options.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(["query", *map(str, first["loc"])])
        raise InvalidInput(f"{place}: {first['msg']}") from None


async def no_query(request: Request) -> None:
    """Refuse every query parameter; a dependency of the routes that take none."""
    for name in request.query_params:
        raise InvalidInput(unknown_name("query parameter", name, ()))
