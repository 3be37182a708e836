"""Tests of the effects: the gateway, the execution, and the connectors on real local servers."""
