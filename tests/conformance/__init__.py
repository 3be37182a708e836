"""Slack's rules as one table, tried against the local workspace and, with a token, Slack itself."""
