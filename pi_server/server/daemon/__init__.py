"""The master and its workers: which there should be, and what one knows of the other."""
