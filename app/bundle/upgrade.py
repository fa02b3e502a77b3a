"""Upgrading manifests of older schema versions to the current one, by pure functions.

Version 1 wrote the arguments of the training command into `provenance.recipe`, for example
`toy --start features --from digits/1` or `--data photos`; version 2 has a field for each.
"""

import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json, to_json

OWN_DATA, PACKED = "auto", "pack"  # `provenance.recipe` of bundles without a named recipe
_STARTED = re.compile(r"(.*) --start (pretrained|features) --from (.*)", re.DOTALL)
_DATA = "--data "


def upgraded_json(manifest: bytes) -> bytes:
    """Return a manifest's JSON in the current schema version; return anything else unchanged.

    The validation of `Manifest` reports what is wrong with anything else.
    """
    try:
        document = from_json(manifest)
    except ValueError:
        return manifest
    if not isinstance(document, dict) or str(document.get("schema_version", 1)) != "1":
        return manifest  # without a version it is 1, the default at that time
    return to_json(upgraded(document))


def upgraded(document: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a document of schema version 1 to version 2.

    A provenance of an unknown form is left to the validation of `Manifest`.
    """
    document = {**document, "schema_version": 2}
    provenance = document.get("provenance")
    if not isinstance(provenance, Mapping) or not isinstance(provenance.get("recipe"), str):
        return document
    new = {**provenance, **_fields(provenance["recipe"], trained=bool(provenance.get("splits")))}
    return {**document, "provenance": new}


def _fields(arguments: str, *, trained: bool) -> dict[str, str | None]:
    """Return the fields for the arguments that version 1 kept.

    trained: whether there were training samples; a packed or exported graph had none.
    """
    start, source = "scratch" if trained else None, None
    if found := _STARTED.fullmatch(arguments):
        arguments, start, source = found.groups()
    data_path = None
    if arguments.startswith(_DATA):
        arguments, data_path = OWN_DATA, arguments.removeprefix(_DATA)
    return {"recipe": arguments, "data_path": data_path, "start": start, "source": source}
