"""Tests of the thinking: analyst, planner, digest, routing, and the states of a task."""
