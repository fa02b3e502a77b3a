"""What is around an answer: versions, code, card, key, keyboard; and what everybody can use."""

import hashlib
import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.app.api.keys import PREDICT
from tests.page.chromium import Chromium

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
AXE = "axe-core@4.10.3"
AXE_SHA512 = (
    "5e6edba515e70d25f6604d9815f064d859c5d1ea7ab661bbc4f87c88779ef0c2"
    "1cae0abbeb636471ef39e9d62d2582e4b88a1866f19f4ecfcf6d986275e4dc12"
)
TAB, ENTER, DOWN = ("Tab", 9), ("Enter", 13), ("ArrowDown", 40)


def test_two_versions_answer_side_by_side(base: str, browser: Chromium) -> None:
    browser.open(f"{base}/#/digits?sample=case-08-0.png")
    browser.text(".label")
    browser.run(
        "(() => { const field = document.getElementById('with'); field.value = '1';"
        " field.dispatchEvent(new Event('change')); })()"
    )
    browser.wait("document.querySelectorAll('.panel .label').length === 2")
    heads = browser.run("[...document.querySelectorAll('.panel h3')].map((h) => h.textContent)")
    assert heads == ["Version 2, which serves", "Version 1"]
    assert "with=1" in browser.run("location.hash")
    assert f"{base}/v1/models/digits/versions/1/classify?explain=true" in browser.requested


def test_the_request_is_shown_as_curl_that_works(base: str, browser: Chromium, tmp_path) -> None:
    browser.open(f"{base}/#/spam?sample=lunch.txt")
    browser.click(".fold summary", "Ask from a program")
    shown = browser.text(".fold pre")
    answer = subprocess.run(["sh", "-c", shown], capture_output=True, cwd=tmp_path, check=True)
    assert b'"label":"ham"' in answer.stdout
    for name, word in (("Python", "httpx.post("), ("JavaScript", "await fetch(")):
        browser.click(".fold button", name)
        assert word in browser.text(".fold pre")


def test_the_card_has_its_pictures_and_tables(base: str, browser: Chromium) -> None:
    browser.open(f"{base}/#/digits")
    assert "99.42 % of 2,241 samples" in browser.text(".headline")
    browser.click("summary", "Model card")
    for name in ("Reliability diagram", "Confusion matrix"):
        browser.wait(f"document.querySelector('.card img[alt=\"{name}\"]').naturalWidth > 100")
    assert browser.run("document.querySelectorAll('.card table').length") >= 2


def test_a_key_is_asked_for_and_kept_for_the_session(guarded: str, browser: Chromium) -> None:
    browser.open(guarded)
    browser.wait("document.querySelector('#key-field')")
    browser.type("wrong")
    browser.key(*ENTER)
    browser.wait("document.querySelector('.problem')")
    browser.click("button", "Try again")
    browser.wait("document.querySelector('dialog[open] p')?.textContent.includes('does not know')")
    browser.type(PREDICT)
    browser.key(*ENTER)
    browser.click("#model-colours")
    browser.click(".samples button[title=red]")
    assert browser.text(".label").startswith("red")
    assert browser.run("Object.keys(localStorage).length + document.cookie.length") == 0
    browser.errors.clear()  # the browser reports the answers without a key
    browser.call("Page.reload")
    assert browser.text(".label").startswith("red")


def test_a_task_without_a_view_is_a_table(guarded: str, browser: Chromium) -> None:
    browser.open(f"{guarded}/livez")
    browser.run(f"sessionStorage.setItem('thalamus-key', '{PREDICT}')")
    browser.open(f"{guarded}/#/colours")
    browser.click(".samples button[title=red]")
    browser.text(".label")
    browser.run(
        """(async () => {
          const { create } = await import("/page/table.js");
          const sample = await fetch("v1/models/colours/samples/red.png",
            { headers: { "X-API-Key": sessionStorage.getItem("thalamus-key") } });
          const view = create({ path: "v1/models/embedded-colours", task: "embed" });
          await view.ask({ body: await sample.blob(), type: "image/png" });
          document.querySelector(".output").replaceChildren(view.node);
        })()"""
    )
    assert browser.text(".answer table").startswith("model\tembedded-colours\nversion\t1")


def test_a_card_makes_no_markup(guarded: str, browser: Chromium) -> None:
    browser.open(f"{guarded}/livez")
    browser.run(f"sessionStorage.setItem('thalamus-key', '{PREDICT}')")
    browser.open(f"{guarded}/#/colours")
    browser.click("summary", "Model card")
    text = browser.text(".card")
    assert "<script>window.broken = 1</script>" in text and "onerror" in text
    assert browser.run("window.broken") is None
    found = "document.querySelectorAll('.card a, .card script, .card b, .card i').length"
    assert browser.run(found) == 0


def test_the_keyboard_is_enough(base: str, browser: Chromium) -> None:
    browser.open(base)
    browser.wait("document.querySelector('h1')")
    browser.key(*TAB)
    assert browser.run("document.activeElement.textContent") == "Skip to the model"
    browser.run("document.querySelector('#models a').focus()")
    browser.key(*DOWN)
    assert browser.run("document.activeElement.id") == "model-digits-autoencoder"
    browser.key(*ENTER)
    browser.wait("document.querySelector('h1').textContent === 'digits-autoencoder'")


def test_nothing_is_loaded_from_elsewhere(base: str, browser: Chromium) -> None:
    browser.open(f"{base}/#/imagenet?sample=cat.jpg")
    browser.text(".label")
    assert browser.requested
    outside = [u for u in browser.requested if not u.startswith((base, "blob:", "data:", "about:"))]
    assert outside == []


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core, from the npm package, fetched once."""
    folder = ROOT / "build/axe"
    script = folder / "package/axe.min.js"
    if not script.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("there is no npm to fetch axe-core with")
        folder.mkdir(parents=True, exist_ok=True)
        packed = subprocess.run(
            [npm, "pack", "--silent", AXE], cwd=folder, capture_output=True, text=True
        )
        if packed.returncode:
            pytest.skip(f"npm cannot fetch {AXE}")
        content = (folder / packed.stdout.strip()).read_bytes()
        assert hashlib.sha512(content).hexdigest() == AXE_SHA512
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            archive.extractall(folder, filter="data")
    return script.read_text()


ADDRESSES = [
    "digits?sample=case-08-0.png",
    "digits?sample=case-08-0.png&with=1",
    "imagenet?sample=rocket.jpg",
    "spam?sample=pills.txt",
    "spoken-digits?sample=one.wav",
    "listops?sample=max.txt",
    "completion?sample=congress.txt",
    "digits-autoencoder?sample=letter.png",
]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_everybody_can_use_it(
    base: str, browser: Chromium, axe: str, width: int, scheme: str
) -> None:
    """axe-core finds nothing, and nothing is wider than the window."""
    browser.look(width, 800, scheme)
    browser.run("void 0")
    found = {}
    for address in ADDRESSES:
        browser.open(f"{base}/#/{address}")
        browser.wait("document.querySelectorAll('.fold').length > 2")
        browser.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        excess = browser.run("document.documentElement.scrollWidth - innerWidth")
        violations = browser.run(
            f"{axe}; axe.run().then((r) => r.violations.map((v) => v.id + ': '"
            " + v.nodes.slice(0, 3).map((n) => n.html + n.failureSummary).join(' | ')))"
        )
        if violations or excess > 0:
            found[address] = [*violations, f"{excess} px wider than the window"]
    assert found == {}, "\n".join(f"{place}: {what}" for place, what in found.items())
