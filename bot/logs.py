"""Logs as JSON lines with the task's id; every line goes through the redaction."""

import json
import logging
import sys
from datetime import UTC, datetime

from policies.redaction import Redactor


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redact = redactor.text

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; tracebacks are redacted too."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._redact(record.getMessage()),
        }
        task_id = getattr(record, "task_id", None)
        if task_id is not None:
            line["task_id"] = str(task_id)
        if record.exc_info:
            line["exception"] = self._redact(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def configure(redactor: Redactor, level: int = logging.INFO) -> None:
    """Send every log line to standard error, redacted."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(redactor))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # Their lines carry whole requests, headers included.
    for name in ("slack_sdk", "slack_bolt", "httpx", "aiohttp.access", "apscheduler", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
