"""Which target serves a verb and path: found in a dictionary where the path has no variables, else by walking a tree.

The cost of a look-up grows with the depth of the path, not with the number of routes: literal segments are dictionary
keys, so ``/api/{id}/r1`` ... ``/api/{id}/r999`` share one variable node and one dictionary below it.  Where several
templates fit, a literal beats ``{id:regex}``, which beats ``{id}``, which beats ``{rest:*}``, segment by segment.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import unquote_to_bytes

T = TypeVar("T")

_VARIABLE = re.compile(r"\{([a-zA-Z_][a-zA-Z0-9_]*)(?::(.+))?\}")
_BRACES = str.maketrans("", "", "{}")


class Found(NamedTuple, Generic[T]):
    """A target and the path parameters that led to it."""

    target: T
    parameters: dict[str, str]


class Missed(NamedTuple):
    """No target; ``allowed`` are the verbs that would have found one."""

    allowed: tuple[str, ...]


class Variable(NamedTuple):
    """A segment that takes part of the path: ``regex`` is None for any text, ``rest`` takes all that is left."""

    name: str
    regex: str | None
    rest: bool


@dataclass(slots=True)
class _Leaf(Generic[T]):
    names: tuple[str, ...]
    target: T


@dataclass(slots=True)
class _Node(Generic[T]):
    literals: "dict[str, _Node[T]]" = field(default_factory=dict[str, "_Node[T]"])
    regexes: "dict[str, tuple[re.Pattern[str], _Node[T]]]" = field(
        default_factory=dict[str, tuple[re.Pattern[str], "_Node[T]"]]
    )
    any: "_Node[T] | None" = None
    rest: "_Node[T] | None" = None
    leaves: dict[str, _Leaf[T]] = field(default_factory=dict[str, _Leaf[T]])
    forks: bool = False  # whether more may follow than literals alone, or any text alone

    def child(self, segment: str | Variable) -> "_Node[T]":
        """The node below ``segment``, made if it is new."""
        child = self._made(segment)
        self.forks = bool(self.regexes or self.rest or (self.any and self.literals))
        return child

    def _made(self, segment: str | Variable) -> "_Node[T]":
        if isinstance(segment, str):
            return self.literals.setdefault(segment, _Node())
        if segment.rest:
            self.rest = self.rest or _Node()
            return self.rest
        if segment.regex is not None:
            return self.regexes.setdefault(segment.regex, (re.compile(segment.regex), _Node()))[1]
        self.any = self.any or _Node()
        return self.any

    def look(self, segment: str | Variable) -> "_Node[T] | None":
        """The node below ``segment``, if there is one."""
        if isinstance(segment, str):
            return self.literals.get(segment)
        if segment.rest:
            return self.rest
        if segment.regex is not None:
            return self.regexes[segment.regex][1] if segment.regex in self.regexes else None
        return self.any

    def variables(self, part: str) -> "list[_Node[T]]":
        """The nodes whose variable takes ``part``, best first."""
        if not part:
            return []
        found = [child for regex, child in self.regexes.values() if regex.fullmatch(part)] if self.regexes else []
        return [*found, self.any] if self.any else found


def parse_template(template: str) -> list[str | Variable]:
    """The segments of ``/literal/{any}/{some:regex}/{all:*}``.

    Raises:
        ValueError: the template is none of these forms.
    """
    if not template.startswith("/"):
        raise ValueError(f"the path {template!r} must begin with a slash")
    segments = [_segment(text, template) for text in _outside_braces(template.strip("/"))]
    names = [segment.name for segment in segments if isinstance(segment, Variable)]
    if len(names) != len(set(names)):
        raise ValueError(f"the path {template!r} names a variable twice")
    if any(isinstance(segment, Variable) and segment.rest for segment in segments[:-1]):
        raise ValueError(f"in the path {template!r} only the last segment may take the rest")
    return [] if segments == [""] else segments


def _outside_braces(template: str) -> list[str]:
    """Split at slashes that are not part of a regex."""
    segments, depth = [""], 0
    for character in template:
        depth += (character == "{") - (character == "}")
        if character == "/" and depth == 0:
            segments.append("")
        else:
            segments[-1] += character
    return segments


def _segment(text: str, template: str) -> str | Variable:
    if match := _VARIABLE.fullmatch(text):
        name, regex = match.groups()
        if regex == "*":
            return Variable(name, None, rest=True)
        try:
            re.compile(regex or "")
        except re.error as error:
            raise ValueError(f"the regex of {{{name}}} in {template!r} is wrong: {error}") from None
        return Variable(name, regex, rest=False)
    if text != text.translate(_BRACES):
        raise ValueError(
            f"the segment {text!r} of {template!r} is neither a literal nor {{name}}, {{name:regex}}, {{name:*}}"
        )
    return text


def variable_names(template: str) -> tuple[str, ...]:
    """The names a template takes from the path, in order."""
    return tuple(segment.name for segment in parse_template(template) if isinstance(segment, Variable))


class RouteTable(Generic[T]):
    """Targets by verb and path template."""

    def __init__(self) -> None:
        """Begin empty."""
        self._root: _Node[T] = _Node()
        self._fixed: dict[tuple[str, str], Found[T]] = {}  # templates of literals alone, as their paths are spelt

    def add(self, verb: str, template: str, target: T) -> None:
        """Serve ``target`` at ``verb`` and ``template``.

        Raises:
            ValueError: the template is malformed, or another one takes exactly the same paths for this verb.
        """
        node, segments = self._root, parse_template(template)
        for segment in segments:
            node = node.child(segment)
        if verb in node.leaves:
            raise ValueError(f"{verb} {template} is served twice")
        node.leaves[verb] = _Leaf(variable_names(template), target)
        literals = [segment for segment in segments if isinstance(segment, str)]
        if len(literals) == len(segments) and "%" not in template:  # with one, it is no path as it comes
            self._fixed[verb, "/" + "/".join(literals)] = Found(target, {})

    def taken(self, verb: str, template: str) -> bool:
        """Whether `add` would refuse because another template takes exactly the same paths."""
        node: _Node[T] | None = self._root
        for segment in parse_template(template):
            node = node.look(segment) if node else None
        return node is not None and verb in node.leaves

    def find(self, verb: str, raw_path: str) -> Found[T] | Missed:
        """Look up a path as it came, percent-encoded; a trailing slash is ignored, and HEAD is served by GET."""
        fixed = self._fixed.get((verb, raw_path))
        if fixed is not None:  # literals beat everything else, so no walk would find another
            return fixed
        parts = _split(raw_path)
        if parts is None:
            return Missed(())
        allowed: set[str] = set()
        for leaves, values in _ends(self._root, parts, 0, ()):
            leaf = leaves.get(verb) or (leaves.get("GET") if verb == "HEAD" else None)
            if leaf is not None:
                return Found(leaf.target, dict(zip(leaf.names, values, strict=True)))
            allowed.update(leaves)
        if "GET" in allowed:
            allowed.add("HEAD")
        return Missed(tuple(sorted(allowed)))


def _split(raw_path: str) -> list[str] | None:
    """Segments, decoded one by one so that %2F stays inside its own; None for bytes that are no UTF-8."""
    stripped = raw_path[1:-1] if raw_path.endswith("/") and len(raw_path) > 1 else raw_path[1:]
    if not stripped:
        return []
    parts = stripped.split("/")
    if "%" not in stripped:
        return parts
    try:
        return [unquote_to_bytes(part).decode() for part in parts]
    except UnicodeDecodeError:
        return None


def _ends(
    node: _Node[T], parts: list[str], begin: int, values: tuple[str, ...]
) -> Iterator[tuple[dict[str, _Leaf[T]], tuple[str, ...]]]:
    """What may serve the rest of a path, best first; each node of the tree is entered at most once."""
    for at in range(begin, len(parts)):
        part = parts[at]
        if node.forks:
            if child := node.literals.get(part):
                yield from _ends(child, parts, at + 1, values)
            for child in node.variables(part):
                yield from _ends(child, parts, at + 1, (*values, part))
            if node.rest:
                yield node.rest.leaves, (*values, "/".join(parts[at:]))
            return
        if node.any is None:
            following = node.literals.get(part)
        else:
            following, values = node.any if part else None, (*values, part)
        if following is None:
            return
        node = following
    yield node.leaves, values
