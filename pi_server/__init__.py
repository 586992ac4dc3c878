"""The plugin author's vocabulary: everything a service needs, and nothing else.

A plugin is a class deriving from `Service`: its fields are its configuration, its methods decorated with a verb are its
operations.  See ``docs/writing-plugins.md`` for a tour.
"""

from pi_server.domain.call import Call
from pi_server.domain.consumer import Consumer
from pi_server.domain.faults import Fault
from pi_server.domain.message import RestMessage, SoapMessage
from pi_server.domain.operation import Body, Query, Reply, delete, get, patch, post, put
from pi_server.domain.ports import RestProvider, SoapProvider
from pi_server.domain.service import Service

__all__ = [
    "Body",
    "Call",
    "Consumer",
    "Fault",
    "Query",
    "Reply",
    "RestMessage",
    "RestProvider",
    "Service",
    "SoapMessage",
    "SoapProvider",
    "delete",
    "get",
    "patch",
    "post",
    "put",
]
