"""Logs as JSON lines with the task's id; every line goes through the redaction."""

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO

from policies.redaction import Redactor

_log = logging.getLogger(__name__)


class JsonLines(logging.Formatter):
    """One JSON object a line; of what a record carries besides, only the task is shown."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; tracebacks, with everything that led to them, are redacted too."""
        redact = self._redactor.text
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": self._redactor.typed(record.name),
            "message": redact(record.getMessage()),
        }
        task_id = getattr(record, "task_id", None)
        if task_id is not None:
            line["task_id"] = self._redactor.typed(str(task_id))
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        if record.stack_info:
            line["stack"] = redact(self.formatStack(record.stack_info))
        return json.dumps(line, ensure_ascii=False)


class StandardError(logging.StreamHandler[TextIO]):
    """Writes to whatever standard error is; a line that can't be made is named, never shown raw."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(JsonLines(redactor))

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        self.stream = sys.stderr
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base class's name
        """Say that a line could not be made: Python itself would print its arguments."""
        where = f"{record.module}:{record.lineno}"
        line = {"level": "error", "message": f"a log line could not be written ({where})"}
        print(json.dumps(line), file=sys.stderr)  # noqa: T201 - the log itself is what failed


def configure(redactor: Redactor, level: int = logging.INFO) -> None:
    """Send every log line to standard error, redacted; other libraries' lines and warnings too."""
    root = logging.getLogger()
    root.handlers = [StandardError(redactor)]
    root.setLevel(level)
    sys.excepthook = _uncaught
    # Their lines carry whole requests, headers included.
    for name in ("slack_sdk", "slack_bolt", "httpx", "aiohttp.access", "apscheduler", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def log_the_uncaught() -> None:
    """Log what ends a thread or a finaliser, and what Python warns of, instead of printing it."""
    logging.captureWarnings(capture=True)
    threading.excepthook = _ended_thread
    sys.unraisablehook = _unraisable


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    _log.critical("ended by an error", exc_info=(kind, error, trace))


def _ended_thread(found: threading.ExceptHookArgs) -> None:
    error = found.exc_value or found.exc_type()
    _log.critical(
        "a thread ended by an error", exc_info=(found.exc_type, error, found.exc_traceback)
    )


def _unraisable(found: "sys.UnraisableHookArgs") -> None:
    error = found.exc_value or found.exc_type()
    _log.error(
        "an error in a place that can't raise",
        exc_info=(found.exc_type, error, found.exc_traceback),
    )
