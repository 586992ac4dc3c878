"""Passwords that cost a test no time."""

from hashlib import sha256

from pi_server.domain.faults import Detail, InvalidInput
from pi_server.domain.security import Verdict

_TODAY, _EARLIER = "fake:", "fake-weak:"
_LONGEST = 4096  # bytes, as the real ones take


class FakePasswords:
    """Stands in a test where a service has `Passwords`: the same answers without Argon2id, whose hashes take 50 ms.

    `weak_hash` gives a hash as if of earlier, weaker parameters: verified, its verdict says ``rehash``.
    """

    async def hash(self, password: str) -> str:
        """The hash to keep; the same for the same password, so that a test can foresee it.

        Raises:
            InvalidInput: the password has more than 4,096 bytes.
        """
        if len(password.encode("utf-8", "surrogatepass")) > _LONGEST:
            raise InvalidInput(details=(Detail("password", f"must be text of at most {_LONGEST} bytes"),))
        return _hashed(_TODAY, password)

    async def verify(self, hashed: str | None, password: str) -> Verdict:
        """Whether the password is the one; never with None."""
        if hashed == _hashed(_TODAY, password):
            return Verdict(right=True)
        right = hashed == self.weak_hash(password)
        return Verdict(right=right, rehash=right)

    @staticmethod
    def weak_hash(password: str) -> str:
        """A hash that should be replaced when its owner signs in next."""
        return _hashed(_EARLIER, password)


def _hashed(kind: str, password: str) -> str:
    return kind + sha256(password.encode("utf-8", "surrogatepass")).hexdigest()
