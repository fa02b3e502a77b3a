"""Data that lie elsewhere: an address of the web, or a data set of the Hugging Face hub.

They are downloaded to `data/` once, and then are a file or a folder like any other. Nothing of them
is run. An address comes as a path, in which `//` has become `/`.
"""

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from training.data.sources import CACHE, DataFile, fetch
from training.errors import MissingData

_WEB = re.compile(r"(https?):/+(.+)", re.DOTALL)
_HUB = re.compile(r"hf:/+([\w.-]+/[\w.-]+)(?:@([\w./-]+))?")
_HUB_FOLDER = "hub"
_DIGEST = re.compile(r"[0-9a-f]{12}")  # the folder of an address
_HUB_SITE = "https://huggingface.co"


def local(given: Path) -> Path:
    """Return where the data lie on this machine, after a download where that is needed.

    Raises `MissingData` where they cannot be downloaded.
    """
    text = str(given)
    if given.exists():
        return given
    if found := _HUB.fullmatch(text):
        return _from_hub(found[1], found[2])
    if text.startswith("hf:"):
        raise MissingData(f"{text}: expected hf://OWNER/NAME, a data set of the Hugging Face hub")
    if found := _WEB.fullmatch(text):
        return _from_web(f"{found[1]}://{found[2]}")
    return given


def is_downloaded(path: Path) -> bool:
    """Return whether a path lies where `local` puts downloads, whoever names it."""
    try:
        below = path.resolve().relative_to(CACHE.resolve()).parts
    except ValueError:
        return False
    return len(below) > 1 and (below[0] == _HUB_FOLDER or bool(_DIGEST.fullmatch(below[0])))


def _from_web(url: str) -> Path:
    """Return the downloaded file, whose name is that of the address."""
    name = Path(unquote(urlsplit(url).path)).name or "download"
    digest = hashlib.sha256(url.encode()).hexdigest()[:12]
    try:
        return fetch(DataFile(f"{digest}/{name}", url, None, content_is_checked=True))
    except MissingData:
        for folder in (CACHE / digest, CACHE):
            if folder.is_dir() and not any(folder.iterdir()):  # a partial file is kept
                folder.rmdir()
        raise


def _from_hub(name: str, revision: str | None) -> Path:
    """Return the folder of a data set's files; raise `MissingData`."""
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    from huggingface_hub.utils.tqdm import disable_progress_bars

    site = os.environ.get("HF_ENDPOINT", _HUB_SITE).rstrip("/")
    folder = CACHE / _HUB_FOLDER / name
    disable_progress_bars()
    try:
        snapshot_download(
            name, repo_type="dataset", revision=revision, local_dir=folder, endpoint=site
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, httpx.HTTPError, OSError, ValueError) as error:
        reason = str(error.__cause__ or error).strip().splitlines() or [type(error).__name__]
        raise MissingData(
            f"hf://{name} cannot be downloaded from {site} ({reason[0]}): is the name right, and "
            "is there a connection? A downloaded folder can be named with --data"
        ) from None
    return folder
