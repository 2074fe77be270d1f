"""The hub's client and the library as they are, against a hub that a local server plays.

Each reading runs in a process of its own: the client reads where the hub is, and whether it may be asked,
once, when it is imported.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pytest
from pyarrow import parquet

from superpos.datasets.sources import Document, corpus_digest
from superpos.hashing import canonical_json, text_digest

COMMIT = "c" * 40
FIRST = [f"text {i // 2}" for i in range(100)]  # every text twice
SECOND = [f"more {i}" for i in range(100)]

READ = """
import json, sys
from superpos.datasets.sources import load_corpus, source_digest
from superpos.errors import InputError
from superpos.specs.datasets import CorpusSpec
from superpos.datasets.builders.labelled_texts import KIND
from superpos.datasets.labelled.options import LabelledTextOptions
from superpos.datasets.labelled.rows import read_rows
for values in json.loads(sys.argv[2]):
    try:
        if sys.argv[1].startswith("labelled"):
            options = LabelledTextOptions(**values)
            if sys.argv[1] == "labelled-content":
                print(json.dumps(KIND.content(options)))
                continue
            rows = read_rows(options, options.file)
            texts = {text: [row.label, row.document] for text, row in rows.texts.items()}
            print(json.dumps([texts, rows.counts]))
            continue
        spec = CorpusSpec.from_json(values)
        if sys.argv[1] == "digest":
            found = source_digest(spec)
        else:
            corpus = load_corpus(spec)
            found = {
                "documents": [[d.name, d.text, d.label] for d in corpus.documents],
                "digest": corpus.digest,
                "provenance": corpus.provenance,
            }
        print(json.dumps(found))
    except InputError as error:
        print(json.dumps(str(error)))
"""


def table(texts: list[str], label: str) -> bytes:
    stream = io.BytesIO()
    parquet.write_table(pa.table({"text": texts, "topic": [label] * len(texts)}), stream)
    return stream.getvalue()


REPOSITORIES: dict[str, dict[str, bytes]] = {
    "o/rows": {
        "README.md": b"---\nlicense: mit\n---\nrows\n",
        "data/train-00000-of-00002.parquet": table(FIRST, "first"),
        "data/train-00001-of-00002.parquet": table(SECOND, "second"),
        "data/test-00000-of-00001.parquet": table(["held out"], "third"),
    },
    "o/code": {"README.md": b"---\n---\n", "code.py": b"raise SystemExit('this was run')\n"},
    "o/bare": {"all.jsonl": b'{"text": "no card"}\n'},
    "o/void": {"README.md": b"---\n---\n"},
}


class Hub(BaseHTTPRequestHandler):
    """The few addresses of the hub that reading a data set asks for."""

    protocol_version = "HTTP/1.1"
    asked: list[str]

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append(f"{self.command} {path}")
        parts = path.strip("/").split("/")
        api = parts[0] == "api"
        repository = "/".join(parts[2 if api else 1 :][:2])
        files = REPOSITORIES.get(repository)
        rest = parts[4 if api else 3 :]
        if files is None or (not api and len(rest) < 3):
            self.reply(404, headers={"X-Error-Code": "RepoNotFound"})
        elif not api:
            self.file(files.get("/".join(rest[2:])))
        elif not rest or rest[0] == "revision":
            siblings = [{"rfilename": name} for name in files]
            self.json({"_id": "1", "id": repository, "sha": COMMIT, "siblings": siblings, "private": False})
        elif rest[0] == "tree":
            self.tree(files, "/".join(rest[2:]), "recursive=true" in self.path.lower())
        else:
            self.json([entry(name, data) for name, data in files.items() if name in sent.decode()])

    do_GET = do_HEAD = do_POST = answer  # noqa: N815 (the names that the base class looks for)

    def file(self, data: bytes | None) -> None:
        if data is None:
            self.reply(404, headers={"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
            return
        headers = {"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X-Repo-Commit": COMMIT}  # noqa: S324 (an ETag)
        span = self.headers.get("Range")
        if span is None:
            self.reply(200, data, headers)
            return
        first, last = (int(end) for end in span.removeprefix("bytes=").split("-"))
        part = data[first : last + 1]
        headers["Content-Range"] = f"bytes {first}-{first + len(part) - 1}/{len(data)}"
        self.reply(206, part, headers)

    def tree(self, files: dict[str, bytes], folder: str, recursive: bool) -> None:
        inside = {
            name: data for name, data in files.items() if name.startswith(f"{folder}/" if folder else "")
        }
        if not inside:
            self.reply(404, headers={"X-Error-Code": "EntryNotFound"})
            return
        depth = len(folder) + 1 if folder else 0
        folders = {name[depth:].split("/")[0] for name in inside if "/" in name[depth:]}
        self.json(
            [{"type": "directory", "path": f"{folder}/{name}".strip("/"), "oid": "d"} for name in folders]
            + [entry(name, data) for name, data in inside.items() if recursive or "/" not in name[depth:]]
        )

    def json(self, value: Any) -> None:
        self.reply(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def reply(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def entry(name: str, data: bytes) -> dict[str, Any]:
    return {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}  # noqa: S324


class Session:
    """A home of the client, and the hub."""

    def __init__(self, home: Path, port: int, asked: list[str]) -> None:
        self.home, self.asked = home, asked
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HF_")},
            "HF_ENDPOINT": f"http://127.0.0.1:{port}",
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "NO_PROXY": "127.0.0.1",
        }

    def run(self, what: str, *specs: dict[str, Any], offline: bool = False) -> list[Any]:
        corpus = {"kind": "hub", "path": "o/rows", "max_documents": 30}
        labelled = {"file": "hub:o/rows", "max_rows": 30, "label_key": "topic"}
        asked = [{**(labelled if what.startswith("labelled") else corpus), **spec} for spec in specs]
        self.asked.clear()
        ran = subprocess.run(
            [sys.executable, "-c", READ, what, json.dumps(asked)],
            env={**self.environment, "HF_HUB_OFFLINE": "1" if offline else "0"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return [json.loads(line) for line in ran.stdout.splitlines()]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Session]:
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Hub", (Hub,), {"asked": asked}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Session(tmp_path / "home", server.server_port, asked)
    server.shutdown()
    server.server_close()
    thread.join()


def test_rows_are_streamed_at_a_commit_and_kept(hub: Session) -> None:
    labelled = {"label_key": "topic", "revision": "main"}
    [found] = hub.run("load", labelled)
    expected = [Document(f"o/rows:{2 * i + 1}", f"text {i}", "first") for i in range(30)]
    assert found["documents"] == [[d.name, d.text, d.label] for d in expected]
    assert found["provenance"]["commit"] == COMMIT
    assert found["provenance"]["content_digest"] == corpus_digest(expected)
    assert found["provenance"]["skipped"]["duplicate"] == 29
    data = [line for line in hub.asked if "/data/" in line and "resolve" in line]
    assert data
    assert all(f"/resolve/{COMMIT}/data/train-00000-" in line for line in data)
    # The same again without a network, whatever the revision is called.
    assert hub.run("load", labelled, {**labelled, "revision": COMMIT}, offline=True) == [found, found]
    assert hub.asked == []
    [kept] = hub.home.glob("superpos/corpora/*.parquet")
    assert kept.name == f"{found['digest']}.parquet"
    # What was not read was not kept, and the message says how to come by it.
    [other] = hub.run("load", {**labelled, "max_documents": 31}, offline=True)
    assert other.startswith(f"hub:o/rows at revision {COMMIT}: the hub does not answer or lacks it")
    assert f"hf download --repo-type dataset o/rows --revision {COMMIT}" in other
    assert "name in its place a Parquet" in other
    assert "\n" not in other
    kept.write_bytes(b"PAR1")
    [damaged] = hub.run("load", labelled, offline=True)
    assert damaged.startswith(f"{kept}: cannot be read as kept documents: ")
    assert damaged.endswith("; delete it, and it is read from the hub again")


def test_labelled_rows_are_streamed_at_a_commit_and_kept(hub: Session) -> None:
    [[texts, counts]] = hub.run("labelled", {"revision": "main"})
    assert texts == {f"text {i}": ["first", f"o/rows:{2 * i + 1}"] for i in range(15)}
    assert {name: count for name, count in counts.items() if count} == {"read": 30, "repeated": 15}
    assert any(f"/resolve/{COMMIT}/data/train-00000-" in line for line in hub.asked)
    assert hub.run("labelled", {"revision": "main"}, {}, offline=True) == [[texts, counts]] * 2
    [kept] = hub.home.glob("superpos/rows/*.jsonl.gz")
    [main, same, fewer] = hub.run("labelled-content", {}, {"revision": COMMIT}, {"file": "hub:o/bare"})
    assert main == same != fewer
    no_column, no_split = hub.run("labelled", {"label_key": "lang"}, {"split": "dev"})
    assert no_column == "hub:o/rows: no column 'lang' for the label; columns: text, topic"
    assert no_split.startswith(f"hub:o/rows at revision {COMMIT}: ")
    assert [kept] == list(hub.home.glob("superpos/rows/*"))
    kept.write_bytes(kept.read_bytes()[:20])
    [damaged] = hub.run("labelled", {"revision": "main"}, offline=True)
    assert damaged.startswith(f"{kept}: cannot be read as gzip: ")
    assert damaged.endswith("; delete it, and it is read from the hub again")


def test_digests_need_the_commit_only(hub: Session) -> None:
    specs: list[dict[str, Any]] = [
        {},
        {"max_documents": 31},
        {"config": "other"},
        {"split": "test"},
        {"text_key": "body"},
        {"label_key": "topic"},
    ]
    found = hub.run("digest", *specs, {"revision": COMMIT}, {"split": "train"}, {"path": "o/bare"})
    values = {
        "repository": "o/rows",
        "commit": COMMIT,
        "config": "",
        "split": "train",
        "text_key": "text",
        "label_key": "",
        "max_documents": 30,
    }
    assert found[0] == text_digest(canonical_json(values))
    assert len(set(found[: len(specs)])) == len(specs)
    assert found[-3:-1] == [found[0], found[0]]
    assert found[-1] == text_digest(canonical_json({**values, "repository": "o/bare"}))
    assert not any(line.endswith((".parquet", ".jsonl")) for line in hub.asked)
    # A commit is its own answer; a name is what the client remembers of it.
    assert hub.run("digest", {"revision": COMMIT}, {}, offline=True) == [found[0], found[0]]
    [unknown] = hub.run("digest", {"revision": "v9"}, offline=True)
    assert unknown.startswith("hub:o/rows at revision v9: the hub does not answer or lacks it")


def test_a_snapshot_in_the_cache_does_as_well(hub: Session) -> None:
    download = (
        "import sys, huggingface_hub as h; print(h.snapshot_download(sys.argv[1], repo_type='dataset'))"
    )
    subprocess.run(
        [sys.executable, "-c", download, "o/rows"], env=hub.environment, capture_output=True, check=True
    )
    # Through the hub part of a union too.
    part = {"kind": "hub", "path": "o/rows", "max_documents": 60, "label_key": "topic"}
    union = {"kind": "union", "path": "", "max_documents": 0, "parts": [["rows", part]]}
    found, joined, test = hub.run("load", {**part}, union, {"split": "test"}, offline=True)
    assert isinstance(found, dict), found
    assert [text for _, text, _ in found["documents"]] == [*dict.fromkeys(FIRST), *SECOND[:10]]
    assert [label for _, _, label in found["documents"]] == ["first"] * 50 + ["second"] * 10
    assert [document[1] for document in joined["documents"]] == [text for _, text, _ in found["documents"]]
    assert {label for _, _, label in joined["documents"]} == {"rows"}
    assert joined["documents"][0][0] == "rows/o/rows:1"
    assert test["documents"] == [["o/rows:1", "held out", ""]]
    assert not list(hub.home.glob("superpos/corpora/*"))  # for a snapshot may lack files
    assert hub.asked == []


def test_what_cannot_be_read_is_said_in_one_line(hub: Session) -> None:
    at = f" at revision {COMMIT}"
    cases: list[tuple[dict[str, Any], str, list[str]]] = [
        ({"split": "dev"}, f"hub:o/rows{at}: ", ["Bad split: dev", "'train', 'test'"]),
        ({"config": "zz"}, f"hub:o/rows{at}: ", ["'zz' not found", "'default'"]),
        ({"text_key": "body"}, "hub:o/rows: ", ["no column 'body' for the text; columns: text, topic"]),
        ({"label_key": "lang"}, "hub:o/rows: ", ["no column 'lang' for the label; columns: text, topic"]),
        ({"path": "o/code"}, f"hub:o/code{at}: ", ["needs code of its own to be read, which is not run"]),
        ({"path": "o/void"}, f"hub:o/void{at}: ", ["hf download"]),
        ({"path": "o/absent"}, "hub:o/absent: ", ["the hub does not answer or lacks it", "hf download"]),
        ({"path": "not a name"}, "hub:not a name: ", ["name"]),
    ]
    for (_, begins, says), message in zip(
        cases, hub.run("load", *(spec for spec, _, _ in cases)), strict=True
    ):
        assert isinstance(message, str)
        assert message.startswith(begins), message
        assert all(part in message for part in says), message
        assert "\n" not in message
    assert not list(hub.home.glob("superpos/corpora/*"))
    (hub.home / "superpos").write_text("no folder")
    [message] = hub.run("load", {})
    assert "what was read from the hub cannot be kept there" in message
    assert "HF_HOME" in message


@pytest.mark.parametrize("read", ["hub_source._read_kept(file)", "list(file_records(file, list))"])
def test_a_process_that_has_read_parquet_ends_in_order(tmp_path: Path, read: str) -> None:
    """Threads of Arrow that read on while Python ended aborted about every second such process."""
    file = tmp_path / "kept.parquet"
    columns = {name: [f"{name} {i}" for i in range(30)] for name in ("name", "text", "label")}
    parquet.write_table(pa.table(columns).replace_schema_metadata({"skipped": "{}"}), file)
    code = (
        "import sys; from pathlib import Path; from superpos.datasets import hub_source; "
        f"from superpos.datasets.record_files import file_records; file = Path(sys.argv[1]); {read}"
    )
    # One after another: beside others they end later, and in order.
    ended = [subprocess.run([sys.executable, "-c", code, str(file)], check=False) for _ in range(8)]
    assert [process.returncode for process in ended] == [0] * 8
