"""The configuration, from its sources to its messages."""
