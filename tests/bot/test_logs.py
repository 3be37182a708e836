"""Log lines are JSON, one a line, and hold no secret, tracebacks included."""

import json
import logging
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from bot.logs import JsonLines
from policies.redaction import Redactor
from tests.bot.world import SECRET

TOKEN = "xoxb-" + "123456789012-abcdefghijkl"
ROOT = Path(__file__).resolve().parents[2]


def line(message: str, *args: object, **extra: object) -> dict[str, Any]:
    record = logging.getLogger("bot.test").makeRecord(
        "bot.test", logging.WARNING, __file__, 1, message, args, None, extra=extra
    )
    text = JsonLines(Redactor([SECRET])).format(record)
    assert "\n" not in text
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_line_is_one_json_object_with_the_task() -> None:
    found = line("took %d steps\nand a rest", 3, task_id="T-7K3F9Q2A")
    assert found["message"] == "took 3 steps\nand a rest"
    assert (found["level"], found["logger"]) == ("warning", "bot.test")
    assert found["task_id"] == "T-7K3F9Q2A"
    assert found["at"].endswith("+00:00")


def test_a_line_without_a_task_names_none() -> None:
    assert "task_id" not in line("hello")


@pytest.mark.parametrize("secret", [SECRET, SECRET[::-1], TOKEN, "Bearer abcdefghijkl"])
def test_a_secret_is_taken_out_of_message_and_arguments(secret: str) -> None:
    assert secret not in line("said %s", secret)["message"]
    assert secret not in line(f"said {secret}")["message"]


def test_a_secret_is_taken_out_of_a_traceback() -> None:
    def fail() -> None:
        raise ValueError(f"the password is {SECRET}, the token {TOKEN}")

    with pytest.raises(ValueError, match="the password is") as raised:
        fail()
    fault = (raised.type, raised.value, raised.tb)
    record = logging.getLogger("bot.test").makeRecord(
        "bot.test", logging.ERROR, __file__, 1, "failed", (), fault
    )
    found = json.loads(JsonLines(Redactor([SECRET])).format(record))
    assert "ValueError: the password is [redacted]" in found["exception"]
    assert SECRET not in found["exception"]
    assert TOKEN not in found["exception"]


def test_every_line_of_the_process_goes_to_standard_error_as_json() -> None:
    program = (
        "import logging, sys\n"
        "from bot.logs import configure\n"
        "from policies.redaction import Redactor\n"
        "configure(Redactor([sys.argv[1]]))\n"
        "logging.getLogger('anything').info('with %s', sys.argv[1])\n"
        "logging.getLogger('slack_sdk').info('a whole request')\n"
        "logging.getLogger('httpx').warning('retry')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, SECRET],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == ""
    messages = [json.loads(text)["message"] for text in done.stderr.splitlines()]
    assert messages == ["with [redacted]", "retry"]


ENDINGS = {
    "a chain of causes": """
        try:
            try:
                raise KeyError(secret)
            except KeyError as error:
                error.add_note(secret)
                raise ValueError("first " + secret) from error
        except ValueError:
            logging.getLogger("other.library").exception("seen", stack_info=True)
    """,
    "extra fields": 'logging.error("seen", extra={"headers": secret, "task_id": secret})',
    "arguments that do not fit": 'logging.error("seen %d", secret)',
    "an argument that can't be shown": """
        class Bad:
            def __str__(self):
                raise RuntimeError(secret)
        logging.error("seen %s", Bad())
    """,
    "a warning": "import warnings; warnings.warn(secret)",
    "a thread": """
        import threading
        def fail():
            raise ValueError(secret)
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
    """,
    "a finaliser": """
        class Bad:
            def __del__(self):
                raise ValueError(secret)
        Bad()
    """,
    "the end": "raise ValueError(secret)",
    "a lost task": """
        import asyncio, gc
        async def fail():
            raise ValueError(secret)
        async def main():
            asyncio.get_running_loop().create_task(fail())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        asyncio.run(main())
        gc.collect()
    """,
}


@pytest.mark.parametrize("name", ENDINGS)
def test_whatever_goes_wrong_is_told_in_json_without_a_secret(name: str) -> None:
    program = (
        "import logging, sys\n"
        "from bot.logs import configure, log_the_uncaught\n"
        "from policies.redaction import Redactor\n"
        "secret = sys.argv[1]\n"
        "configure(Redactor([secret]))\n"
        "log_the_uncaught()\n"
    ) + textwrap.dedent(ENDINGS[name])
    done = subprocess.run(
        [sys.executable, "-c", program, SECRET],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert SECRET not in done.stderr + done.stdout
    assert done.stderr
    for written in done.stderr.splitlines():
        assert json.loads(written)["message"]
