"""Whether spans are made, and what stands in the chains then; where none are sent, nothing is loaded."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from pi_server.config import ConfigError, Problem

if TYPE_CHECKING:
    from pi_server.config.tracing_section import TracingSection
    from pi_server.server.spans import Spans


def open_spans(section: TracingSection, opened: AsyncExitStack) -> Spans | None:
    """What sends spans, until ``opened`` is closed; nothing where no collector is configured.

    Raises:
        ConfigError: the packages it takes are not installed.
    """
    kind = spans_kind(section)
    if kind is None or section.otlp is None:
        return None
    spans = kind(section.otlp.get_secret_value(), section.service, section.sample)
    opened.push_async_callback(spans.close)
    return spans


def spans_kind(section: TracingSection) -> type[Spans] | None:
    """What could send spans; ConfigError where it is asked for and not installed."""
    if section.otlp is None:
        return None
    try:
        from pi_server.server.spans import Spans
    except ImportError as error:
        reason = f"its packages cannot be used ({error}): type pip install 'pi-server[telemetry]'"
        raise ConfigError((Problem("tracing.otlp", reason, ""),)) from None
    return Spans
