"""What a good developer writes without pi-server: the same operations, on another ground."""
