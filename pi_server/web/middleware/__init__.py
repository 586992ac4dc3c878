"""The links of the inbound chain, one behaviour per file: ``link(next) -> handler``."""
