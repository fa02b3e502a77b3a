"""How to ask a model: text of a card that follows from the manifest."""

import json
import shlex

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
    introduction = "Start the service with `make serve`, then send a request:"
    return f"{introduction}\n\n```sh\n{curl}\n```\n\n```python\n{lines}\n```"
