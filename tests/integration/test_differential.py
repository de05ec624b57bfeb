"""The differential test as part of the run."""

import os
import shutil
import subprocess
import sys
import unittest

from harness import scaled

HERE = os.path.dirname(os.path.abspath(__file__))


class Differential(unittest.TestCase):
    @unittest.skipUnless(shutil.which('redis-server'), 'redis-server is not installed')
    def test_equal_replies(self):
        done = subprocess.run([sys.executable, os.path.join(HERE, 'differential'),
                               '--commands', str(scaled(100_000, 10_000))],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)
