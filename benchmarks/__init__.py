"""Measures the server beside peers that do the same work: ``python -m benchmarks``."""
