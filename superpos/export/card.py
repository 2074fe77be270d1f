"""The data card: what the folder holds, how to open it, and a configuration a view for `datasets`."""

from __future__ import annotations

import json
from collections.abc import Mapping

from superpos.db.results import VIEWS
from superpos.export.tables import LEFT_OUT
from superpos.version import __version__

OPENING = """## How to open it

```python
import datasets, polars, safetensors.numpy

fits = datasets.load_dataset("FOLDER", "fit_results", split="train")
fits = polars.scan_parquet("FOLDER/views/fit_results.parquet")
index = polars.read_parquet("FOLDER/tensors/index.parquet")   # key, array -> file, tensor
T = safetensors.numpy.load_file("FOLDER/tensors/psms-00000.safetensors")
```

In this folder `duckdb superpos.duckdb -init duckdb.sql` gives every view by its name, and the questions
in `queries` run there as they are. With the database itself at hand,
`datasette superpos.db --metadata datasette.json` shows it with these questions and the meaning of
every column.

## What may be averaged

Rows that share a set, a layer, a draw or a seed are no replicates. Between sets of different n only the
columns `rms_...` may be compared, and nothing over different controls, gauges or kernels. How to read
each question stands in its file.
"""


def card(
    studies: Mapping[str, str], rows: Mapping[str, int], tensors: Mapping[str, int], revision: str
) -> str:
    """Return the card.

    Parameters
    ----------
    studies
        Name to description.
    rows
        Rows by view.
    tensors
        Tensors by kind.
    revision
        Of the schema.
    """
    files = {view: f"views/{view}.parquet" for view in VIEWS}
    files |= {"columns": "columns.parquet", "tensors": "tensors/index.parquet"}
    lines = [
        "---",
        'pretty_name: "superpos results"',
        "tags:",
        "- interpretability",
        "- superposition",
        "configs:",
    ]
    for name, file in files.items():
        lines += [f"- config_name: {name}", f"  data_files: {json.dumps(file)}"]
        lines += ["  default: true"] if name == "geometry_results" else []
    lines += ["---", "", "# Results of superpos", ""]
    lines += [f"Written by superpos {__version__} from a database at schema revision {revision}.", ""]
    lines += ["| study | |", "|---|---|"]
    lines += [f"| {_cell(name)} | {_cell(said)} |" for name, said in studies.items()]
    lines += ["", "| view | rows | a row is |", "|---|---|---|"]
    lines += [f"| `{view}` | {rows[view]} | {said} |" for view, said in VIEWS.items()]
    lines += ["", "| tensors | number |", "|---|---|"]
    lines += [f"| `{kind}` | {count} |" for kind, count in tensors.items()]
    left_out = "; ".join(f"`{view}` without {' and '.join(names)}" for view, names in LEFT_OUT.items())
    lines += ["", f"Left out, for they name machines: {left_out}. Where a model was read from a folder, the"]
    lines += ["column `source` of `model_results` names it.", ""]
    lines += [
        "`columns.parquet` says what every column means, and so does the schema of each file.",
        "",
        OPENING,
    ]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
