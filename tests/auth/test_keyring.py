"""What is sealed opens for one purpose only, and secrets rotate without anybody noticing."""

import os
import random
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from pi_server.auth.keyring import KeyRing, own_secret

OLD, NEW = b"3f7c1a9be2d84650917fb3a8c6d0e542", b"a91e5c0d7b3f48629d1ce8f4570b6a23"


def test_what_is_sealed_opens_again() -> None:
    """Any bytes come back as they were, out of text that a cookie can hold as it stands."""
    sealer = KeyRing([NEW]).sealer("session")
    for size in (0, 1, 15, 16, 17, 2000):
        plain = os.urandom(size)
        sealed = sealer.seal(plain)
        opened = sealer.unseal(sealed)
        assert opened is not None
        assert (opened.plain, opened.fresh) == (plain, True)
        assert sealed.replace("-", "").replace("_", "").isalnum()


def test_ten_thousand_bit_flips_open_nothing() -> None:
    """A sealed text with one bit changed opens nothing and raises nothing, whichever bit it is."""
    chance = random.Random(7)
    sealer = KeyRing([NEW, OLD]).sealer("session")
    sealed = [sealer.seal(b"x" * size) for size in range(20)]
    for _ in range(10_000):
        text = chance.choice(sealed)
        at = chance.randrange(len(text))
        flipped = text[:at] + chr(ord(text[at]) ^ (1 << chance.randrange(8))) + text[at + 1 :]
        assert sealer.unseal(flipped) is None, flipped


@pytest.mark.parametrize(
    "text", ["", "a", "=", "====", "gAAAAA", "é" * 100, "\udcff", "\0", "a" * 100_000, "gAAA gAAA"]
)
def test_what_nobody_sealed_opens_nothing(text: str) -> None:
    """Text of any other origin is None, never an exception."""
    assert KeyRing([NEW]).sealer("session").unseal(text) is None


def test_another_spelling_of_a_sealed_text_opens_nothing() -> None:
    """There is one text for what was sealed: padding, spaces and unused bits make it another."""
    sealer = KeyRing([NEW]).sealer("session")
    sealed = sealer.seal(b"x")
    assert sealer.unseal(sealed) is not None
    for other in (f"{sealed}=", f"{sealed}==", f" {sealed}", f"{sealed}\n", f"{sealed[:20]}!{sealed[20:]}"):
        assert sealer.unseal(other) is None


def test_a_new_secret_in_front_keeps_what_the_old_one_sealed() -> None:
    """After a rotation old texts open, marked as not fresh; without the old secret they do not."""
    sealed = KeyRing([OLD]).sealer("session").seal(b"mine")
    opened = KeyRing([NEW, OLD]).sealer("session").unseal(sealed)
    assert opened is not None
    assert (opened.plain, opened.fresh) == (b"mine", False)
    assert KeyRing([NEW]).sealer("session").unseal(sealed) is None
    assert KeyRing([OLD]).sealer("session").unseal(KeyRing([NEW, OLD]).sealer("session").seal(b"mine")) is None


def test_purposes_are_strangers() -> None:
    """What one purpose sealed opens for no other, and derived keys differ by purpose, secret and use."""
    ring = KeyRing([NEW, OLD])
    assert ring.sealer("csrf").unseal(ring.sealer("session").seal(b"x")) is None
    derived = {ring.derive(purpose, index) for purpose in ("jwt", "csrf") for index in (0, 1)}
    assert len(derived) == 4
    assert {len(key) for key in derived} == {32}
    assert ring.derive("jwt") == KeyRing([NEW]).derive("jwt")
    with pytest.raises(IndexError):
        ring.derive("jwt", 2)


def test_a_ring_of_weak_secrets_is_refused() -> None:
    """None at all, or one that can be guessed: the text names the position, never the value."""
    with pytest.raises(ValueError, match="at least one"):
        KeyRing([])
    with pytest.raises(ValueError, match=r"^keyring\.1: is a well-known secret") as error:
        KeyRing([NEW, b"changeme" * 8])
    assert "changeme" not in str(error.value)


def test_the_server_makes_its_own_secret_once(tmp_path: Path) -> None:
    """The secret is made at first, only its owner can read it, and it stays the same."""
    folder = tmp_path / "var" / "data"
    secret = own_secret(folder)
    assert len(secret) >= 32
    assert own_secret(folder) == secret
    assert [(file.name, file.stat().st_mode & 0o777) for file in folder.iterdir()] == [("keyring", 0o600)]


def test_processes_that_start_at_once_agree_on_a_secret(tmp_path: Path) -> None:
    """Six processes find one secret, whoever made it."""
    code = "import sys, pathlib, pi_server.auth.keyring as k; sys.stdin.read(1); print(k.own_secret(pathlib.Path('d')))"
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path, env=environment
        )
        for _ in range(6)
    ]
    answers = [process.communicate(b"x", timeout=30)[0] for process in started]
    assert len(set(answers)) == 1
    assert answers[0].startswith(b"b'")
    assert [file.name for file in (tmp_path / "d").iterdir()] == ["keyring"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_secret_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """A file that more than its owner can read is no secret: the error says what to do, and not what is in it."""
    path = tmp_path / "keyring"
    path.write_bytes(NEW)
    path.chmod(mode)
    with pytest.raises(ValueError, match=r"keyring: .*chmod 600") as error:
        own_secret(tmp_path)
    assert NEW.decode() not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"short", secrets.token_hex(15).encode(), b"x" * 64])
def test_a_file_without_a_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty, short or evident secret is refused, not replaced: sessions sealed with a lost one would be lost too."""
    path = tmp_path / "keyring"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="keyring: "):
        own_secret(tmp_path)
    assert path.read_bytes() == content
