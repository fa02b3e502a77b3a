"""docs/reference/settings.md lists every setting as app/settings.py has it."""

import html
import json
import re
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from app.settings import Settings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "settings.md"
ROWS = dict(re.findall(r"^\| `(THALAMUS_\w+)` (\|.*\|)$", PAGE.read_text(), re.M))


def row(field: FieldInfo) -> str:
    """Return the row of a setting, after its name."""
    default = field.default
    shown = json.dumps(default) if isinstance(default, dict) else str(default)
    shown = ",".join(default) if isinstance(default, tuple) else shown
    return f"| `{shown}` | {html.escape(field.description or '', quote=False)} |"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_table_has_the_setting(name):
    expected = row(Settings.model_fields[name])
    assert ROWS.get(f"THALAMUS_{name.upper()}") == expected


def test_the_table_has_no_other_settings():
    assert set(ROWS) == {f"THALAMUS_{name.upper()}" for name in Settings.model_fields}
