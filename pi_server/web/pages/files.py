"""The folders ``templates/`` and ``static/`` of a package, read once, so that no request ever names a file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pi_server.domain.pages import PageFiles, PageFilesError, StaticFile

if TYPE_CHECKING:
    from pi_server.web.pages.templates import Templates

LARGEST_FILE = 4 * 2**20
"""Bytes of one static file, at most: they are kept in memory."""

LARGEST_FOLDER = 16 * 2**20
"""Bytes of all static files of a package."""

_TYPES = {
    ".avif": "image/avif",
    ".css": "text/css; charset=utf-8",
    ".gif": "image/gif",
    ".ico": "image/x-icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True, slots=True)
class Files:
    """What was read of one package."""

    static: Mapping[str, StaticFile]
    _templates: "Templates"

    def render(self, template: str, values: Mapping[str, Any], /) -> str:
        """The HTML of ``template`` filled with ``values``."""
        return self._templates.render(template, values)


def read_page_files(package: Path) -> PageFiles:
    """Read and compile both folders of ``package``; either may be missing.

    Raises:
        PageFilesError: with every template that cannot be compiled and every file that cannot be served.
        OSError: a file cannot be read.
    """
    from pi_server.web.pages.templates import Templates  # Jinja2, which a server without pages need not load

    problems: list[tuple[str, str]] = []
    templates = Templates(_sources(package / "templates", problems))
    problems += templates.problems()
    static = _static(package / "static", problems)
    if problems:
        raise PageFilesError(*problems)
    return Files(static, templates)


def _sources(folder: Path, problems: list[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, path in _below(folder, ".html"):
        try:
            found[name] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            problems.append((f"templates/{name}", f"is not UTF-8 at byte {error.start}"))
    return found


def _static(folder: Path, problems: list[tuple[str, str]]) -> dict[str, StaticFile]:
    found = list(_below(folder, ""))
    if sum(path.stat().st_size for _, path in found) > LARGEST_FOLDER:
        problems.append(("static", f"holds more than {LARGEST_FOLDER} bytes, which is what is kept in memory"))
        return {}
    wrong = [(f"static/{name}", reason) for name, path in found if (reason := _unfit(path, folder))]
    problems += wrong
    return {} if wrong else {name: _read(path) for name, path in found}


def _below(folder: Path, ending: str) -> Iterator[tuple[str, Path]]:
    """Every file in ``folder`` whose name has that ending, and is not hidden, by its path from there."""
    for path in sorted(folder.rglob(f"*{ending}")):
        inside = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in inside.parts):
            yield inside.as_posix(), path


def _unfit(path: Path, folder: Path) -> str:
    if not path.resolve().is_relative_to(folder.resolve()):
        return "leads out of the folder"
    if path.suffix.lower() not in _TYPES:
        return f"has no type that is served; there is {' '.join(_TYPES)}"
    if path.stat().st_size > LARGEST_FILE:
        return f"has more than {LARGEST_FILE} bytes, which is what is kept in memory"
    return ""


def _read(path: Path) -> StaticFile:
    content = path.read_bytes()
    return StaticFile(content, _TYPES[path.suffix.lower()], sha256(content).hexdigest()[:16])
