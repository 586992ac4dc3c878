"""How the server shows a provider who it is: one kind per file, chosen by ``auth.kind``."""

from collections.abc import Mapping
from typing import Annotated, Any, cast

from pydantic import BeforeValidator

from pi_server.providers.credentials.api_key import ApiKey
from pi_server.providers.credentials.basic import Basic
from pi_server.providers.credentials.bearer import Bearer
from pi_server.providers.credentials.credential import AuthSection
from pi_server.providers.credentials.oauth2 import OAuth2
from pi_server.providers.spelling import refused

KINDS: Mapping[str, type[AuthSection]] = {"api_key": ApiKey, "basic": Basic, "bearer": Bearer, "oauth2": OAuth2}
"""The model of a section ``auth``, by its kind."""


def _of_its_kind(given: object) -> object:
    """Decode by ``kind``; so that errors name keys as they are in the file, which those of a union do not."""
    if given is None or given == "none":
        return None
    kind = str(cast("Mapping[str, Any]", given).get("kind")) if isinstance(given, Mapping) else ""
    if kind not in KINDS:
        raise refused(f"must be a mapping whose `kind` is one of: {', '.join(KINDS)}")
    return KINDS[kind].model_validate(given)


Auth = Annotated[ApiKey | Basic | Bearer | OAuth2 | None, BeforeValidator(_of_its_kind)]
