"""The connections of consumers: bytes in, within limits, and bytes out."""
