"""Tests of the webhooks over real HTTP."""
