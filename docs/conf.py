"""How Sphinx makes a site of these pages: `make docs` writes it to build/site, without the network."""

import logging
from importlib.metadata import version as version_of

project = "superpos"
version = release = version_of("superpos")
extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc"]
myst_heading_anchors = 4  # links to headings work as they do on the web pages of a repository
default_role = "code"  # docstrings write `name` as the pages do
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
html_theme = "furo"
html_title = "superpos"
html_copy_source = False
html_show_copyright = False
logging.getLogger("alembic").setLevel(logging.WARNING)  # it says what it is made of, to whoever listens
