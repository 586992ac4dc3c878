"""The configuration: read, checked and explained."""

from pi_server.config.consumer_sections import TokenSection
from pi_server.config.given import Given, KeyPath, Origins, restored
from pi_server.config.load import LoadedConfig, load, load_given, load_what_fits
from pi_server.config.log_sections import AccessLogSection, ApiLevel, LogsSection
from pi_server.config.model import Config, OperationSection, ServiceSection, StoresSection
from pi_server.config.origins import Explained, explain
from pi_server.config.problems import ConfigError, Problem, placing, problems_from
from pi_server.config.reference import configuration_reference
from pi_server.config.server_section import ServerSection
from pi_server.config.units import Duration, Size

__all__ = [
    "AccessLogSection",
    "ApiLevel",
    "Config",
    "ConfigError",
    "Duration",
    "Explained",
    "Given",
    "KeyPath",
    "LoadedConfig",
    "LogsSection",
    "OperationSection",
    "Origins",
    "Problem",
    "ServerSection",
    "ServiceSection",
    "Size",
    "StoresSection",
    "TokenSection",
    "configuration_reference",
    "explain",
    "load",
    "load_given",
    "load_what_fits",
    "placing",
    "problems_from",
    "restored",
]
