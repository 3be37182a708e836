"""Tests of the shop and of its monitoring, beside the real Prometheus and Alertmanager."""
