"""Tests of the local Slack workspace, with a real slack-bolt app and a real browser."""
