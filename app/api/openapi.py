"""The part of the OpenAPI description that FastAPI cannot infer: bodies of many forms."""

from typing import Any

from app.api.schemas import Classification, Problem

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_PARTS = {
    "schema": {
        "type": "object",
        "properties": {
            "file": {"type": "array", "items": {"type": "string", "format": "binary"}},
            "text": {"type": "array", "items": {"type": "string"}},
        },
    },
    "encoding": {"file": {"contentType": "image/*, audio/*, text/plain"}},
}
_INSTANCES = {
    "schema": {
        "type": "object",
        "required": ["instances"],
        "properties": {
            "instances": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "oneOf": [
                        {"type": "string"},
                        {
                            "type": "object",
                            "required": ["b64"],
                            "properties": {
                                "b64": {"type": "string", "contentEncoding": "base64"},
                                "media_type": {"type": "string"},
                            },
                        },
                    ]
                },
            }
        },
    },
    "example": {"instances": ["You have WON a free cruise!!! Click here to claim your prize."]},
}
_PROBLEMS = {
    400: "The JSON or multipart body is malformed",
    404: "There is no such model or version",
    408: "The body did not arrive in time",
    413: "The body is over a limit",
    415: "The model takes other media types",
    422: "An item cannot be read; `index` says which",
    503: "Overloaded, or the model is not ready; see Retry-After",
    504: "The deadline passed",
}

CLASSIFY: dict[str, Any] = {
    "response_model": Classification,
    "responses": {
        status: {
            "description": description,
            "content": {"application/problem+json": {"schema": Problem.model_json_schema()}},
        }
        for status, description in _PROBLEMS.items()
    },
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "description": (
                "The file itself with its media type, several as multipart/form-data, "
                "or JSON instances."
            ),
            "content": {
                "multipart/form-data": _PARTS,
                "application/json": _INSTANCES,
                "image/*": _BINARY,
                "audio/*": _BINARY,
                "text/plain": {
                    "schema": {"type": "string"},
                    "example": "You have WON a free cruise!!! Click here to claim your prize.",
                },
            },
        }
    },
}
