"""The site: made without a warning, every link in it leads somewhere, nothing comes from the network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def build(source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Make a site of the pages below `source`, as `make docs` does."""
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going"]
    return subprocess.run(
        [*command, "-c", str(DOCS), str(source), str(out)],
        capture_output=True, text=True, check=False, timeout=250,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


class Page(HTMLParser):
    """Anchors of a page, where its links lead, and what a browser would fetch for it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors.add(values.get("id", ""))
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag == "link" and values.get("rel") not in ("index", "search", "next", "prev"):
            self.fetched.append(values["href"])
        if "src" in values:
            self.fetched.append(values["src"])


Site = dict[Path, Page]


def in_folder(url: str) -> bool:
    return not urlsplit(url).scheme and not urlsplit(url).netloc


def check_that_every_link_leads_somewhere(site: Site) -> None:
    n_links = 0
    for path, page in site.items():
        for link in filter(in_folder, [*page.links, *page.fetched]):
            place, anchor = (unquote(part) for part in (urlsplit(link).path, urlsplit(link).fragment))
            target = (path.parent / place).resolve() if place else path
            assert target.is_file(), (path.name, link)
            if anchor and target in site:
                assert anchor in site[target].anchors, (path.name, link)
                n_links += 1
    assert n_links > 100


def check_that_nothing_comes_from_the_network(site: Site) -> None:
    for path, page in site.items():
        assert [url for url in page.fetched if not in_folder(url)] == [], path.name


def check_that_every_page_and_function_is_there(site: Site) -> None:
    names = {path.stem for path in site}
    pages = [page for page in DOCS.rglob("*.md") if not page.is_relative_to(DOCS / "archives")]
    assert {page.stem for page in pages} <= names
    anchors = set().union(*(page.anchors for page in site.values()))
    wanted = ("connect", "psms.cosine", "psms.rbf", "psms.minkowski_distance")
    wanted += ("fits.fit_joint", "fits.reoptimise", "fits.certify", "db.results.Results.frame")
    assert [name for name in wanted if not any(a.endswith(f".{name}") for a in anchors)] == []


def check_that_types_are_named_as_the_code_names_them(site: Site) -> None:
    (path,) = [path for path in site if path.parent.name == "api" and path.stem == "fits"]
    text = re.sub(r"<[^>]+>", "", path.read_text(encoding="utf-8"))
    assert "target: ArrayLike" in text
    assert "Sequence[ArrayLike]" in text
    assert not re.search(r"_SupportsArray|ForwardRef", text)


@pytest.mark.slow
def test_the_site(tmp_path: Path) -> None:
    """One test, so that the site is made once however many processes share the tests."""
    done = build(DOCS, tmp_path)
    assert done.returncode == 0, done.stderr
    site = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(tmp_path.rglob("*.html"))}
    check_that_every_link_leads_somewhere(site)
    check_that_nothing_comes_from_the_network(site)
    check_that_every_page_and_function_is_there(site)
    check_that_types_are_named_as_the_code_names_them(site)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("[a](none.md)", "none.md"),
        ("[a](#no-such-heading)", "no-such-heading"),
        ("```{nonsense}\n```", "nonsense"),
    ],
)
def test_a_page_with_a_mistake_makes_no_site(tmp_path: Path, wrong: str, said: str) -> None:
    source = tmp_path / "pages"
    source.mkdir()
    (source / "index.md").write_text(f"# Pages\n\n{wrong}\n", encoding="utf-8")
    done = build(source, tmp_path / "out")
    assert done.returncode != 0
    assert said in done.stderr
