"""Content types: what a consumer sends, what it accepts, what an operation takes and gives."""

from pi_server.domain.faults import NotAcceptable, UnsupportedMediaType


def media_type(header: str) -> str:
    """The type of a Content-Type header, lower-cased and without parameters."""
    return header.partition(";")[0].strip().lower()


def is_json(kind: str) -> bool:
    """Whether a media type is JSON by name or by structured suffix."""
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def check_consumes(header: str, encoding: str, consumes: tuple[str, ...]) -> str:
    """The media type of a body the operation takes.

    Raises:
        UnsupportedMediaType: another type, a compressed body, or a charset that is not UTF-8.
    """
    kind = media_type(header)
    charset = header.lower().partition("charset=")[2].strip(' "').partition(";")[0]
    if (
        kind not in consumes
        or encoding.lower() not in ("", "identity")
        or charset not in ("", "utf-8", "utf8", "us-ascii")
    ):
        raise UnsupportedMediaType(headers={"Accept": ", ".join(consumes)})
    return kind


def choose_produced(accept: str, produces: tuple[str, ...]) -> str:
    """The first type the operation produces among those accepted best.

    Raises:
        NotAcceptable: nothing it produces is accepted.
    """
    if not accept or accept == "*/*":
        return produces[0]
    ranges = [_range(part) for part in accept.split(",")]
    weights = {kind: _weight(kind, ranges) for kind in produces}
    best = max(produces, key=lambda kind: weights[kind])
    if weights[best] <= 0:
        raise NotAcceptable
    return best


def prefers_html(accept: str) -> bool:
    """Whether somebody wants a page rather than JSON: browsers say so, programs mostly say nothing."""
    ranges = [_range(part) for part in accept.split(",")]
    return _weight("text/html", ranges) > _weight("application/json", ranges)


def _range(part: str) -> tuple[str, float]:
    kind, *parameters = (piece.strip() for piece in part.lower().split(";"))
    weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
    try:
        return kind, min(1.0, max(0.0, float(weight)))
    except ValueError:
        return kind, 0.0


def _weight(kind: str, ranges: list[tuple[str, float]]) -> float:
    """The weight of the most specific range that covers ``kind`` (RFC 9110, 12.5.1)."""
    for wanted in (kind, kind.partition("/")[0] + "/*", "*/*"):
        found = [weight for name, weight in ranges if name == wanted]
        if found:
            return max(found)
    return 0.0
