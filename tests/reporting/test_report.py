"""The files of the report: self-contained, escaped, deterministic, and whole where data are missing."""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import re
import sqlite3
import subprocess
import sys
import xml.etree.ElementTree as ET
from contextlib import closing
from html import unescape
from html.parser import HTMLParser

import pytest
import sqlalchemy

import superpos
from superpos.errors import InputError
from superpos.reporting import write_report
from superpos.reporting.sections import slug
from superpos.reporting.summary import escape
from superpos.reporting.tables import address, moment, pairs

HOSTILE = "<script>alert('x')</script>"


class Page(HTMLParser):
    """Collects tags, attributes, text, scripts and folded drawings."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.folded: list[str] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        tag, attributes = self.tags[-1] if self.tags else ("", {})
        if self.lasttag == "script" and tag == "script" and data.strip():
            if attributes.get("type") == "application/gzip":
                self.folded.append(gzip.decompress(base64.b64decode(data)).decode("utf-8"))
            else:
                self.scripts.append(data)
            self.tags.append(("", {}))  # what follows is no script
        elif tag != "style":
            self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


def report(url, folder, *studies):
    with superpos.connect(url) as results:
        return write_report(results, list(studies), folder)


@pytest.fixture(scope="module")
def small(small_study, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    return report(small_study, folder)


@pytest.fixture(scope="module")
def small_page(small):
    return Page(small.index.read_text(encoding="utf-8"))


def assert_self_contained(page, html, folder):
    """Nothing is loaded, and the only script that runs is the one that the policy names."""
    for tag in ("link", "iframe", "object", "embed", "base", "form", "img"):
        assert not page.all(tag)
    anchors = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert len(set(anchors)) == len(anchors)
    for _, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name not in ("src", "data", "action", "srcset", "background", "poster")
            if name == "href" and value.startswith(("figures/", "tables/")):
                assert (folder / value).is_file()
            elif name == "href" and not value.startswith("data:image/png;base64,"):
                assert value.startswith("#")
                assert value[1:] in anchors
    (script,) = page.scripts
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    (policy,) = [one["content"] for one in page.all("meta") if "http-equiv" in one]
    assert policy.startswith("default-src 'none'; ")
    assert policy.endswith(f"; script-src 'sha256-{digest}'")
    for drawing in (html, *page.folded):
        assert "<script>" in drawing or ET.fromstring(drawing).tag.endswith("svg")  # noqa: S314 (our own)
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_the_page_needs_nothing_else(small, small_page):
    html = small.index.read_text(encoding="utf-8")
    assert_self_contained(small_page, html, small.index.parent)
    n_figures = len(small.figures)
    assert len(small_page.all("figure")) == n_figures
    assert small.index.stat().st_size < 1_500_000
    drawings = [one for one in small_page.all("svg") if one.get("role") == "img"]
    assert len(drawings) + len(small_page.folded) == n_figures
    assert 3 <= len(drawings) <= 10
    assert all(one["aria-label"] for one in drawings)


def test_verdicts_are_cards_on_a_phone_that_say_what_each_cell_is(small):
    html = small.index.read_text(encoding="utf-8")
    table = re.search(r'<table class="data verdicts">.*?</table>', html, re.DOTALL)
    assert table is not None
    rows = re.findall(r"<tr>(.*?)</tr>", table[0], re.DOTALL)[1:]
    assert rows
    for row in rows:
        assert re.findall(r'<td data-label="(.*?)">', row) == [
            "The thesis", "Powell's ends", "Here", "Strongest number",
        ]  # fmt: skip
    assert "attr(data-label)" in html


def test_figures_are_counted_and_their_links_say_what_they_are_of(small, small_page):
    numbers = re.findall(r"Figure (\d+)", small_page.words)
    assert numbers == [str(number) for number in range(1, len(small.figures) + 1)]
    anchors = {one["id"] for one in small_page.all("figure")}
    assert anchors == {f"s1-figure-{path.stem}" for path in small.figures}


def test_a_figure_has_its_sql_and_it_finds_the_rows(small, small_study):
    html = small.index.read_text(encoding="utf-8")
    queries = [unescape(text) for text in re.findall(r"<pre>(.*?)</pre>", html, flags=re.DOTALL)]
    assert len(queries) == len(small.figures)
    engine = sqlalchemy.create_engine(small_study)
    with engine.connect() as connection:
        for text in queries:
            for statement in filter(str.strip, text.split(";")):
                assert connection.execute(sqlalchemy.text(statement)).first() is not None
    engine.dispose()


def not_run(index):
    """Return what the page says was not run."""
    html = index.read_text(encoding="utf-8").partition("What figures leave out")[0]
    return re.findall(r"<li>([^<]+: [^<]+)</li>", html)


def test_every_section_is_there_and_none_is_missing(small, small_page):
    for title in (
        "Verdicts", "Set by set", "Every answer", "How to check", "Feature sets", "Probes",
        "Target matrices", "Measures of the matrices",
        "Geometry through the layers",
        "Target against optimal", "Distances over the perturbation", "Powell against exact norms",
        "Status and verdict", "Importance", "Sensitivity", "Noise ceiling",
        "Repulsion, or statistics of the text",
        "Features beside their controls", "Across layers and sets", "Glossary",
    ):  # fmt: skip
        assert title in small_page.words
    # Labels, noise ceilings, measures and checkpoints are in studies of their own.
    assert small_page.words.count("Not run in this study") == 1
    assert len(not_run(small.index)) == 4


def test_chapters_can_be_drawn_alone(small_study, tmp_path):
    with superpos.connect(small_study) as results:
        paths = write_report(results, [], tmp_path, only=["targets", "features"])
        with pytest.raises(InputError, match=r"only: 'target' is unknown.*'targets'"):
            write_report(results, [], tmp_path / "none", only=["target"])
    assert not (tmp_path / "none").exists()
    assert {path.stem for path in paths.figures} == {
        "feature-counts", "targets-python_syntax-cosine", "targets-python_syntax-rbf",
    }  # fmt: skip
    assert not not_run(paths.index)
    assert "Verdicts" in Page(paths.index.read_text(encoding="utf-8")).words


def test_an_example_token_is_marked(small_page, small):
    assert len(small_page.all("mark")) == 6
    assert "<mark>·42</mark>" in small.index.read_text(encoding="utf-8")


def test_figures_are_images(small):
    assert small.figures
    for path in small.figures:
        data = path.read_bytes()
        root = ET.fromstring(data)  # noqa: S314 (our own file)
        assert root.tag.endswith("svg")
        assert root.get("width").endswith("pt")
    stems = [path.stem for path in small.figures]
    assert len({stem.lower() for stem in stems}) == len(stems)


def test_tables_hold_the_rows_of_the_views(small, small_study):
    tables = {path.stem: path for path in small.tables}
    with superpos.connect(small_study) as results:
        for name in ("best_matches", "probe_results", "psm_pairs", "layer_similarity"):
            with tables[name].open(encoding="utf-8", newline="") as stream:
                rows = list(csv.DictReader(stream))
            frame = results.frame(name, study="synthetic")
            assert len(rows) == len(frame)
            assert list(rows[0]) == list(frame.columns)
        with tables["best_matches"].open(encoding="utf-8", newline="") as stream:
            written = {row["fit_key"]: float(row["distance_final"]) for row in csv.DictReader(stream)}
        frame = results.frame("best_matches", study="synthetic")
        assert written == dict(zip(frame["fit_key"], frame["distance_final"], strict=True))


def test_the_summary_has_the_answers_and_links_that_lead_somewhere(small, small_page, small_study):
    text = small.summary.read_text(encoding="utf-8")
    links = re.findall(r"\]\((figures/[^)]+)\)", text)
    assert len(links) == len(small.figures)
    for link in links:
        assert (small.summary.parent / link).is_file()
    assert "Does re-optimisation keep the distance to the target low?" in text
    with superpos.connect(small_study) as results:
        count = len(results.frame("fit_results", study="synthetic"))
    assert f"| fits | {count} | {count} | 0 | 0 | 0 |" in text
    assert f"fits {count:,} {count:,} 0 0 0" in small_page.words


def test_no_credential_is_shown(small):
    for path in (small.index, small.summary, *small.tables):
        assert "secret" not in path.read_text(encoding="utf-8")


def test_runs_are_shown_with_versions_host_and_commit(small_page):
    for text in ("node-1", "abc1234", "numpy 2.4, superpos 0.1.0", "2026-01-02 03:04:05"):
        assert text in small_page.words


@pytest.fixture(scope="module")
def tiny(study_plan):
    """Return the settings of a study that renders in a few seconds."""

    def make(**changes):
        settings = {
            "datasets": {"set": ("a", "b", "c", "d")},
            "layers": (0, 1),
            "weights": ("pretrained",),
            "similarities": ("cosine",),
            "controls": (),
            "sweep": (),
            "extra_setting": False,
            "manifold": False,
            "n_dims": (4,),
            "kernels": (("log", 0.0, "log", "exclude", 0.0),),
            "sigmas": (0.0, 0.1),
        }
        return study_plan(**{**settings, **changes})

    return make


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_database_gives_the_same_bytes(make_study, tiny, tmp_path):
    url = make_study(tiny(controls=("permuted",)))
    for name in ("first", "second"):
        report(url, tmp_path / name)
    assert digests(tmp_path / "first") == digests(tmp_path / "second")
    assert len(digests(tmp_path / "first")) > 20


@pytest.mark.postgres
def test_both_database_systems_give_the_same_report(make_study, tiny, tmp_path, postgres_url):
    plan = tiny(controls=("permuted",), weights=("pretrained", "random"))
    made = [
        report(make_study(plan, url=url), tmp_path / str(number))
        for number, url in enumerate(("", postgres_url))
    ]
    tables = [{path.name: path.read_bytes() for path in paths.tables} for paths in made]
    figures = [{path.name: path.read_bytes() for path in paths.figures} for paths in made]
    assert tables[0] == tables[1]
    assert figures[0] == figures[1]
    texts = [paths.summary.read_text(encoding="utf-8").split("## Study")[1] for paths in made]
    assert texts[0] == texts[1]


def test_hostile_names_are_shown_and_do_nothing(make_study, tiny, tmp_path):
    names = (HOSTILE, "$\\frac{", "x" * 80, "a|b\n## c")
    plan = tiny(
        name=f"{HOSTILE}/../x",
        datasets={'"><img src=x onerror=alert(1)>': names},
        example={"before": "</td>" + HOSTILE, "token": "<b>&amp;", "after": '"', "document": '" onload="x'},
        n_dims=(3,),
    )
    paths = report(make_study(plan), tmp_path / "out")
    html = paths.index.read_text(encoding="utf-8")
    page = Page(html)
    assert_self_contained(page, html, tmp_path / "out")
    assert HOSTILE not in html
    assert not any(HOSTILE in drawing for drawing in page.folded)
    assert HOSTILE in page.words
    assert "&lt;b&gt;&amp;amp;" in html
    assert f"Study {HOSTILE}/../x" in page.words
    summary = paths.summary.read_text(encoding="utf-8")
    assert "<script>" not in summary
    assert "<img" not in summary
    for path in (*paths.figures, *paths.tables):
        assert path.parent.parent == tmp_path / "out"
        assert re.fullmatch(r"[A-Za-z0-9._-]+", path.name)


def test_names_without_glyphs_in_the_font_are_no_error(make_study, tiny, tmp_path):
    plan = tiny(datasets={"語": ("数字", "大文字", "空白", "記号")}, fits=False)
    paths = report(make_study(plan), tmp_path)
    assert "大文字" in paths.index.read_text(encoding="utf-8")


def test_names_of_any_script_with_lines_quotes_and_formulas(make_study, tiny, tmp_path):
    names = ("=HYPERLINK(1)", "שלום", "\u202eturned", 'a "quoted"\nname', "\ttab")
    paths = report(make_study(tiny(datasets={"=set": names}, n_dims=(3,))), tmp_path)
    page = Page(paths.index.read_text(encoding="utf-8"))
    assert_self_contained(page, paths.index.read_text(encoding="utf-8"), tmp_path)
    assert 'a "quoted" name' in page.words
    assert "שלום" in page.words
    for path in paths.tables:
        with path.open(encoding="utf-8", newline="") as stream:
            cells = [cell for row in csv.reader(stream) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "\t"))], path.name


def test_hundreds_of_features_and_thirty_layers(make_study, tiny, place, tmp_path):
    names = tuple(f"feature {number}" for number in range(150))
    sets = {"deep": ("a", "b", "c", "d"), "many": names}
    plan = tiny(datasets=sets, layers=tuple(range(30)), places={"many": place(layers=(0,))}, fits=False)
    paths = report(make_study(plan, pairs=False), tmp_path)
    html = paths.index.read_text(encoding="utf-8")
    assert_self_contained(Page(html), html, tmp_path)
    drawn = {path.stem: path.read_text(encoding="utf-8") for path in paths.figures}
    assert all(f">layer {layer}<" in drawn["targets-deep-cosine"] for layer in range(30))
    assert drawn["targets-many-cosine"].count("<image") == 1 + 1  # the matrix, and the bar of colours
    assert ">140<" in drawn["targets-many-cosine"]  # numbered by tens


def test_a_study_without_random_weights_manifold_rbf_and_controls(make_study, tiny, tmp_path):
    paths = report(make_study(tiny()), tmp_path)
    page = Page(paths.index.read_text(encoding="utf-8"))
    assert "The permuted control was not run in this study" in page.words
    assert "keep the distance to the target low" not in page.words  # there is nothing to compare with
    assert "nan" not in page.words.lower().replace("nano", "")


def test_a_study_that_was_planned_and_not_run(make_study, tiny, tmp_path):
    paths = report(make_study(tiny(fits=False), pairs=False), tmp_path)
    page = Page(paths.index.read_text(encoding="utf-8"))
    assert len(not_run(paths.index)) == 13
    assert "fits 4 0 0 0 0" in page.words
    assert {path.stem for path in paths.figures} == {"feature-counts", "probe-quality", "targets-set-cosine"}


def test_random_weights_alone_are_the_subject(make_study, tiny, tmp_path):
    paths = report(make_study(tiny(weights=("random",))), tmp_path)
    page = Page(paths.index.read_text(encoding="utf-8"))
    assert "with random weights only" in page.words
    assert "set · nano (random weights) · mlp.act" in page.words


def test_one_layer_one_sigma_two_features_and_no_matrix_stored(make_study, tiny, tmp_path):
    plan = tiny(datasets={"pair": ("a", "b")}, layers=(3,), sigmas=(0.0,), n_dims=(2,), store_arrays=False)
    paths = report(make_study(plan), tmp_path)
    page = paths.index.read_text(encoding="utf-8")
    assert "there is no control to compare with" in page
    assert "re-optimised by powell at σ 0:" in page
    assert "nan" not in Page(page).words.lower().replace("nano", "")
    assert any(path.stem.startswith("optimal-") for path in paths.figures)


def test_a_feature_that_was_left_out_keeps_its_reason(make_study, tiny, tmp_path):
    paths = report(make_study(tiny(left_out="c", fits=False)), tmp_path)
    page = Page(paths.index.read_text(encoding="utf-8"))
    assert "c 0 left out: no positives –" in page.words


def test_two_studies_on_one_page(make_study, tiny, tmp_path):
    url = make_study(
        tiny(name="one", fits=False), tiny(name="ONE", fits=False, datasets={"other": ("e", "f", "g")})
    )
    paths = report(url, tmp_path / "both", "ONE", "one")
    page = Page(paths.index.read_text(encoding="utf-8"))
    assert page.words.index("Study ONE") < page.words.index("Study one")
    assert {path.name.split("--")[0] for path in paths.tables} == {"ONE", "one-2"}
    assert_self_contained(page, paths.index.read_text(encoding="utf-8"), tmp_path / "both")
    everything = report(url, tmp_path / "all")
    assert len(everything.tables) == len(paths.tables)


def test_a_database_without_studies_gives_a_page_that_says_so(make_study, tmp_path):
    paths = report(make_study(), tmp_path)
    page = Page(paths.index.read_text(encoding="utf-8"))
    assert "The database holds no study." in page.words
    assert "no study" in paths.summary.read_text(encoding="utf-8")
    assert not paths.figures


def test_an_unknown_study_is_refused_and_nothing_written(small_study, tmp_path):
    with pytest.raises(InputError, match=r"study 'syntetic' is not in .*did you mean 'synthetic'"):
        report(small_study, tmp_path / "out", "syntetic")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_one_line(small_study, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="report folder"):
        report(small_study, tmp_path / "file" / "out")


def test_a_study_in_progress_says_what_is_missing_before_anything_else(make_study, tiny, tmp_path):
    url = make_study(tiny())
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        query = "SELECT planned, done FROM study_progress WHERE stage = 'fits'"
        done = connection.execute(query).fetchone()
        connection.execute("DELETE FROM best_match")
        connection.execute("DELETE FROM fit_arrays")
        connection.execute("DELETE FROM fits")
        connection.commit()
    paths = report(url, tmp_path)
    said = f"{done[0]:,} of {done[0]:,} in fits"
    page = Page(paths.index.read_text(encoding="utf-8")).words
    assert said in page
    assert page.index(said) < page.index("Figure 1")
    assert f"without a result are {said}" in " ".join(paths.summary.read_text(encoding="utf-8").split())


def test_a_file_that_cannot_be_written_is_named(small_study, tmp_path):
    (tmp_path / "index.html").mkdir()
    with pytest.raises(InputError, match=r"report folder .*: index\.html: Is a directory$"):
        report(small_study, tmp_path)


def test_importing_the_package_is_light():
    code = (
        "import sys, superpos.reporting;"
        "print([m for m in ('matplotlib', 'pandas', 'numpy', 'torch', 'ray', 'jinja2', 'sqlalchemy') if m "
        "in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b/c", "a-b-c"),
        ("../..", "unnamed"),
        ("", "unnamed"),
        ("x" * 200, "x" * 100),
        ("a.b_c-d", "a.b_c-d"),
    ],
)
def test_file_names(text, expected):
    assert slug(text) == expected


def test_markdown_escapes():
    assert escape("a_b*<i>\n| c") == "a\\_b\\*&lt;i&gt; \\| c"


def test_small_texts():
    assert address("ray://me:pw@host:10001?token=1") == "ray://host:10001"
    assert address("auto") == "auto"
    assert moment(None) == ""
    assert moment("2026-01-02T03:04:05.678+00:00") == "2026-01-02 03:04:05"
    assert pairs('{"b": 1.23456, "a": "x"}') == "a x, b 1.235"
    assert pairs(None) == ""
