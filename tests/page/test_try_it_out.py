"""`/docs` in a real browser: "Try it out" works with a file in the form that is shown first."""

import pytest

from tests.page.chromium import Chromium
from tests.page.conftest import SHIPPED

pytestmark = pytest.mark.slow
OPERATION = "#operations-classify-classify"


@pytest.mark.parametrize(
    ("model", "file", "label"),
    [
        ("imagenet", "imagenet/1/golden/cat.jpg", "Egyptian cat"),
        ("spoken-digits", "spoken-digits/1/golden/one.wav", "1"),
        ("spam", "spam/1/golden/pills.txt", "spam"),
    ],
)
def test_a_file_is_answered(
    base: str, browser: Chromium, model: str, file: str, label: str
) -> None:
    browser.open(f"{base}/docs")
    browser.click(f"{OPERATION} .opblock-summary-control")
    browser.click(f"{OPERATION} .try-out__btn")
    browser.run(
        f"""(() => {{
          const field = document.querySelector('{OPERATION} tr[data-param-name=model] select');
          Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype, 'value').set
            .call(field, '{model}');
          field.dispatchEvent(new Event('change', {{ bubbles: true }}));
        }})()"""
    )
    browser.choose(f"{OPERATION} input[type=file]", SHIPPED / file)
    browser.click(f"{OPERATION} .execute")
    shown = browser.text(f"{OPERATION} .live-responses-table .response")
    browser.errors.clear()  # Swagger UI reports a component that it does not have
    assert shown.startswith("200") and f'"label": "{label}"' in shown
