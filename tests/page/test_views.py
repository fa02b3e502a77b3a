"""Each kind of input and each task, in a real browser, with real clicks and files."""

import json
from pathlib import Path

import pytest

from tests.page.chromium import Chromium
from tests.page.conftest import SHIPPED

pytestmark = pytest.mark.slow
LABEL = ".answer .label"
# A canvas that shows something has pixels of several colours.
DRAWN = (
    "[...document.querySelectorAll('%s')].every((c) => new Set(c.getContext('2d')"
    ".getImageData(0, 0, c.width, c.height).data).size > 4)"
)


def label(browser: Chromium) -> str:
    return browser.text(LABEL).split()[0]


def test_a_sample_is_answered_after_two_clicks(base: str, browser: Chromium) -> None:
    browser.open(f"{base}/#/spam")  # whose samples have other names: no click is for an old view
    browser.click("#model-digits")
    browser.click(".samples button[title=case-08-0]")
    assert label(browser) == "7"
    assert browser.run("document.querySelectorAll('.bars li').length") == 5
    assert browser.text(".bars li.in").startswith("7")
    assert "no other label is credible" in browser.text(".answer")
    assert "threshold 0.50" in browser.text(".meter")
    browser.wait("document.querySelector('#live').textContent.startsWith('7, > 99.9 %')")
    assert "sample=case-08-0.png" in browser.run("location.hash")
    browser.open(f"{base}/{browser.run('location.hash')}")  # the address is that of the view
    assert label(browser) == "7"


def test_a_picture_from_a_file_has_its_map_over_the_part_that_was_seen(
    base: str, browser: Chromium
) -> None:
    browser.open(f"{base}/#/imagenet")
    browser.choose(".drop input[type=file]", SHIPPED / "imagenet/1/golden/cat.jpg")
    assert browser.text(LABEL).startswith("Egyptian cat")
    assert "may also be tiger cat, tabby cat or lynx" in browser.text(".answer")
    assert "Most of what led to the label is" in browser.wait(
        "(document.querySelector('.drop canvas').ariaLabel.includes('led')"
        " && document.querySelector('.drop canvas').ariaLabel)"
    )
    clear = browser.run("document.querySelector('.drop canvas').toDataURL()")
    browser.click(".drop input[type=checkbox]")
    assert browser.run("document.querySelector('.drop canvas').toDataURL()") != clear


def test_every_stroke_of_a_drawing_is_answered(base: str, browser: Chromium) -> None:
    browser.open(f"{base}/#/digits")
    x, y = browser.find(".pad")
    browser.stroke([(x, y - 90 + step) for step in range(0, 190, 10)])
    browser.wait(f"document.querySelector('{LABEL}')?.textContent.startsWith('1')")
    count = "performance.getEntriesByType('resource').filter((e) => /classify/.test(e.name)).length"
    before = browser.run(count)
    browser.stroke([(x - 70, y - 70), (x, y - 95)])
    browser.wait(f"{count} > {before}")


def test_a_dropped_picture_is_answered(base: str, browser: Chromium) -> None:
    browser.open(f"{base}/#/digits")
    x, y = browser.find(".drop")
    file = str(SHIPPED / "digits/1/golden/case-05-0.png")
    data = {"items": [], "files": [file], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.call("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)
    assert label(browser) == "4"


def test_the_camera_takes_a_picture(base: str, browser: Chromium) -> None:
    browser.open(f"{base}/#/imagenet")
    browser.click(".drop button", "Camera")
    browser.wait("document.querySelector('video')?.videoWidth")
    browser.click(".drop button", "Take the picture")
    assert browser.text(LABEL)
    assert browser.run("document.querySelector('video')") is None


def test_a_sound_from_a_file_is_drawn_with_its_map(base: str, browser: Chromium) -> None:
    browser.open(f"{base}/#/spoken-digits")
    browser.choose(".drop input[type=file]", SHIPPED / "spoken-digits/1/golden/one.wav")
    assert label(browser) == "1"
    assert "one.wav, 1.02 s" in browser.run("document.querySelector('.drop canvas').ariaLabel")
    browser.wait(DRAWN % ".drop canvas")
    assert "its loudest 1.00 s were heard" in browser.text(".answer")


def test_a_recording_is_sent_as_wav(base: str, browser: Chromium) -> None:
    """The fake microphone says seven."""
    browser.open(f"{base}/#/spoken-digits")
    browser.click(".drop button", "Record")
    browser.wait("document.querySelector('.drop .main').textContent === 'Stop'")
    browser.run("new Promise((done) => setTimeout(done, 1800))")
    browser.click(".drop button", "Stop")
    assert label(browser) == "7"
    request = browser.wait("document.querySelector('.fold pre')?.textContent")
    assert "recording.wav" in request and "Content-Type: audio/wav" in request


def test_a_text_shows_the_weight_of_its_words(base: str, browser: Chromium) -> None:
    browser.open(f"{base}/#/spam")
    browser.click("#text")
    browser.type("Click here 🎁 to claim your prize!!!")
    assert label(browser) == "spam"
    words = browser.wait(
        "(() => { const found = [...document.querySelectorAll('.weighted span')];"
        " return found.length && found.map((each) => each.textContent); })()"
    )
    assert {"Click", "claim", "prize"} <= set(words)
    assert browser.text(".weighted") == "Click here 🎁 to claim your prize!!!"


def test_a_tree_is_drawn_with_the_label_of_every_node(base: str, browser: Chromium) -> None:
    browser.open(f"{base}/#/listops")
    browser.click("#text")
    browser.type("[MAX 2 9 [MIN 4 7 ] 0 ]")
    assert label(browser) == "9"
    shown = browser.wait(
        "(() => { const found = [...document.querySelectorAll('.phrase')];"
        " return found.length && found.map((each) => each.getAttribute('aria-label')); })()"
    )
    assert len(shown) == 7 and shown[1].startswith("[MIN 4 7 ]: 4")
    assert browser.run("document.querySelectorAll('.edge').length") == 6
    browser.run("document.querySelectorAll('.phrase')[1].focus()")
    assert browser.text(".tree > .note").startswith("[MIN 4 7 ]: 4")


def test_a_completion_goes_on_from_another_word(base: str, browser: Chromium) -> None:
    browser.open(f"{base}/#/completion")
    browser.click(".samples button", "congress")
    browser.wait("document.querySelectorAll('.word').length === 25")
    first = browser.text(".continued")
    browser.click(".word:nth-of-type(2)")
    browser.click(".answer .row:not(:first-child) button:nth-of-type(2)")
    browser.wait(
        "document.querySelectorAll('.word').length > 20"
        f" && document.querySelector('.continued').innerText !== {json.dumps(first)}"
    )
    then = browser.text(".continued")
    assert then.startswith("I ask the Congress to ") and then != first


def test_an_autoencoder_shows_before_after_and_difference(base: str, browser: Chromium) -> None:
    browser.open(f"{base}/#/digits-autoencoder")
    browser.click(".samples button[title=letter]")
    names = browser.wait(
        "(() => { const found = [...document.querySelectorAll('figcaption')];"
        " return found.length && found.map((each) => each.textContent); })()"
    )
    assert names == ["Before", "After", "Difference × 4"]
    assert browser.run(DRAWN % ".pictures canvas")
    assert "unlike what the model learnt from" in browser.text(".meter")


def test_abstention_has_its_reason(base: str, browser: Chromium) -> None:
    browser.open(f"{base}/#/digits")
    file = SHIPPED / "digits-autoencoder/1/golden/noise.png"
    browser.choose(".drop input[type=file]", file)
    text = browser.text(".abstains")
    assert text.startswith("The model abstains: ") and "threshold 0.50" in text


def test_a_file_that_is_none_gets_the_service_s_sentence(
    base: str, browser: Chromium, tmp_path: Path
) -> None:
    (tmp_path / "none.png").write_text("no picture")
    browser.open(f"{base}/#/digits")
    browser.choose(".drop input[type=file]", tmp_path / "none.png")
    assert "expected a JPEG, PNG" in browser.text(".problem")
    browser.errors.clear()  # the browser reports the 422
    browser.click(".samples button[title=case-05-0]")
    assert label(browser) == "4"
    browser.wait("!document.querySelector('.problem')")
