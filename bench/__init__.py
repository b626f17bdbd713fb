"""How fast agentsync is beside its peers and the floor, measured in turn in one run. Never a test of time."""
