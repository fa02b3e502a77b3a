"""Directives for the reference pages that are generated when the documentation is built.

- `{command-help} thalamus serve` shows what `thalamus serve --help` prints.
- `{openapi}` lists the operations and schemas of the service's own OpenAPI document.

Links to the files outside this folder that have a page here (the model cards, the benchmarks'
README) lead to that page: on GitHub such a link shows the file, in the built site the page.
"""

import asyncio
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import httpx
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[2]
MODULES = {"thalamus": "app.cli", "thalamus-train": "training.cli"}
_WIDTH = "88"  # columns of the help
_PAGES = {  # link to a file outside → the page that includes it
    re.compile(r"\]\((?:\.\./)+benchmarks/README\.md\)"): "](/how-to/benchmark.md)",
    re.compile(r"\]\((?:\.\./)+models/([\w-]+)/\d+/README\.md\)"): r"](/reference/models/\1.md)",
}


class CommandHelp(SphinxDirective):
    """The help of one command, as a literal block."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the block; a command that does not exist is a build error."""
        program, *words = self.arguments[0].split()
        done = subprocess.run(
            [sys.executable, "-m", MODULES[program], *words, "--help"],
            cwd=ROOT,
            env={**os.environ, "COLUMNS": _WIDTH, "NO_COLOR": "1", "TERM": "dumb"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise self.error(f"{self.arguments[0]} --help: {done.stderr.strip()}")
        text = done.stdout.rstrip()
        block = nodes.literal_block(text, text, language="text")
        return [block]


class OpenApi(SphinxDirective):
    """Every operation and schema of the HTTP API, as sections."""

    has_content = False
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        lines = StringList(render(document()).splitlines(), source="openapi.json")
        holder = nodes.section()
        holder.document = self.state.document
        self.state.nested_parse(lines, self.content_offset, holder, match_titles=True)
        return holder.children


def document() -> dict[str, Any]:
    """Return the OpenAPI document as a client gets it, without any model loaded."""
    from app.factory import create_app
    from app.settings import Settings

    logging.getLogger("httpx").setLevel(logging.WARNING)

    async def get() -> dict[str, Any]:
        app = create_app(Settings(models=ROOT / "models", device="cpu"))
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://docs") as client:
            answer = await client.get("/openapi.json")
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    return asyncio.run(get())


def render(openapi: dict[str, Any]) -> str:
    """Return the document as Markdown: operations by path, then schemas by name."""
    parts = ["## Operations", ""]
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            parts += _operation(method.upper(), path, operation)
    parts += ["## Schemas", ""]
    for name, schema in sorted(_schemas(openapi).items()):
        parts += _schema(name, schema)
    return "\n".join(parts)


def _schemas(part: Any) -> dict[str, dict[str, Any]]:
    """Return every object schema with a title: the components, and those that stand in place."""
    found: dict[str, dict[str, Any]] = {}
    if isinstance(part, dict):
        if part.get("type") == "object" and "title" in part and "properties" in part:
            found[part["title"]] = part
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            found |= _schemas(one)
    return found


def _operation(method: str, path: str, operation: dict[str, Any]) -> list[str]:
    parts = [f"### `{method} {path}`", "", _plain(operation.get("description", "")), ""]
    rows = [
        (f"`{p['name']}`", p["in"], _kind(p["schema"]), _plain(p.get("description", "")))
        for p in operation.get("parameters", ())
    ]
    parts += _table(("parameter", "in", "type", "meaning"), rows)
    body = operation.get("requestBody", {}).get("content", {})
    rows = [(f"`{kind}`", _kind(content["schema"])) for kind, content in body.items()]
    parts += _table(("request body", "schema"), rows)
    answers = {code: answer for code, answer in operation["responses"].items() if code < "400"}
    rows = [
        (status, _plain(answer.get("description", "")), _kinds(answer.get("content", {})))
        for status, answer in answers.items()
    ]
    parts += _table(("status", "meaning", "body"), rows)
    errors = ", ".join(sorted(operation["responses"].keys() - answers.keys()))
    return [*parts, f"[Errors](http.md#errors): {errors}", ""] if errors else parts


def _schema(name: str, schema: dict[str, Any]) -> list[str]:
    required = schema.get("required", ())
    rows = [
        (
            f"`{field}`",
            _kind(details),
            "yes" if field in required else "",
            _plain(details.get("description", "")),
        )
        for field, details in schema.get("properties", {}).items()
    ]
    parts = [f"### {name}", "", _plain(schema.get("description", "")), ""]
    return parts + _table(("member", "type", "always", "meaning"), rows)


def _kinds(content: dict[str, Any]) -> str:
    return "; ".join(
        f"`{kind}` {_kind(c.get('schema', {}))}".strip() for kind, c in content.items()
    )


def _kind(schema: dict[str, Any]) -> str:
    """Return a schema in a few words; a reference becomes a link."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(_kind(one) for one in schema[key])
    if schema.get("type") == "array":
        return f"array of {_kind(schema.get('items', {}))}"
    if schema.get("type") == "object" and "title" in schema and "properties" in schema:
        return f"[{schema['title']}](#{schema['title'].lower()})"
    bounds = [
        f"{word} {schema[key]}"
        for key, word in (
            ("minimum", "at least"),
            ("exclusiveMinimum", "above"),
            ("maximum", "at most"),
        )
        if key in schema
    ]
    value = schema.get("default")
    default = [] if value is None else [f"default `{json.dumps(value)}`"]
    return ", ".join([str(schema.get("format") or schema.get("type", "")), *bounds, *default])


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    lines = [heads, ("---",) * len(heads), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def lead_to_pages(_app: Sphinx, _name: str, source: list[str]) -> None:
    """Rewrite the links of one page, whose text is the only element of `source`."""
    for link, page in _PAGES.items():
        source[0] = link.sub(page, source[0])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.add_directive("command-help", CommandHelp)
    app.add_directive("openapi", OpenApi)
    app.connect("source-read", lead_to_pages)
    return {"parallel_read_safe": True}
