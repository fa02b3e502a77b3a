"""How `make docs` builds this folder; needs no network."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent / "_ext")]

from app import __version__  # noqa: E402

project = "Thalamus"
copyright = "the Thalamus authors, Apache-2.0"
release = version = __version__

extensions = ["myst_parser", "sphinx_copybutton", "generated"]
exclude_patterns = ["_ext"]
nitpicky = True

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_title = f"Thalamus {__version__}"
html_show_sphinx = False
html_copy_source = False
