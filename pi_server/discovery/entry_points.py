"""Which services and middlewares are installed, read from package metadata alone."""

from importlib.metadata import EntryPoint, entry_points

from pi_server.discovery.plugin import Candidate, Failure, PluginError

GROUP = "pi_server.services"


def discover(group: str = GROUP) -> dict[str, list[Candidate]]:
    """Every installed entry point by name; more than one under a name means that two packages claim it."""
    found: dict[str, list[Candidate]] = {}
    for point in entry_points(group=group):
        candidates = found.setdefault(point.name, [])
        if (candidate := _candidate(point)) not in candidates:
            candidates.append(candidate)
    return dict(sorted(found.items()))


def _candidate(point: EntryPoint) -> Candidate:
    package = point.dist
    return Candidate(
        name=point.name,
        value=point.value,
        distribution=package.name if package else "",
        version=package.version if package else "",
        requires=tuple((package.requires or ()) if package else ()),
    )


def only(name: str, candidates: list[Candidate], section: str = "services") -> Candidate:
    """The single candidate of a name, which the configuration knows below ``section``.

    Raises:
        PluginError: no package offers it, or several do: taking any of them would be a guess.
    """
    match candidates:
        case []:
            raise PluginError(
                Failure("discover", f"{section}.{name}", f"no installed package offers this {section[:-1]}")
            )
        case [candidate]:
            return candidate
        case _:
            claimants = ", ".join(sorted(candidate.distribution for candidate in candidates))
            raise PluginError(Failure("discover", f"{section}.{name}", f"several packages offer it: {claimants}"))
