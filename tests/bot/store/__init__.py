"""Tests of the database: every one on a real SQLite file."""
