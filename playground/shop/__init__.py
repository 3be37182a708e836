"""A small shop: services with metrics, logs and deploys, faults to inject, and its monitoring."""
