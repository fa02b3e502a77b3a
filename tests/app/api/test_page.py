"""The page at `/`: what a browser may do with it, and that it holds what it loads."""

import re
from pathlib import Path

import pytest

from app.api.page import HEADERS

pytestmark = pytest.mark.anyio
FILES = Path(__file__).parents[3] / "app/page"
MOST = 60_000  # bytes of script and style


async def test_the_page_runs_no_inline_script_and_loads_nothing_from_elsewhere(service) -> None:
    home = await service.get("/", headers={"Host": "elsewhere"})
    assert (home.status_code, home.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = home.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy and "http" not in policy
    assert "require-trusted-types-for 'script'" in policy
    assert {name.lower() for name in HEADERS} < home.headers.keys()
    assert not re.findall(r"<script[^>]*>[^<]|<style| style=| on\w+=", home.text)


async def test_every_file_that_the_page_names_is_served(service) -> None:
    named = set(re.findall(r"""["'](page/[\w.-]+)["']""", (FILES / "index.html").read_text()))
    for script in FILES.glob("*.js"):
        text = script.read_text()
        named |= {f"page/{name}" for name in re.findall(r"""["'`]\./([\w-]+\.js)["'`]""", text)}
        named |= set(re.findall(r"""["'](page/[\w.-]+)["']""", text))
    assert {"page/main.js", "page/style.css", "page/recorder.js", "page/table.js"} <= named
    for name in named:
        assert (await service.get(f"/{name}")).status_code == 200, name


@pytest.mark.parametrize(
    ("name", "kind"), [("main.js", "text/javascript"), ("style.css", "text/css")]
)
async def test_a_file_has_its_media_type(service, name: str, kind: str) -> None:
    answer = await service.get(f"/page/{name}")
    assert answer.headers["content-type"].startswith(kind)


@pytest.mark.parametrize(
    "name", ["index.html", "nothing.js", "..%2ffactory.py", "%2e%2e/factory.py", "", "x/main.js"]
)
async def test_nothing_else_is_served(service, name: str) -> None:
    assert (await service.get(f"/page/{name}")).status_code == 404


async def test_script_and_style_are_small_and_only_comments_are_left_out(service) -> None:
    sizes = {}
    for file in FILES.glob("*.[jc]s*"):
        sent = (await service.get(f"/page/{file.name}")).text
        sizes[file.name] = len(sent.encode())
        lines = file.read_text().splitlines(keepends=True)
        comments = ("//", "/**") if file.suffix == ".js" else ()
        assert sent == "".join(line for line in lines if not line.strip().startswith(comments))
    assert {"main.js", "style.css"} < sizes.keys()
    assert sum(sizes.values()) <= MOST, sizes


def test_scripts_write_no_markup() -> None:
    """Texts stay texts: nothing that a card, a label or an answer holds becomes an element."""
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\("
    )
    found = [f.name for f in FILES.glob("*.js") if forbidden.search(f.read_text())]
    assert found == []
