"""What all sections have in common: their base, and the kinds of values they share."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from pi_server.config import checks

Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
ConsumerName = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_-]*$")]
LinkName = Annotated[str, Field(pattern="^[a-z_]+$")]
HeaderName = Annotated[str, Field(pattern="^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
ChainName = Annotated[str, AfterValidator(checks.known_chain)]
Port = Annotated[int, Field(ge=0, le=65535), BeforeValidator(checks.not_bool)]
Folder = Annotated[Path, BeforeValidator(checks.folder)]
Empty = BeforeValidator(checks.empty_if_none)
Text = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    """A part of the configuration: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
