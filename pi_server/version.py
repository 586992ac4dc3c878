"""The version of the running pi-server, as its distribution declares it."""

from importlib.metadata import version

VERSION = version("pi-server")
