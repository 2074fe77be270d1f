"""Arguments of `superpos datasets`."""

from __future__ import annotations

from typing import Any

from superpos.cli.arguments import Parser, add_command, any_path, natural, numbers, positive, similarity
from superpos.specs.studies import set_sources


def add_datasets(commands: Any) -> None:
    """Add `datasets` with its four actions."""
    sets = add_command(
        commands, "datasets", "datasets:datasets", "feature sets: list, show with examples, build, import"
    )
    actions = sets.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)

    text = "list the bundled sets, or those of a source"
    listing = actions.add_parser("list", help=text, description=f"{text[0].upper()}{text[1:]}.")
    listing.add_argument("--json", action="store_true", help="print them as JSON, every feature named")
    _add_source(listing, "list the sets of this source instead, counted")

    text = "build a small set and print counts, examples, correlations of labels, and its use in a study"
    show = actions.add_parser("show", help=text, description=f"{text[0].upper()}{text[1:]}.")
    text = "build a set at its full size, write it as safetensors, and print what `show` prints"
    build = actions.add_parser("build", help=text, description=f"{text[0].upper()}{text[1:]}.")
    for parser in (show, build):
        parser.add_argument("set", metavar="NAME|FILE.toml", help="bundled set, or a file that defines one")
        _add_source(parser, "NAME is a set of this source")
        parser.add_argument(
            "--corpus", metavar="TEXT", help="stdlib, a file, a folder, or hub:owner/name; else the set's own"
        )
        parser.add_argument(
            "--label-key", metavar="K", help="key or column of labels; `folder`: a file's first folder"
        )
        parser.add_argument("--text-key", metavar="K", help="key or column of the text in records")
        parser.add_argument(
            "--documents", metavar="UNIT", help="a document is a file, a heading's text, a paragraph"
        )
        parser.add_argument(
            "--heading", metavar="REGEX", help="line that begins a document; else a wiki title"
        )
        parser.add_argument("--max-documents", type=positive, metavar="N", help="read at most so many")
        parser.add_argument("--n-samples", type=positive, metavar="N", help="samples; all else in proportion")
        parser.add_argument("--seed", type=natural, metavar="S", help="of all draws")
    build.add_argument("--out", type=any_path, required=True, metavar="FILE.safetensors")

    text = (
        "check a folder of the sparse-probing paper, a sparse autoencoder, or directions or a similarity "
        "matrix in a .safetensors, .npz or .csv file, and write a set file that a study can name"
    )
    importing = actions.add_parser("import", help=text, description=f"{text[0].upper()}{text[1:]}.")
    importing.add_argument(
        "source", type=any_path, metavar="FOLDER|FILE", help="what to import; it stays where it is"
    )
    importing.add_argument(
        "--out", type=any_path, metavar="NAME.toml", help="set file; else named as the source"
    )
    importing.add_argument(
        "--psm",
        type=similarity,
        metavar="SIMILARITY",
        help="the file holds a finished matrix of this similarity",
    )
    importing.add_argument(
        "--ctx-len", type=positive, metavar="N", help="tokens of a row that count; else all of them"
    )
    importing.add_argument("--tensor", metavar="NAME", help="which matrix, if the file holds several")
    importing.add_argument(
        "--rows", type=numbers, metavar="N,N,...", help="rows to take, counted from 0; else all"
    )
    importing.add_argument(
        "--names-file", type=any_path, metavar="FILE", help="names of the rows, one a line"
    )
    importing.add_argument("--hookpoint", metavar="H", help="where the vectors live, by any of its names")
    importing.add_argument(
        "--layer", type=natural, metavar="L", help="their layer; else the one in that name"
    )
    importing.add_argument(
        "--variance",
        choices=("vector", "covector"),
        help="vector: lives among activations (decoder rows; default); covector: reads them (probes)",
    )
    _add_autoencoder(importing)
    for parser in (build, importing):
        parser.add_argument("--force", action="store_true", help="overwrite the file")
    for parser in (show, build, importing):
        tokenizer = parser.add_mutually_exclusive_group()
        tokenizer.add_argument(
            "--model",
            metavar="MODEL",
            help="take the tokenizer of this model: bundled, a folder, a GGUF file, package:NAME or of the "
            "hub (default: nano)",
        )
        tokenizer.add_argument(
            "--tokenizer", type=any_path, metavar="PATH", help="tokenizer.json, or its folder"
        )
        parser.add_argument(
            "--examples", type=positive, default=1, metavar="K", help="examples of each feature (default: 1)"
        )
        parser.add_argument("--json", action="store_true", help="print it as JSON")


def _add_source(parser: Any, text: str) -> None:
    """Add what names a source of many sets."""
    names = ", ".join(set_sources())
    parser.add_argument("--source", metavar="SOURCE", help=f"{text}: {names}, or a .toml file")
    parser.add_argument(
        "--source-folder", metavar="FOLDER", help="folder with the source's files; else its package's"
    )


def _add_autoencoder(importing: Parser) -> None:
    """Add what applies to sparse autoencoders alone."""
    group = importing.add_argument_group("sparse autoencoders (a folder of one, or its file of weights)")
    group.add_argument(
        "--part",
        choices=("decoder", "encoder"),
        help="whose vectors; a lone file is read as an autoencoder",
    )
    group.add_argument(
        "--orientation",
        choices=("rows", "columns"),
        help="what a latent is, if nothing proves it",
    )
    group.add_argument("--d-model", type=positive, metavar="D", help="width of vectors, if nothing says it")
    group.add_argument(
        "--rows-file",
        type=any_path,
        metavar="FILE",
        help="list of latents to take (.txt .csv .jsonl)",
    )
    group.add_argument("--most", type=positive, metavar="N", help="take the first N of --rows-file")
    group.add_argument(
        "--labels-file",
        type=any_path,
        metavar="FILE",
        help="index, description of latents (.jsonl .csv)",
    )
