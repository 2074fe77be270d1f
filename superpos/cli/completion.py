"""`superpos completion SHELL`: what a shell reads to complete commands and options, written by shtab."""

from __future__ import annotations

import argparse
import sys

from superpos.errors import InputError


def completion(options: argparse.Namespace) -> int:
    """Print the completion of a shell, made of the parser itself.

    Raises
    ------
    InputError
        If shtab is not installed.
    """
    from superpos.cli.parser import build_parser

    try:
        import shtab
    except ImportError:
        raise InputError("completion: needs the package shtab (pip install shtab)") from None
    sys.stdout.write(shtab.complete(build_parser(), options.shell) + "\n")
    return 0
