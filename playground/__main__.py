"""`make demo` and `make demo-check`: the local world, to play with or played and checked."""

import argparse
import asyncio
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from playground.story import StoryError, play
from playground.world import Plan, World

MAX_SEED = 2**31
MAX_PORT, PORT_DIGITS = 65_535, 5


def main() -> int:
    """Run the demo, or check it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="playground", description="Signoff's local world.")
    parser.add_argument("what", nargs="?", choices=("play", "check"), default="play")
    parser.add_argument("--seed", type=int, help="what breaks, and how, is drawn from it")
    parser.add_argument("--port", type=_port, default=0, help="of the page; 0 takes any free one")
    parsed = parser.parse_args()
    seed = secrets.randbelow(MAX_SEED) if parsed.seed is None else parsed.seed
    folder = Path(tempfile.mkdtemp(prefix="signoff-"))
    plan = Plan(seed=seed, folder=folder, port=parsed.port)
    code = 1
    try:
        code = asyncio.run(_check(plan) if parsed.what == "check" else _demo(plan))
    finally:
        if code == 0:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"Kept for a look: {folder}", file=sys.stderr)
    return code


def _port(text: str) -> int:
    """Read a port that can be listened on."""
    if not text.isdecimal() or len(text) > PORT_DIGITS or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"`{text[:20]}` is not a port (0 to {MAX_PORT})")
    with socket.socket() as probe:
        # As the server will: a port that was just let go of is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(text)))
        except OSError as error:
            raise argparse.ArgumentTypeError(
                f"can't listen on {text} ({error.strerror}); choose another, or 0 for any free one"
            ) from error
    return int(text)


async def _demo(plan: Plan) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with World(plan) as world:
        print(f"\nSignoff's playground, seed {plan.seed}:\n\n    {world.base}/\n")
        print("Open it, press “Break something”, and look into #incidents. Ctrl-C ends it.")
        print(f"The record: DATABASE_URL=sqlite+aiosqlite:///{plan.folder / 'signoff.db'}")
        print("            .venv/bin/signoff audit verify", flush=True)
        await stop.wait()
        print("\nStopping.", flush=True)
    return 0


async def _check(plan: Plan) -> int:
    print(f"demo-check, seed {plan.seed}", flush=True)
    async with World(plan) as world:
        try:
            await play(world)
            await asyncio.to_thread(_verify, plan.folder / "signoff.db")
        except (StoryError, TimeoutError, LookupError) as error:
            print(f"FAILED: {type(error).__name__}: {error}", file=sys.stderr)
            print(world.bot.log_tail(40), file=sys.stderr)
            return 1
        unknown = world.workspace.unknown_calls
        if unknown:
            print(f"FAILED: Slack knows no such methods: {unknown}", file=sys.stderr)
            return 1
    print("demo-check: the whole story came out.", flush=True)
    return 0


def _verify(database: Path) -> None:
    """Check the record with the very program a user runs."""
    done = subprocess.run(
        [sys.executable, "-m", "bot", "audit", "verify"],
        env={"DATABASE_URL": f"sqlite+aiosqlite:///{database}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise StoryError(f"the ledger does not verify: {done.stdout}{done.stderr}")
    print(f"  {done.stdout.splitlines()[0]}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
