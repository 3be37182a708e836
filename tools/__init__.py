"""The effects: the tool catalogue, evidence, the gateway and one connector per outside system."""
