"""The site of these pages: `sphinx-build docs site`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sphinx.application import Sphinx

CONTENTS: Final = {
    "To begin with": ("quick-start", "install", "libreoffice", "coming-from", "article"),
    "To look up": (
        "functions/index",
        "table",
        "reporting",
        "command-line",
        "recalc",
        "python",
        "troubleshooting",
    ),
    "To trust it": ("statistics", "validation", "limits"),
}
"""Headings and pages, in the order in which the site shows them; the pages of functions follow from their folder."""

project = html_title = "GLMM_BINOMIAL"
language = "en"
extensions = ["myst_parser"]
myst_heading_anchors = 3
nitpicky = True
# quotation marks are part of formulas
smartquotes = False
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False


def add_contents(_app: Sphinx, page: str, source: list[str]) -> None:
    """Put the contents of the site into the pages that hold them, which Markdown has no words for."""
    if page == "index":
        for caption, pages in CONTENTS.items():
            source[0] += _contents([f":caption: {caption}", "", *pages])
    elif page == "functions/index":
        source[0] += _contents([":glob:", "", "*"])


def _contents(lines: list[str]) -> str:
    return "\n".join(["", "```{toctree}", ":hidden:", *lines, "```", ""])


def setup(app: Sphinx) -> None:
    """Register what is done while the site is built."""
    app.connect("source-read", add_contents)
