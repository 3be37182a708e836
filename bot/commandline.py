"""What the parts of the command line share: exit codes, output, and how a command is declared."""

import argparse
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

OK, WRONG, USAGE = 0, 1, 2

Command = Callable[[argparse.Namespace], int]


class OutputError(OSError):
    """What a command says can't be written; the message says why."""


class Outlet(io.TextIOBase):
    """Where a command prints; one whose reader went away swallows the rest.

    A command that is heard no more still comes to its end: its exit code is an answer too.
    """

    def __init__(self, stream: TextIO | None) -> None:
        # None where the program was started without one.
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text; signs that the stream has no letters for are written as their numbers."""
        if self._stream is not None:
            encoding = self._stream.encoding or "utf-8"
            safe = text.encode(encoding, errors="backslashreplace").decode(encoding)
            self._tried(lambda stream: stream.write(safe))
        return len(text)

    def flush(self) -> None:
        """Write what is still held."""
        self._tried(lambda stream: stream.flush())

    def fileno(self) -> int:
        """Return the number of the stream."""
        if self._stream is None:
            raise io.UnsupportedOperation("there is no stream")
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Say whether a person looks at it."""
        return self._stream is not None and self._stream.isatty()

    def drop(self) -> None:
        """Let the rest go nowhere: what the stream still holds would fail again at the exit."""
        stream, self._stream = self._stream, None
        if stream is not None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)

    def _tried(self, use: Callable[[TextIO], object]) -> None:
        if self._stream is None:
            return
        try:
            use(self._stream)
        except BrokenPipeError:
            # The reader of a pipe (`| head`) has seen enough.
            self.drop()
        except OSError as error:
            # A full disk has room again some day: what comes then is written.
            raise OutputError(f"the output can't be written: {error.strerror}") from error


def command(parts: Any, name: str, run: Command, words: str) -> argparse.ArgumentParser:  # noqa: ANN401 - argparse names its own type in private
    """Add a command to a parser's parts; `run` returns the exit code."""
    parser: argparse.ArgumentParser = parts.add_parser(name, help=words, description=words)
    parser.set_defaults(command=run)
    return parser


def folder_named(name: str) -> Path | None:
    """Return the folder of this name, or None; the empty name is not the present folder."""
    try:
        return Path(name) if name and Path(name).is_dir() else None
    except OSError:
        # Too long for a name, or in a folder that may not be looked into: as good as not there.
        return None


def harmless(text: str) -> str:
    """Return recorded text on one line, without what steers a terminal or turns text around."""
    return "".join(sign for sign in " ".join(text.split()) if sign.isprintable())
