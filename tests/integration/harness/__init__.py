"""What the integration tests stand on: a server under test, clients, and test cases."""

from .case import (NOT_FLOAT, NOT_INTEGER, OK, OUT_OF_RANGE, SYNTAX, WRONGTYPE, ServerCase, arity,
                   both_protocols, fastkv_only, pairs)
from .client import Closed, Connection, Error, RespClient, TextClient, quote
from .load import in_processes
from .server import (PROTOCOLS, Server, SLOWER, is_redis, is_sanitized, patience, scaled,
                     wait_until)

__all__ = [
    'Closed', 'Connection', 'Error', 'NOT_FLOAT', 'NOT_INTEGER', 'OK', 'OUT_OF_RANGE', 'PROTOCOLS',
    'RespClient', 'SLOWER', 'SYNTAX', 'Server', 'ServerCase', 'TextClient', 'WRONGTYPE', 'arity',
    'both_protocols', 'fastkv_only', 'in_processes', 'is_redis', 'is_sanitized', 'pairs',
    'patience', 'quote', 'scaled', 'wait_until',
]
