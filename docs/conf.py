"""The site that `make docs` builds: the pages of this folder, and the API from docstrings."""

import re

from sphinx.application import Sphinx

import gestalt_space

project = html_title = "gestalt-space"
version = release = gestalt_space.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]

# Headings are anchors, spelled as Git hosts spell them.
myst_heading_anchors = 4

highlight_language = "text"

# Docstrings have `names` in single backticks.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True}
toc_object_entries = False

html_theme = "furo"
html_use_index = html_copy_source = html_show_sphinx = html_show_copyright = False


def link_files(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Links to Markdown outside this folder are to files, not to pages of the site."""
    source[0] = re.sub(r"\]\((?=\.\./)", "](path:", source[0])


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", link_files)
