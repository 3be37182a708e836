"""Hundreds of tasks while the bot is killed at random; `make chaos` runs it, `make test` not."""
