"""The policy agent: puts a change of the rules before people."""
