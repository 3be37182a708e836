"""Fakes of the ports, and ready-made values to begin from."""
