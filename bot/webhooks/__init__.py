"""Alerts from outside: one parser per source, and the HTTP server in front of them."""
