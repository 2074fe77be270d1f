"""Pin the source of every own kind to its version: code that moved needs a raised version or a stated waiver.

    python -m tools.kind_versions                      say what moved
    python -m tools.kind_versions --update             pin new kinds and raised versions
    python -m tools.kind_versions --waive "why"        pin moved code too, with why no result changes

The digest of a kind is the SHA-256 over the syntax trees, without docstrings, of its module and of the
modules of the project that it imports, one level deep; comments and layout do not count. Records and
registers (`LEFT_OUT`) are not among them: they say how kinds are held, not what they compute.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import json
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import superpos.kinds
from superpos.hashing import text_digest
from superpos.kinds import Register

FILE = Path(__file__).resolve().parent.parent / "tests" / "assets" / "kinds" / "versions.json"
UNWRITTEN = ("ctx", "kind", "type_comment", "type_ignores", "type_params")
"""Fields of syntax trees that say nothing here, or that only some releases of Python have."""
LEFT_OUT = tuple(f"superpos.{name}" for name in ("kinds", "specs", "records", "errors", "arrays", "names"))


def registers() -> Iterator[Register[Any]]:
    """Give every register of the project, by the name of its module."""
    for module in pkgutil.iter_modules(superpos.kinds.__path__):
        held = vars(importlib.import_module(f"superpos.kinds.{module.name}")).values()
        yield from (value for value in held if isinstance(value, Register))


def digest(module: str) -> str:
    """Return the digest of a kind's module and of what it imports of the project."""
    tree = _tree(module)
    others = sorted(set(_imported(tree, module)))
    return text_digest("\n".join(_written(one) for one in (tree, *map(_tree, others))))


def _tree(module: str) -> ast.Module:
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        raise SystemExit(f"{module}: no such module")
    return ast.parse(Path(found.origin).read_text(encoding="utf-8"))


def _written(node: object) -> str:
    """Return a syntax tree as text without docstrings, the same under every Python that can read it."""
    if isinstance(node, list):
        return f"[{','.join(_written(one) for one in node if not _is_text(one))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = ((name, value) for name, value in ast.iter_fields(node) if name not in UNWRITTEN)
    said = ",".join(f"{name}={_written(value)}" for name, value in fields if value not in (None, []))
    return f"{type(node).__name__}({said})"


def _is_text(node: object) -> bool:
    """Whether a statement is a text alone: a docstring."""
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _imported(tree: ast.Module, module: str) -> Iterator[str]:
    """Give the modules of the project that a tree imports, but for those that say how kinds are held."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("superpos."):
            continue
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            name = inner if _is_module(inner) else str(node.module)
            if name != module and not any(name == out or name.startswith(f"{out}.") for out in LEFT_OUT):
                yield name


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is a module and no package
        return False


def current() -> dict[str, dict[str, Any]]:
    """Return version and digest of every own kind by `family/name`."""
    return {
        f"{register.what}/{kind.name}": {
            "version": kind.version,
            "digest": digest(f"{register.package}.{kind.name}"),
        }
        for register in registers()
        for kind in register
        if register.origin(kind.name) is None
    }


def moved(pinned: dict[str, dict[str, Any]], found: dict[str, dict[str, Any]]) -> list[str]:
    """Return a line for each kind that does not agree with its pin."""
    lines = []
    for name in sorted(pinned.keys() | found.keys()):
        old, new = pinned.get(name), found.get(name)
        if new is None:
            lines.append(f"{name}: is gone; run python -m tools.kind_versions --update")
        elif old is None or new["version"] != old["version"]:
            lines.append(f"{name}: is not pinned; run python -m tools.kind_versions --update")
        elif new["digest"] != old["digest"]:
            lines.append(
                f"{name}: its code moved, its version {new['version']} did not; raise it if results change, "
                'else run python -m tools.kind_versions --waive "why no result changes"'
            )
    return lines


def main(arguments: list[str]) -> int:
    """Say what moved, or pin it; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.kind_versions", description=__doc__)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--waive", metavar="WHY", default="")
    given = parser.parse_args(arguments)
    pinned: dict[str, dict[str, Any]] = json.loads(FILE.read_text()) if FILE.exists() else {}
    found = current()
    if given.update or given.waive:
        kept: dict[str, dict[str, Any]] = {}
        for name, new in sorted(found.items()):
            old = pinned.get(name)
            same = old is not None and old["version"] == new["version"]
            if old is not None and same and (old["digest"] == new["digest"] or not given.waive):
                kept[name] = old
            else:
                kept[name] = {**new, "waiver": given.waive} if same else new
        FILE.parent.mkdir(parents=True, exist_ok=True)
        FILE.write_text(json.dumps(kept, indent=1) + "\n")
        pinned = kept
    lines = moved(pinned, found)
    print("\n".join(lines) or f"{len(found)} kinds agree with their versions")  # noqa: T201 (a tool)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
