"""The browser that pages are looked at with."""

from tests.parts.browser import tab

__all__ = ["tab"]
