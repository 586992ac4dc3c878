"""``docs/operating.md``: its commands, typed one after the other into one shell."""

import json
import re
import stat
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.following import Reader, without_ids
from tests.docs.pages import DOCS, blocks
from tests.parts.processes import running

PAGE = DOCS / "operating.md"
START = "pi-server run --sandbox\n"
LATE = ("grep unauthenticated var/logs/access.log\n",)  # what a log may not have yet
BETWEEN = "\n@@@ next block @@@\n"

_CHANGING = (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\dZ|last used -", "TIME"),
    (r"last used TIME", "USED"),
    (r"\d{4}/\d\d/\d\d - \d\d:\d\d:\d\d", "TIME"),
    (r" +\d+\.\d{3}ms", " DURATION"),
    (r"[0-9a-f]{32}", "ID"),
)


@dataclass(frozen=True)
class Typed:
    """A block of the page that was typed, and what came out of it on both streams."""

    text: str
    out: str


@dataclass(frozen=True)
class Session:
    """Everything that was typed, in its folder."""

    folder: Path
    typed: tuple[Typed, ...]

    def out(self, start: str) -> str:
        """What came out of the block that begins so."""
        (found,) = [one.out for one in self.typed if one.text.startswith(start)]
        return found


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """The whole page, with its server on a free port; what Docker is asked is left out."""
    reader = Reader(tmp_path_factory.mktemp("operating"), tmp_path_factory.mktemp("site"))
    for block in blocks(PAGE):
        if block.file:
            (reader.folder / block.file).write_text(block.text)
    texts = [block.text for block in blocks(PAGE, "sh") if not block.text.startswith("docker")]
    with _serving(reader) as url:
        yield Session(reader.folder, tuple(_typed(reader, texts, url)))


@contextmanager
def _serving(reader: Reader) -> Generator[str]:
    """The server that the page starts in a terminal of its own; its address."""
    output = reader.folder / "output"
    variables = [f"{name}={value}" for name, value in reader.environment.items()]
    command = [sys.executable, "-P", "-u", "-m", *START.replace("pi-server", "pi_server").split(), "--port", "0"]
    with running(
        ["env", "-C", str(reader.folder), *variables, *command], output, lambda: " serves " in output.read_text()
    ):
        yield output.read_text().splitlines()[0].split()[-1]


def _typed(reader: Reader, texts: list[str], url: str) -> Iterator[Typed]:
    blocks_ = [":\n" if text == START else text.replace("http://127.0.0.1:8080", url) for text in texts]
    blocks_ = [
        f"until {text.rstrip()} > /dev/null; do sleep 0.1; done\n{text}" if text in LATE else text for text in blocks_
    ]
    script = "".join(f"{text}printf %s '{BETWEEN}'\n" for text in blocks_)
    done = subprocess.run(
        ["bash", "-c", f'pi-server() {{ "{sys.executable}" -P -m pi_server "$@"; }}\nexec 2>&1\n{script}'],
        cwd=reader.folder,
        env={**reader.environment, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    outs = done.stdout.split(BETWEEN)[:-1]
    yield from (Typed(text, out) for text, out in zip(texts, outs, strict=True))


def _shown(start: str, kind: str = "") -> str:
    return next(block.text for block in blocks(PAGE, kind) if block.text.startswith(start))


def _plain(text: str) -> str:
    for pattern, name in _CHANGING:
        text = re.sub(pattern, name, text)
    return text


SHOWN = [
    ("TOKEN=$(pi-server token create", "The token of billing"),
    ("NEW=$(pi-server token rotate", "The new token of billing"),
    ("pi-server token list\n", "billing valid"),
    ("pi-server token revoke", "billing is revoked"),
    ("(set -a; . ./keyring.env", "ok: 1 plugins, 1 operations\nkeyring"),
    ("pi-server mask test", '{"nationalId": "***"'),
    ("pi-server token list --set", "the document store does not answer"),
    ("grep unauthenticated", "[PI] 2026/11/21 - 05:29:23 | 401"),
]


@pytest.mark.parametrize(("typed", "shown"), SHOWN)
def test_what_comes_out_is_as_shown(session: Session, typed: str, shown: str) -> None:
    """But for times and ids."""
    assert _plain(session.out(typed)) == _plain(_shown(shown))


def test_the_first_call_is_answered_as_shown(session: Session) -> None:
    """With the token just made, by a server that was running already."""
    answer = json.loads(session.out("curl -sS -H"))
    assert without_ids(answer) == without_ids(json.loads(_shown('{"data"', "json")))


def test_no_step_fails(session: Session) -> None:
    """No command is unknown, no file missing, and nothing is refused that the page does not refuse."""
    for one in session.typed:
        if one.text.startswith(("pi-server token list --set", "grep -r", "tail", "pi-server plugin")):
            continue  # their subject is something that went wrong
        assert not re.search("rror|No such file|not found|Usage:", one.out), one


def test_secrets_are_for_their_owner_only(session: Session) -> None:
    """What the page's steps wrote and the server made, nobody else can read."""
    names = ("keyring.env", "keyring.backup", "keys.backup", "pi-server.backup", "var/keyring", "var/keys.sqlite3")
    for name in (*names, "var/pi-server.sqlite3", "secrets/jwt/keys/key-1/private"):
        assert stat.S_IMODE((session.folder / name).stat().st_mode) & 0o077 == 0, name


def test_a_backup_is_whole(session: Session, tmp_path: Path) -> None:
    """Put in the place of the files, it holds what the page made."""
    (tmp_path / "var").mkdir()
    (tmp_path / "config.yaml").write_text((session.folder / "config.yaml").read_text())
    for name in ("pi-server", "keys"):
        (tmp_path / f"var/{name}.sqlite3").write_bytes((session.folder / f"{name}.backup").read_bytes())
    listed = Reader(tmp_path, tmp_path).run("pi_server", "token", "list")
    assert (listed.returncode, listed.stdout.count("billing revoked")) == (0, 2), listed.stderr


def test_no_access_is_kept_or_logged(session: Session) -> None:
    """Neither of the two is in any file of the folder."""
    files = [path for path in session.folder.rglob("*") if path.is_file()]
    assert files
    assert not any(re.search(rb"pi_[A-Za-z0-9_-]{43}\b", path.read_bytes()) for path in files)
