"""The routes of autoencoders: each item as the network sees it, and how unlike its data it is.

A client that accepts `image/png`, and not JSON rather, is sent the picture of its one item.
"""

import binascii
from collections.abc import Sequence

import orjson
from starlette.types import Scope

from app.api.endpoint import JSON, Endpoint, Serving, Translation, header
from app.api.fast_path import HotRoute, model_routes
from app.api.openapi import PICTURE, described
from app.api.schemas import Reconstructions
from app.bundle import Manifest
from app.errors import InvalidInput
from app.outputs import Reconstruction, png
from app.pipeline import Rebuilt

_PNG = "image/png"
_REBUILT = Rebuilt()


def routes(serving: Serving) -> list[HotRoute]:
    """Return the routes."""
    endpoint = Endpoint(serving, Translation(_wanted, _written))
    extra = described(Reconstructions, PICTURE)
    return model_routes("reconstruct", endpoint, reconstruct, reconstruct_version, **extra)


def reconstruct(model: str) -> None:
    """Reconstruct each item with the newest ready version of an autoencoder."""


def reconstruct_version(model: str, version: int) -> None:
    """Reconstruct each item with one version of an autoencoder."""


def _wanted(_scope: Scope) -> Rebuilt:
    return _REBUILT


def _written(
    scope: Scope, manifest: Manifest, answers: Sequence[Reconstruction]
) -> tuple[bytes, bytes]:
    if wants_png(header(scope, b"accept")):
        if len(answers) > 1:
            raise InvalidInput(f"{_PNG} holds one item; accept application/json for several")
        return png(answers[0].picture), _PNG.encode()
    items = [
        {
            "reconstruction_error": answer.error,
            "novelty": answer.novelty,
            "reconstruction": {
                "b64": binascii.b2a_base64(png(answer.picture), newline=False).decode(),
                "media_type": _PNG,
            },
        }
        for answer in answers
    ]
    answer = {"model": manifest.name, "version": manifest.version, "reconstructions": items}
    return orjson.dumps(answer), JSON


def wants_png(accept: str) -> bool:
    """Say whether an Accept header names PNG, and JSON not before it (RFC 9110, 12.5.1).

    `q` is looked at; ranges such as `*/*` and `image/*` are not enough to be sent a picture.
    """
    weights = {}
    for place, part in enumerate(accept.lower().split(",")):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        given = [piece[2:] for piece in parameters if piece.startswith("q=")]
        weights[name] = (_weight(given[0]) if given else 1.0, -place)
    wanted = weights.get(_PNG, (0.0, 0))
    return wanted[0] > 0 and wanted > weights.get("application/json", (0.0, 0))


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
