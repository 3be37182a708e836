"""What the parts of the command line share: exit codes, and how a command is declared."""

import argparse
from collections.abc import Callable
from typing import Any

OK, WRONG, USAGE = 0, 1, 2

Command = Callable[[argparse.Namespace], int]


def command(parts: Any, name: str, run: Command, words: str) -> argparse.ArgumentParser:  # noqa: ANN401 - argparse names its own type in private
    """Add a command to a parser's parts; `run` returns the exit code."""
    parser: argparse.ArgumentParser = parts.add_parser(name, help=words, description=words)
    parser.set_defaults(command=run)
    return parser


def harmless(text: str) -> str:
    """Return recorded text on one line, without what steers a terminal or turns text around."""
    return "".join(sign for sign in " ".join(text.split()) if sign.isprintable())
