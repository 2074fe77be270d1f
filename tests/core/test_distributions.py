"""Installed distributions: found by metadata under any spelling, never imported, refused in one line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from superpos.errors import InputError
from superpos.reading.distributions import find_distribution, is_package, package_file, split_package

BOMB = "raise SystemExit('imported')\n"


def install(
    site: Path, name: str = "Tiny_Data", version: str = "1.0", listed: tuple[str, ...] = (), **files: str
) -> Path:
    """Write what an installer leaves of a distribution; keys of `files` are paths with `__` for a slash."""
    paths = {key.replace("__", "/", 1): text for key, text in files.items()}
    for path, text in paths.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text, encoding="utf-8")
    metadata = site / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    record = "".join(f'"{path}",,\n' for path in (*paths, *listed))
    (metadata / "RECORD").write_text(record, encoding="utf-8")
    return metadata


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder at the front of `sys.path`."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def refusal(name: str) -> str:
    with pytest.raises(InputError) as caught:
        package_file(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("spelling", ["tiny-data", "Tiny_Data", "TINY.DATA", "tiny--data"])
def test_a_distribution_is_found_under_every_equal_name_and_not_imported(site: Path, spelling: str) -> None:
    install(site, **{"tiny_data____init__.py": BOMB, "tiny_data__a.txt": "x"})
    before = set(sys.modules)
    found = find_distribution(spelling)
    assert (found.name, found.version) == ("Tiny_Data", "1.0")
    assert dict(found.files)["tiny_data/a.txt"] == site / "tiny_data/a.txt"
    assert "tiny_data" not in set(sys.modules) - before


def test_files_that_are_gone_or_lie_elsewhere_are_left_out(site: Path, tmp_path: Path) -> None:
    (tmp_path / "script").write_text("x")
    install(site, listed=("tiny/gone.txt", "../script", str(tmp_path / "script")), tiny__here="x")
    found = find_distribution("tiny-data")
    assert [name for name, _ in found.files if "dist-info" not in name] == ["tiny/here"]
    assert found.within("tiny") == (("tiny/here", site / "tiny/here"),)
    assert found.within("tin") == ()


def test_a_file_inside_is_read_where_it_is(site: Path) -> None:
    install(site, tiny__a="text")
    assert package_file("package:tiny-data/tiny/a").read_text() == "text"
    assert package_file("package:TINY_DATA//tiny/./a") == site / "tiny/a"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "package:absent-x",
            "no distribution of this name is installed; install it: pip install --no-deps absent-x",
        ),
        ("package:", "is no name of a distribution"),
        ("package:a b/c", "is no name of a distribution"),
        ("package:..", "is no name of a distribution"),
        ("package:tiny-data/../secret", r"leaves the distribution"),
        ("package:tiny-data/tiny/../../secret", "leaves the distribution"),
        ("package:tiny-data/tiny\\a", "leaves the distribution"),
        ("package:tiny-data/tiny/b", "Tiny_Data 1.0 has no file 'tiny/b'; its files: tiny/a"),
        ("package:tiny-data", "has no file ''; its files: tiny/a"),
        ("package:tiny-data/a", "its files: tiny/a"),
        ("tiny-data", "does not begin with package:"),
    ],
)
def test_bad_names_are_refused_in_one_line(site: Path, name: str, message: str) -> None:
    install(site, tiny__a="text")
    (site.parent / "secret").write_text("x")
    assert message in refusal(name)


def test_the_first_on_the_path_counts_and_two_in_one_folder_are_refused(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site, version="1.0", tiny__a="old")
    other = tmp_path / "other"
    install(other, version="2.0", tiny__a="new")
    monkeypatch.syspath_prepend(str(other))
    assert find_distribution("tiny-data").version == "2.0"
    install(other, version="3.0")
    assert "holds the metadata of versions 2.0, 3.0" in refusal("package:tiny-data/tiny/a")


def test_an_editable_installation_is_read_in_its_project(site: Path, tmp_path: Path) -> None:
    project = tmp_path / "my project"
    for path in ("src/tiny/a", "src/.git/b", "src/venv/pyvenv.cfg", "src/venv/c", "src/tiny/__pycache__/d"):
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text("x")
    (site / "_tiny.pth").write_text(f"import sys\n{project / 'src'}\n")
    metadata = install(site, listed=("_tiny.pth",))
    direct = {"url": project.as_uri(), "dir_info": {"editable": True}}
    (metadata / "direct_url.json").write_text(json.dumps(direct))
    files = dict(find_distribution("tiny-data").files)
    assert {name for name in files if "dist-info" not in name} == {"_tiny.pth", "tiny/a"}
    assert package_file("package:tiny-data/tiny/a") == project / "src/tiny/a"
    (site / "_tiny.pth").write_text("import finder\n")  # an import hook instead of a folder
    assert package_file("package:tiny-data/tiny/a") == project / "src/tiny/a"
    direct["dir_info"] = {}
    (metadata / "direct_url.json").write_text(json.dumps(direct))
    assert "has no file" in refusal("package:tiny-data/tiny/a")


@pytest.mark.parametrize(
    ("file", "content"),
    [("METADATA", b""), ("METADATA", b"Name: x\xff\n"), ("RECORD", b"\xff"), ("direct_url.json", b"[")],
)
def test_damaged_metadata_are_one_line(site: Path, file: str, content: bytes) -> None:
    (install(site, tiny__a="x") / file).write_bytes(content)
    assert (
        refusal("package:tiny-data/tiny/a").lower().startswith(("package:tiny-data:", "package:tiny_data:"))
    )


def test_names_are_split_once() -> None:
    assert split_package("package:a/b/c.gguf") == ("a", "b/c.gguf")
    assert split_package("package:a") == split_package("package:a/") == ("a", "")
    assert is_package("package:a")
    assert not is_package("packages/a")


@pytest.mark.parametrize(
    ("lines", "licence"),
    [
        ("", ""),
        ("License-Expression: Apache-2.0 OR MIT\nLicense: other\n", "Apache-2.0 OR MIT"),
        ("License: MIT\nClassifier: License :: OSI Approved :: BSD License\n", "MIT"),
        ("License: BSD License\n        Copyright somebody\n        All rights\n", "BSD License"),
        ("Classifier: License :: OSI Approved :: MIT License\nClassifier: Topic :: X\n", "MIT License"),
        ("Classifier: License :: Public Domain\nClassifier: License :: Other\n", "Public Domain; Other"),
    ],
)
def test_the_licence_is_what_the_metadata_say(site: Path, lines: str, licence: str) -> None:
    metadata = install(site) / "METADATA"
    metadata.write_text(metadata.read_text(encoding="utf-8") + lines, encoding="utf-8")
    assert find_distribution("tiny-data").licence == licence
