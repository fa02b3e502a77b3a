"""The card and the samples of a version: files of its bundle, for people who look at a model.

They are read when they are asked for, so a served model keeps none of them in memory, and compared
with the sha256 in the manifest that serves. A client names a picture or a sample; the name is
looked up in the lists of the bundle, and no path of a client reaches the file system. What is sent
belongs to the bundle's author, not to the service: a browser that opens it runs nothing in it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request, Response
from fastapi import Path as InPath

from app.api.openapi import FILE_REFUSALS
from app.api.query import no_query
from app.api.schemas import GoldenSample, Samples
from app.bundle import Manifest
from app.bundle.files import CASES, GOLDEN_FOLDER, read_bundle_file
from app.bundle.manifest import MAX_VERSION
from app.errors import InvalidBundle, NotReady, UnknownFile
from app.serving.catalog import Catalog
from app.serving.daemon_thread import in_daemon_thread

router = APIRouter(prefix="/v1/models/{model}", tags=["cards"], dependencies=[Depends(no_query)])
_CARD = "README.md"
_MARKDOWN = "text/markdown"
_ANY = "application/octet-stream"
_PICTURES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
_INERT = {"Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'"}
_BYTES: dict[int | str, Any] = {
    200: {"content": {_ANY: {"schema": {"type": "string", "format": "binary"}}}}
}
_TEXT: dict[int | str, Any] = {200: {"content": {_MARKDOWN: {"schema": {"type": "string"}}}}}
_Version = Annotated[int, InPath(ge=1, le=MAX_VERSION)]


@dataclass(frozen=True, slots=True)
class BundleFiles:
    """Reads files of the versions in the catalog. root: the folder of models."""

    root: Path
    catalog: Catalog

    async def read(self, manifest: Manifest, name: str) -> bytes:
        """Return a file that the manifest lists; raise `NotReady` if it is another by now."""
        folder = self.root / manifest.name / str(manifest.version)
        try:
            return await in_daemon_thread(read_bundle_file, folder, manifest, name)
        except InvalidBundle as error:
            raise NotReady(f"a file of {manifest.name} cannot be read; try again later") from error

    async def samples(self, manifest: Manifest) -> list[GoldenSample]:
        """Return the golden cases, without their answers."""
        cases = orjson.loads(await self.read(manifest, CASES))
        known = GoldenSample.model_fields
        return [GoldenSample(**{k: v for k, v in case.items() if k in known}) for case in cases]


async def _card(request: Request, model: str, version: int | None) -> Response:
    files, manifest = await _find(request, model, version)
    if _CARD not in manifest.files:
        raise UnknownFile(f"{model} has no card")
    return _inert(await files.read(manifest, _CARD), f"{_MARKDOWN}; charset=utf-8")


async def _picture(request: Request, model: str, version: int | None, name: str) -> Response:
    files, manifest = await _find(request, model, version)
    kind = _PICTURES.get(name.rpartition(".")[2])
    if kind is None or "/" in name or name not in manifest.files:
        raise UnknownFile(f"the card of {model} has no picture of that name")
    return _inert(await files.read(manifest, name), kind)


async def _samples(request: Request, model: str, version: int | None) -> Samples:
    files, manifest = await _find(request, model, version)
    found = await files.samples(manifest)
    return Samples(model=manifest.name, version=manifest.version, samples=found)


async def _sample(request: Request, model: str, version: int | None, name: str) -> Response:
    files, manifest = await _find(request, model, version)
    kind = _media_type(name, await files.samples(manifest))
    if kind is None:
        raise UnknownFile(f"{model} has no sample of that name; GET …/samples lists them")
    return _inert(await files.read(manifest, f"{GOLDEN_FOLDER}{name}"), kind)


def _media_type(name: str, samples: Sequence[GoldenSample]) -> str | None:
    """Return the media type of a sample, in a form that a header may have; None: none of them."""
    given = next((sample.media_type for sample in samples if sample.file == name), None)
    return given if given is None or _MEDIA_TYPE.fullmatch(given) else _ANY


async def _find(request: Request, model: str, version: int | None) -> tuple[BundleFiles, Manifest]:
    """Return the manifest of the version that serves, or of this one."""
    files: BundleFiles = request.app.state.bundle_files
    return files, (await files.catalog.find(model, version)).manifest


def _inert(content: bytes, media_type: str) -> Response:
    return Response(content, media_type=media_type, headers=_INERT)


@router.get("/card", response_class=Response, responses=FILE_REFUSALS | _TEXT)
async def card(request: Request, model: str) -> Response:
    """Return the card of the version that serves, as Markdown."""
    return await _card(request, model, None)


@router.get("/card/{name}", response_class=Response, responses=FILE_REFUSALS | _BYTES)
async def card_picture(request: Request, model: str, name: str) -> Response:
    """Return a picture that the card of the version that serves shows."""
    return await _picture(request, model, None, name)


@router.get("/samples", responses=FILE_REFUSALS)
async def samples(request: Request, model: str) -> Samples:
    """List the samples of the version that serves: its golden cases."""
    return await _samples(request, model, None)


@router.get("/samples/{name}", response_class=Response, responses=FILE_REFUSALS | _BYTES)
async def sample(request: Request, model: str, name: str) -> Response:
    """Return a sample of the version that serves, with its media type."""
    return await _sample(request, model, None, name)


@router.get("/versions/{version}/card", response_class=Response, responses=FILE_REFUSALS | _TEXT)
async def version_card(request: Request, model: str, version: _Version) -> Response:
    """Return the card of one version, as Markdown."""
    return await _card(request, model, version)


@router.get(
    "/versions/{version}/card/{name}", response_class=Response, responses=FILE_REFUSALS | _BYTES
)
async def version_card_picture(
    request: Request, model: str, version: _Version, name: str
) -> Response:
    """Return a picture that the card of one version shows."""
    return await _picture(request, model, version, name)


@router.get("/versions/{version}/samples", responses=FILE_REFUSALS)
async def version_samples(request: Request, model: str, version: _Version) -> Samples:
    """List the samples of one version: its golden cases."""
    return await _samples(request, model, version)


@router.get(
    "/versions/{version}/samples/{name}", response_class=Response, responses=FILE_REFUSALS | _BYTES
)
async def version_sample(request: Request, model: str, version: _Version, name: str) -> Response:
    """Return a sample of one version, with its media type."""
    return await _sample(request, model, version, name)
