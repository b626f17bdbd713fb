"""agentsync: who changed the documents that agents and people share in a git repository."""

__version__ = "0.1.0"
