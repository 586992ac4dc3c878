"""Putting the rooms together, and the life of a worker process."""
