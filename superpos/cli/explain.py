"""`superpos plan --explain KEY`."""

from __future__ import annotations

import json
from dataclasses import asdict

from rich.console import Console

from superpos.cli.parser import find_study
from superpos.specs.explain import Key, explained
from superpos.specs.study import Study
from superpos.specs.studyfile import load_study

OUT = Console(highlight=False, soft_wrap=True)


def explain(name: str, study: str | None, *, as_json: bool = False) -> int:
    """Print what a key means, and what the blocks of a study say of it.

    Parameters
    ----------
    name
        `n_dims`, or `blocks.n_dims` for the key of one table.
    study
        Bundled name or file; None if none is asked about.
    as_json
        For programs.
    """
    keys = explained(name)
    said = {} if study is None else _said(load_study(find_study(study)), keys)
    if as_json:
        found = {"keys": [asdict(key) for key in keys], "blocks": said}
        OUT.print_json(json.dumps(found), ensure_ascii=False)
        return 0
    OUT.print("\n\n".join("\n".join(lines(key)) for key in keys), markup=False)
    for block, value in said.items():
        OUT.print(f"block {block}: {value}", markup=False)
    return 0


def lines(key: Key) -> list[str]:
    """Return what there is to say of a key, a line each."""
    found = [f"{key.name}, in {key.table}", f"  {key.meaning}", f"  type: {key.type}"]
    found.append(f"  default: {key.default or 'none, it has to be there'}")
    if key.choices:
        found.append("  allowed:" if any(one.meaning for one in key.choices) else f"  allowed: {_names(key)}")
        found += [f"    {one.name}: {one.meaning}{_from(one.origin)}" for one in key.choices if one.meaning]
    return found


def _names(key: Key) -> str:
    return ", ".join(one.name for one in key.choices)


def _from(origin: str) -> str:
    return f" ({origin})" if origin else ""


def _said(study: Study, keys: tuple[Key, ...]) -> dict[str, str]:
    """Return what each block of a study says where the key is a block's."""
    names = [key.name for key in keys if key.section == "blocks"]
    blocks = [asdict(block) for block in study.blocks]
    return {
        str(block["name"]): json.dumps(block[name], ensure_ascii=False, default=str)
        for block in blocks
        for name in names
        if name in block
    }
