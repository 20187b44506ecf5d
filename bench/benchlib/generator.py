# SPDX-License-Identifier: BSD-3-Clause
"""The generator (vugen): plays VMs at a switch, stays connected, and measures when it is told to. In between it costs no
processor time."""
import os
import select
import subprocess

from .machine import Failed, before_others, end, spawn, tail


class Skip(Exception):
    """The case can't be measured here; the text says why."""


def read(text):
    """key=value words as numbers."""
    got = {}
    for w in text.split():
        k, _, v = w.partition('=')
        try:
            got[k] = float(v)
        except ValueError:
            pass
    return got


class Generator:
    """words: the ports and options of vugen's command line. before: what comes before the command. priority: it goes
    before others where that is asked for; otherwise it never does."""

    def __init__(self, env, sw, words, core=None, before=(), priority=True):
        self.sw, self.log = sw, os.path.join(sw.dir, 'generator.log')
        cmd = [*before, env.vugen, '--core', str(env.gen_cpu if core is None else core), '--ring', str(env.ring), '--label',
               sw.name.replace(' ', '-'), '--commands', *words]
        cmd += ([] if sw.listens else ['--server']) + ([] if env.huge else ['--small-pages'])
        self.proc = spawn(cmd, None, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(self.log, 'ab'), text=True)
        try:
            if not self._line(60).startswith('vugen ready'):
                raise Failed(f'{sw.name}: the generator is not ready')
        except BaseException:
            self.close()
            raise
        before_others(self.proc.pid, env.priority and priority)

    def _line(self, patience):
        """Its next line. There is never more than one under way, so that nothing waits in the file object's buffer."""
        if not select.select([self.proc.stdout], [], [], patience)[0]:
            raise Failed(f'{self.sw.name}: the generator does not answer: {tail(self.log)}{tail(self.sw.log)}')
        line = self.proc.stdout.readline()
        if not line:
            said = tail(self.log)
            if 'does not offer' in said:
                raise Skip(said.strip().rpartition(': ')[2])
            raise Failed(f'{self.sw.name}: the generator ended: {said}{tail(self.sw.log)}')
        return line

    def begin(self, command, **words):
        """Lets a measurement begin."""
        try:
            self.proc.stdin.write(' '.join([command, *(f'{k}={v}' for k, v in words.items())]) + '\n')
            self.proc.stdin.flush()
        except OSError:
            raise Failed(f'{self.sw.name}: the generator has ended: {tail(self.log)}') from None

    def result(self, patience):
        """What the measurement that has begun found."""
        return read(self._line(patience))

    def close(self):
        end(self.proc)
        self.proc.stdin.close()
        self.proc.stdout.close()
