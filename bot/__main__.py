"""`python -m bot` is `signoff`."""

import gc

# Most of a start is imports, which leave next to no garbage: looking for it takes a quarter of
# their time, and what they made stays as long as the process.
gc.disable()

from bot.cli import main  # noqa: E402 - see above

gc.freeze()
gc.enable()

__all__ = ["main"]

if __name__ == "__main__":
    raise SystemExit(main())
