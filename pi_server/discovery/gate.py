"""Whether a package was made for this pi-server, asked before anything of it is imported."""

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from pi_server.discovery.plugin import Candidate, Failure, PluginError


def check_gate(candidate: Candidate, running: str) -> None:
    """Compare the package's ``Requires-Dist: pi-server`` with the running version; without one it is let in.

    Raises:
        PluginError: the package needs another pi-server.
    """
    for text in candidate.requires:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if canonicalize_name(requirement.name) == "pi-server" and not requirement.specifier.contains(
            running, prereleases=True
        ):
            raise PluginError(
                Failure("gate", candidate.distribution, f"needs pi-server{requirement.specifier}, this is {running}")
            )
