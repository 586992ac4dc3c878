"""A notice board: the service whose pages are tested."""
