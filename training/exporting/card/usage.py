"""How to ask a model, and what it reads: text of a card that follows from the manifest."""

import json
import shlex
from collections.abc import Callable
from typing import Any

from app.bundle import Bundle, Manifest
from app.bundle.tensors import NODES, SALIENCY

_SERVICE = "http://localhost:8000"


def usage(bundle: Bundle) -> str:
    """Return a request with curl and one with httpx, of the first golden case."""
    manifest, case = bundle.manifest, bundle.golden[0]
    path = f"models/{manifest.name}/{manifest.version}/golden/{case.file}"
    task = bundle.registry.tasks[manifest.task]
    url = f"{_SERVICE}/v1/models/{manifest.name}/{task.name}"
    if task.steps is not None:
        text = bundle.files[f"golden/{case.file}"].decode().strip()
        body = json.dumps({"text": text}, ensure_ascii=False)
        curl = f"curl -d {shlex.quote(body)} {url}"
        post = f'httpx.post("{url}", json={body})'
        return _blocks(
            curl, ["import httpx", "", f"answer = {post}", 'print(answer.json()["text"])']
        )
    options = "?explain=true" if _explains(manifest) else ""
    curl = (
        f"curl --data-binary @{path} -H 'Content-Type: {case.media_type}' \\\n"
        f"  {shlex.quote(url + options)}"
    )
    python = [
        "import httpx",
        "",
        f'with open("{path}", "rb") as file:',
        f'    headers = {{"Content-Type": "{case.media_type}"}}',
        f'    answer = httpx.post("{url}", content=file.read(), headers=headers)',
        f'print(answer.json()["{task.plural}"][0])',
    ]
    return _blocks(curl, python)


def _explains(manifest: Manifest) -> bool:
    return manifest.task == "classify" and bool({SALIENCY, NODES} & manifest.output_names)


def _blocks(curl: str, python: list[str]) -> str:
    lines = "\n".join(python)
    start = "Start the service with `make serve`, then send a request:"
    return f"{start}\n\n```sh\n{curl}\n```\n\n```python\n{lines}\n```"


def reads(manifest: Manifest) -> str:
    """Return a phrase that says what the model reads."""
    describe = _INPUTS.get(manifest.encoder.kind)
    return describe(manifest.encoder) if describe else f"an item of the kind {manifest.modality}"


def _image(spec: Any) -> str:
    size = f"{spec.width} × {spec.height} pixels {'in grey' if spec.channels == 1 else 'in colour'}"
    fit = {
        "crop": f"of which the middle is resized to {size}",
        "pad": f"resized to {size}, with a margin where its shape differs",
        "stretch": f"stretched to {size}",
    }[spec.fit]
    return f"an image (JPEG, PNG, WebP or another common format), {fit}"


def _audio(spec: Any) -> str:
    return (
        f"a sound (WAV, FLAC, Ogg or MP3), resampled to {spec.rate:,} Hz; a sound of more than "
        f"{spec.samples / spec.rate:.3g} s is cut to its loudest part"
    )


def _text(spec: Any) -> str:
    first = f"the first {spec.max_tokens - spec.tail_tokens:,}"
    kept = f"{first} and the last {spec.tail_tokens:,}" if spec.tail_tokens else first
    return f"a text, plain or HTML; of more than {spec.max_tokens:,} tokens only {kept} are read"


def _tree(spec: Any) -> str:
    if spec.notation == "ptb":
        return (
            f"a sentence of up to {spec.max_leaves:,} words, as plain text or with its binary tree"
        )
    return f"a nested list of up to {spec.max_leaves:,} tokens"


def _words(spec: Any) -> str:
    return f"a text, of which the last {spec.max_words:,} words are read"


_INPUTS: dict[str, Callable[[Any], str]] = {
    "image": _image,
    "audio": _audio,
    "text": _text,
    "tree": _tree,
    "words": _words,
}
