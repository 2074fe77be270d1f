"""Write `docs/study-file.md`: `python -m tools.study_file_doc > docs/study-file.md`.

Every table, key, type, default, allowed value and meaning comes from `superpos.specs.explain`, which asks the
readers, the records and the registers. Kinds of other packages are left out.
"""

from __future__ import annotations

import re
import sys
import textwrap

from superpos.specs.explain import Key, Section, sections

WIDTH = 100
INTRODUCTION = """# The study file

Written by `python -m tools.study_file_doc`. `superpos plan --explain KEY` says the same of one key,
and `superpos plan STUDY --json` writes out every default of a study. `superpos init` writes a
commented study to begin with.

A study is a TOML file. It names models and data sets, and has blocks: each block is a product of
its lists, and every combination is a cell. Unknown keys are refused. A plural type means a list;
one value may stand for a list of one. Relative paths are relative to the file that says them.

## Say each thing once

```toml
extends = "nano-checkpoints"    # a bundled study, or a TOML file beside this one

[kernels]                       # lists that blocks take by name
repelling = ["exp", "log", { energy = "riesz", s = 1, self_energy = "include", softening = 0.1 }]

[reoptimisations]
thesis = { optimiser = "powell", sigmas = [0.01, 0.1] }
exact = { optimiser = "manifold", sigmas = 0 }

[defaults]                      # what blocks do not say
kernels = ["repelling", "riesz:2"]
reoptimisations = ["thesis", "exact"]
n_dims = [3, 6, 10]

[[blocks]]
name = "cosine"
gauges = "unit"

[[blocks]]
name = "rbf"
like = "cosine"                 # its keys, unless this block has its own
similarities = "rbf"
rbf_scales = "median"
gauges = "none"
```

- Every key of a block but `name` and `like` may stand in `[defaults]`. A block says it again to
  override it, and the whole value is replaced, also a list.
- `[kernels]` and `[reoptimisations]` name lists. A block takes one by its name, several, or names
  beside values.
- `like` names blocks before this one. Their keys stand between the block's own and the defaults;
  the last named goes first.
- `extends` takes another study as the ground. Tables and blocks of one name are merged key by key,
  and what this file says goes first. Other blocks are added. The name of the study is not
  inherited.
- An inherited key that is wrong is reported where it stands, with its heir.
"""


def document() -> str:
    """Return the whole page."""
    own = [section for section in sections() if not section.origin]
    return "\n".join([INTRODUCTION, *(part for section in own for part in _section(section))])


def _section(section: Section) -> list[str]:
    title = section.table if section.table[0] != "[" else f"`{section.table.split(' and ')[0]}`"
    title = title.replace(" with builder = ", "` with `builder = ") if "with" in title else title
    heads = {"study": "The file itself", "kernels": "A kernel", "blocks": "`[[blocks]]` and `[defaults]`"}
    return [f"## {heads.get(section.name, title)}\n", *(_entry(key) for key in section.keys), ""]


def _entry(key: Key) -> str:
    default = "has to be there" if not key.default else f"default {_code(key.default)}"
    head = f"- **`{key.name}`** ({key.type}; {default}): {key.meaning}"
    names = [one for one in key.choices if not one.origin]
    if names and not any(one.meaning for one in names):
        head += f" Allowed: {', '.join(f'`{one.name}`' for one in names)}."
    found = [_wrapped(head, "  ")]
    found += [_wrapped(f"  - `{one.name}`: {one.meaning}", "    ") for one in names if one.meaning]
    return "\n".join(found)


def _code(default: str) -> str:
    """Return a default as code, unless it is words."""
    written = default in ("true", "false") or re.fullmatch(r'"[^"]*"|\[.*\]|-?[0-9].*', default)
    return f"`{default}`" if written else default


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(
        text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


if __name__ == "__main__":
    sys.stdout.write(document())
