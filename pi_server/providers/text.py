"""Foreign text in our logs."""


def printable(text: str, limit: int = 300) -> str:
    """The beginning of ``text``, fit for one line of a log."""
    return "".join(c if c.isprintable() else "?" for c in text[:limit])
