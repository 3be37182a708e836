"""The campaign agent: turns briefs into plans, proposes each step, and writes digests."""
