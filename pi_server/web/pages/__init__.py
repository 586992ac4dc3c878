"""Pages: forms in, HTML out, and the files beside them."""
