"""The base of the test cases: a server per class, emptied before each test."""

import functools
import unittest

from .client import Error
from .server import PROTOCOLS, Server, is_redis

OK = 'OK'
SYNTAX = 'ERR syntax error'
NOT_INTEGER = 'ERR value is not an integer or out of range'
NOT_FLOAT = 'ERR value is not a valid float'
OUT_OF_RANGE = 'ERR value is out of range, must be positive'
WRONGTYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value'


def arity(name):
    return f"ERR wrong number of arguments for '{name}' command"


def pairs(flat):
    """[member, score, ...] as [(member, score), ...]."""
    return list(zip(flat[::2], flat[1::2]))


def fastkv_only(why):
    """Skip a test (or a class) against redis-server, where it cannot hold."""
    return unittest.skipIf(is_redis(), f'not on redis-server: {why}')


def both_protocols(case):
    """Run every test of a class once through each protocol: self.c and self.client() speak it."""
    def through(protocol, test):
        @functools.wraps(test)
        def run(self):
            if protocol != self.protocol:
                self.protocol = protocol
                self.c.close()
                self.c = self.client()
            test(self)
        return run

    for name, test in list(vars(case).items()):
        if name.startswith('test_'):
            delattr(case, name)
            for protocol in PROTOCOLS:
                setattr(case, f'{name}_{protocol}', through(protocol, test))
    return case


class ServerCase(unittest.TestCase):
    """Tests that share one server. self.c is a client in self.protocol."""

    options = ()
    workers = 4
    server = None
    protocol = 'resp'
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.options, workers=cls.workers).start()

    @classmethod
    def tearDownClass(cls):
        server, cls.server = cls.server, None
        if server is not None:
            server.stop()

    def setUp(self):
        if self.server is None or not self.server.runs():
            type(self).server = Server(*self.options, workers=self.workers).start()
        with self.server.client() as client:
            self.assertEqual(client('FLUSHALL'), OK)
        self.c = self.client()

    def tearDown(self):
        trouble = self.server.trouble()
        if trouble:
            server, type(self).server = self.server, None
            server.stop(check=False)
            self.fail(trouble)

    # ---- connections that close with the test ----

    def client(self, protocol=None, **options):
        client = self.server.client(protocol or self.protocol, **options)
        self.addCleanup(client.close)
        return client

    def raw(self, **options):
        connection = self.server.raw(**options)
        self.addCleanup(connection.close)
        return connection

    def start_server(self, *options, **settings):
        """A further server, of this test alone."""
        server = Server(*options, **settings).start()
        self.addCleanup(server.stop)
        return server

    # ---- saying what a request is answered with ----

    def expect(self, reply, *args):
        got = self.c(*args)
        if got != reply or type(got) is not type(reply):
            self.fail(f'{self.describe(args)}\n  answers  {got!r}\n  expected {reply!r}')

    def expect_error(self, text, *args):
        self.expect(Error(text), *args)

    def expect_arity(self, name, *requests):
        for request in requests:
            # The native SET has its own form and its own error.
            if self.protocol == 'text' and name == 'set':
                continue
            self.expect_error(arity(name), *request)

    def expect_wrongtype(self, *requests):
        for request in requests:
            self.expect_error(WRONGTYPE, *request)

    def between(self, low, high, *args):
        got = self.c(*args)
        if not isinstance(got, int) or not low <= got <= high:
            self.fail(f'{self.describe(args)}\n  answers  {got!r}\n  expected {low} to {high}')
        return got

    @staticmethod
    def describe(args):
        shown = [repr(arg) if len(repr(arg)) < 80 else repr(arg)[:80] + '...' for arg in args]
        return ' '.join(shown)
