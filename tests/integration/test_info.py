"""INFO: sections and fields as in Redis."""

import os
import re
import unittest

from harness import ServerCase, both_protocols, fastkv_only, is_sanitized, wait_until

FIELDS = {
    'Server': 'redis_version redis_mode os arch_bits process_id run_id tcp_port '
              'uptime_in_seconds uptime_in_days',
    'Clients': 'connected_clients maxclients blocked_clients',
    'Memory': 'used_memory used_memory_human used_memory_rss used_memory_peak '
              'used_memory_peak_human mem_fragmentation_ratio mem_allocator',
    'Stats': 'total_connections_received total_commands_processed '
             'total_net_input_bytes total_net_output_bytes rejected_connections expired_keys '
             'evicted_keys keyspace_hits keyspace_misses total_error_replies',
    'CPU': 'used_cpu_sys used_cpu_user',
}


def sections(text):
    """{section: {field: value}}, checking the form on the way."""
    found, section = {}, None
    for line in text.decode().split('\r\n'):
        if line.startswith('# '):
            section = found.setdefault(line[2:], {})
        elif line:
            name, colon, value = line.partition(':')
            assert colon and section is not None, f'not a field: {line!r}'
            assert re.fullmatch(r'[A-Za-z0-9_.|-]+', name), f'not a field name: {line!r}'
            section[name] = value
    return found


@both_protocols
class Info(ServerCase):
    def info(self, *names):
        return sections(self.c('INFO', *names))

    def test_info(self):
        found = self.info()
        for section, names in FIELDS.items():
            self.assertIn(section, found)
            missing = set(names.split()).difference(found[section])
            self.assertEqual(missing, set(), f'of section {section}')
        self.assertIn('Keyspace', found)
        self.assertNotIn('Commandstats', found)

    def test_info_of_sections(self):
        self.assertEqual(set(self.info('memory')), {'Memory'})
        self.assertEqual(set(self.info('MEMORY')), {'Memory'})
        self.assertEqual(set(self.info('memory', 'cpu')), {'Memory', 'CPU'})
        self.assertEqual(self.info('nosuch'), {})
        for every in ('all', 'everything'):
            self.assertIn('Commandstats', self.info(every))
            self.assertIn('Server', self.info(every))
        self.assertIn('Server', self.info('default'))
        self.assertEqual(set(self.info('commandstats')), {'Commandstats'})

    def test_server(self):
        server = self.info('server')['Server']
        self.assertEqual(server['process_id'], str(self.server.process.pid))
        self.assertEqual(server['tcp_port'], str(self.server.port))
        self.assertRegex(server['redis_version'], r'^\d+\.\d+\.\d+$')
        self.assertGreaterEqual(int(server['uptime_in_seconds']), 0)
        self.assertEqual(server['arch_bits'], '64')

    def test_clients(self):
        def connected():
            return int(self.info('clients')['Clients']['connected_clients'])

        wait_until(lambda: connected() == 1, what='only this client to be left')
        others = [self.client() for _ in range(7)]
        for other in others:
            other('PING')
        wait_until(lambda: connected() == 8, what='7 clients more')
        for other in others:
            other.close()
        wait_until(lambda: connected() == 1, what='the others to be gone')
        self.assertEqual(self.info('clients')['Clients']['maxclients'], '10000')

    def fresh(self):
        """Ask a server of this test alone: nothing that others flushed is still being freed."""
        self.c = self.start_server().client(self.protocol)
        self.addCleanup(self.c.close)

    def test_used_memory(self):
        self.fresh()

        def used():
            return int(self.info('memory')['Memory']['used_memory'])

        self.c.pipeline([('SET', 'first', 'v'), ('DEL', 'first')])  # The database's own memory.
        before = used()
        size = 4 << 20
        self.c('SET', 'big', os.urandom(size))
        wait_until(lambda: size <= used() - before < size + size // 2, what='4 MiB in used_memory')
        self.c('DEL', 'big')
        wait_until(lambda: abs(used() - before) < size // 4, what='4 MiB less in used_memory')
        memory = self.info('memory')['Memory']
        self.assertGreaterEqual(int(memory['used_memory_peak']), before + size)
        self.assertRegex(memory['used_memory_human'], r'^\d+(\.\d+)?[BKMGT]$')
        self.assertGreater(int(memory['used_memory_rss']), 1 << 20)

    def test_used_memory_of_many_keys_comes_back(self):
        self.fresh()

        def used():
            return int(self.info('memory')['Memory']['used_memory'])

        self.c.pipeline([('SET', 'first', 'v'), ('DEL', 'first')])  # The database's own memory.
        def come_and_go():
            self.c.pipeline([('SET', f'k{i}', 'v' * 50) for i in range(5000)])
            full = used()
            self.c.pipeline([('DEL', f'k{i}') for i in range(5000)])
            return full

        come_and_go()  # Tables stay where they were first needed.
        before = used()
        self.assertGreater(come_and_go() - before, 5000 * 55)
        wait_until(lambda: used() - before < 5000 * 5, what='used_memory as before')

    @unittest.skipIf(is_sanitized(), 'memory of a sanitizer build says nothing')
    def test_freed_memory_goes_back_to_the_kernel(self):
        self.fresh()

        def mapped():
            return int(self.info('memory')['Memory']['mapped_memory'])

        keys = [f'k{i}' for i in range(65_000)]
        self.c.pipeline([('SET', key, 'v' * 1000) for key in keys])
        full = mapped()
        self.c.pipeline([('DEL', key) for key in keys])
        wait_until(lambda: mapped() <= full - (16 << 20), what='less mapped memory')

    @unittest.skipIf(is_sanitized(), 'memory of a sanitizer build says nothing')
    def test_memory_freed_in_the_background_goes_back_though_nobody_asks(self):
        server = self.start_server()
        with server.client(self.protocol) as client:
            for start in range(0, 400_000, 200):
                client('ZADD', 'big', *[word for i in range(start, start + 200)
                                        for word in (i, f'{i:0>200}')])
            full = server.memory()
            self.assertEqual(client('DEL', 'big'), 1)
            wait_until(lambda: server.memory() <= full - (16 << 20), what='less memory')

    def test_stats(self):
        def stats():
            return {name: float(value) for name, value in self.info('stats')['Stats'].items()
                    if re.fullmatch(r'[0-9.]+', value)}

        self.c('SET', 'k', 'v')
        before = stats()
        self.c('GET', 'k')
        self.c('GET', 'absent')
        self.c('MGET', 'k', 'absent', 'absent')
        after = stats()

        def grown(name):
            return after[name] - before[name]

        self.assertEqual(grown('keyspace_hits'), 2)
        self.assertEqual(grown('keyspace_misses'), 3)
        self.assertGreaterEqual(grown('total_commands_processed'), 3)
        self.assertGreater(grown('total_net_input_bytes'), 20)
        self.assertGreater(grown('total_net_output_bytes'), 10)
        self.client()('PING')
        self.assertEqual(stats()['total_connections_received'],
                         after['total_connections_received'] + 1)
        before = stats()
        self.c('NOSUCH')
        self.c('GET')
        self.c('INCRBY', 'k', 'x')
        self.assertEqual(stats()['total_error_replies'] - before['total_error_replies'], 3)

    def test_expired_keys(self):
        before = int(self.info('stats')['Stats']['expired_keys'])
        for i in range(50):
            self.c('SET', f'k{i}', 'v', 'PX', 1 + i)
        wait_until(lambda: int(self.info('stats')['Stats']['expired_keys']) == before + 50,
                   what='50 expired keys')

    def test_cpu(self):
        cpu = self.info('cpu')['CPU']
        total = float(cpu['used_cpu_sys']) + float(cpu['used_cpu_user'])
        self.assertGreater(total, 0)
        self.assertAlmostEqual(total, self.server.cpu(), delta=1.0)

    def test_commandstats(self):
        def of(name):
            text = self.info('commandstats')['Commandstats'].get('cmdstat_' + name)
            if text is None:
                return {}
            return {key: float(value) for key, value in
                    (part.split('=') for part in text.split(','))}

        before = of('getdel').get('calls', 0)
        self.c('SET', 'k', 'v')
        self.c('GETDEL', 'k')
        self.c('ZADD', 'k', 1, 'm')
        self.c('GETDEL', 'k')
        self.c('GETDEL')
        after = of('getdel')
        self.assertEqual(after['calls'] - before, 2)
        self.assertEqual(set(after), {'calls', 'usec', 'usec_per_call', 'rejected_calls',
                                      'failed_calls'})
        self.assertGreaterEqual(after['failed_calls'], 1)
        self.assertGreaterEqual(after['rejected_calls'], 1)

    def test_keyspace(self):
        self.assertEqual(self.info('keyspace'), {'Keyspace': {}})
        self.c('SET', 'a', 1)
        self.c('SET', 'b', 1, 'EX', 1000)
        self.c('SELECT', 4)
        self.c('SET', 'c', 1)
        found = self.info('keyspace')['Keyspace']
        self.assertEqual(set(found), {'db0', 'db4'})
        self.assertRegex(found['db0'], r'^keys=2,expires=1,avg_ttl=\d+')
        self.assertRegex(found['db4'], r'^keys=1,expires=0,avg_ttl=0')

    def mean_ttl(self):
        return int(self.info('keyspace')['Keyspace']['db0'].split('avg_ttl=')[1].split(',')[0])

    @fastkv_only('estimates it when keys expire')
    def test_mean_time_to_live(self):
        self.c('SET', 'a', 1, 'EX', 1000)
        self.assertAlmostEqual(self.mean_ttl(), 1000_000, delta=5000)
        self.c('SET', 'b', 1, 'EX', 3000)
        self.assertAlmostEqual(self.mean_ttl(), 2000_000, delta=5000)
        self.c('PERSIST', 'a')
        self.assertAlmostEqual(self.mean_ttl(), 3000_000, delta=5000)
        self.c('PERSIST', 'b')
        self.assertEqual(self.mean_ttl(), 0)
        self.c.pipeline([('SET', f'key:{i}', i, 'EX', 100_000 + i) for i in range(20_000)])
        self.assertAlmostEqual(self.mean_ttl(), 110_000_000, delta=5_000_000)
        self.c('FLUSHALL')
        self.c('SET', 'a', 1, 'PXAT', 2**63 - 1)
        self.c('SET', 'b', 1, 'PXAT', 2**63 - 1)
        self.assertGreater(self.mean_ttl(), 2**62)

    @fastkv_only('has no allocation tags')
    def test_memory_by_tag(self):
        memory = self.info('memory')['Memory']
        names = [name for name in memory if re.search('entr|table|zset|connection|client', name)]
        self.assertGreaterEqual(len(names), 2, sorted(memory))
