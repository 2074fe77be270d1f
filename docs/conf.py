"""How Sphinx makes a site of these pages: `make docs` writes it to build/site, without the network."""

import logging
import re
from importlib.metadata import version as version_of
from typing import Any

project = "superpos"
version = release = version_of("superpos")
extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc"]
myst_heading_anchors = 4  # links to headings work as they do on the web pages of a repository
exclude_patterns = ["archives"]  # data with pages of their own
default_role = "code"  # docstrings write `name` as the pages do
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_type_aliases = {name: name for name in ("ArrayLike", "Float", "Int", "Bool")}
numpydoc_show_class_members = False
html_theme = "furo"
html_title = "superpos"
html_copy_source = False
html_show_copyright = False
logging.getLogger("alembic").setLevel(logging.WARNING)  # it says what it is made of, to whoever listens


def plain_aliases(*said: Any) -> tuple[str, ...] | None:
    """Write `Sequence[ArrayLike]` where Sphinx shows its own name of an alias within another type."""
    signature, returned = said[-2:]
    if signature is None:
        return None
    alias = re.compile(r"TypeAliasForwardRef\('(\w+)'\)")
    return tuple(alias.sub(r"\1", text or "") for text in (signature, returned))


def setup(app: Any) -> None:
    """Register what is above."""
    app.connect("autodoc-process-signature", plain_aliases)
