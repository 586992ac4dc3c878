"""How long tokens live, which is also how long their revocations must be remembered."""

from pi_server.config.consumer_sections import JwtSection

LONGEST_OWN = 900.0
"""Seconds from the issue of one of our own tokens to its end, at most."""

LONGEST_FOREIGN = 43_200.0
"""The same for other issuers' tokens: a revocation is not remembered for ever."""


def longest_life(section: JwtSection) -> float:
    """Seconds from now within which every token that is good now has ended: so long a revocation must last."""
    return (LONGEST_FOREIGN if section.jwks else LONGEST_OWN) + 2 * section.leeway
