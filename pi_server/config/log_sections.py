"""What is written down, where and in how much detail."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from pi_server.config import checks, mask_checks
from pi_server.config.section import Empty, Folder, HeaderName, Name, Section, Text

ApiLevel = Annotated[Literal["off", "basic", "standard", "full"], BeforeValidator(checks.lowered)]
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(checks.raised)]


class AccessLogSection(Section):
    """One line for each call a consumer made."""

    output: Annotated[str, AfterValidator(checks.log_output)] = Field(
        default="stdout",
        description="`stdout`, `stderr`, `off`, or the name of a file below `logs.dir`.",
    )
    format: Literal["text", "json"] = Field(default="text", description="Form of a line.")
    skip_paths: tuple[Annotated[str, AfterValidator(checks.url_path)], ...] = Field(
        default=(),
        description="Paths whose calls leave no line, such as `/api/sample/v1.0/health`.",
    )


class MaskPattern(Section):
    """Values that are secret by their form."""

    name: Name = Field(description="What `pi-server mask test` calls it.")
    match: Annotated[str, AfterValidator(mask_checks.expression)] = Field(
        description="Regular expression of the value; every repeat needs an upper bound, as in `[0-9]{10}`."
    )


class MaskSection(Section):
    """What is secret in the logs, beside the well-known names."""

    model_config = ConfigDict(serialize_by_alias=True)

    names: tuple[Text, ...] = Field(default=(), description="Names whose values are secret, wherever they stand.")
    json_paths: tuple[Annotated[str, AfterValidator(mask_checks.json_path)], ...] = Field(
        default=(), alias="json", description="In JSON: paths of `$`, `.name`, `['name']`, `[0]`, `[*]` and `..name`."
    )
    xpath: tuple[Annotated[str, AfterValidator(mask_checks.xml_path)], ...] = Field(
        default=(), description="In XML: paths of `/name`, `//name`, `*` and a last `@name`; prefixes do not count."
    )
    headers: tuple[HeaderName, ...] = Field(default=(), description="Names of headers.")
    form: tuple[Text, ...] = Field(default=(), description="Names of form fields.")
    query: tuple[Text, ...] = Field(default=(), description="Names of query parameters.")
    patterns: tuple[Literal["card", "iban"], ...] = Field(
        default=("card", "iban"), description="Numbers known by their check digits, wherever they stand."
    )
    regex: tuple[MaskPattern, ...] = Field(default=(), description="Other values by their form.")


class LogsSection(Section):
    """What is written down, where and in how much detail."""

    dir: Folder = Field(default=Path("var/logs"), description="Directory of the log files; relative: beside the file.")
    api_level: ApiLevel = Field(default="full", description="Detail of the API log, unless a service says otherwise.")
    timezone: Annotated[str, AfterValidator(checks.timezone)] = Field(
        default="local",
        description="Zone of the times in the logs: `local`, `UTC` or a name such as `Europe/Berlin`.",
    )
    status_code_as_string: bool = Field(default=False, description="Write `statusCode` in the API log as text.")
    access: Annotated[AccessLogSection, Empty] = Field(default=AccessLogSection(), description="The access log.")
    decisions: Literal["off", "refused", "all"] = Field(
        default="all",
        description="What policies decided about providers, in `decisions.log`: `all`, or only what was `refused`.",
    )
    level: LogLevel = Field(default="INFO", description="Least severe message the server's own log keeps.")
    mask: Annotated[MaskSection, BeforeValidator(mask_checks.names_alone)] = Field(
        default_factory=MaskSection, description="What is secret beside the well-known names; a list means `names`."
    )
