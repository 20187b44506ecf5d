# SPDX-License-Identifier: BSD-3-Clause
"""vmqd, started with a configuration made from a dictionary, and vmqctl."""
import json
import os
import signal
import subprocess

import yaml

from . import procs, rpc
from .guest import ROOT

BUILD = os.path.join(ROOT, os.environ.get('VMQ_BUILD', 'build'))
_count = 0


def program(name):
    """The path of a program in the build folder; whichever subfolder it was built in."""
    return os.path.join(BUILD, 'src', name, name)


def cpus():
    """The CPUs we may run on, as a worker list for the configuration: two when there are two."""
    return sorted(os.sched_getaffinity(0))[:2]


class Vmqd:
    """config: as docs/rpc.md describes the file; `control`, `run_dir` and `cpus` are filled in when left out."""

    def __init__(self, config, netns=None, start=True, wrapper=(), env=None, supervisor=None):
        global _count
        _count += 1
        self.netns, self.wrapper = netns, list(wrapper)
        self.env = dict(os.environ, **(env or {}))
        self.supervisor = supervisor
        self.dir = os.path.join(procs.workdir(), f'd{_count}')
        os.mkdir(self.dir)
        self.socket = self.dir + '/ctl'
        config = dict(config)
        config.setdefault('control', {'socket': self.socket})
        config.setdefault('run_dir', self.dir)
        config.setdefault('cpus', cpus())
        self.config, self.config_path = config, self.dir + '/vmqd.yaml'
        self.configure()
        self.proc = self.client = None
        procs.at_end(self._give_back)  # comes after the process's own end
        if start:
            self.start()

    def configure(self, **keys):
        """Writes the configuration, with these keys in place of those it had; for the next start."""
        self.config.update(keys)
        with open(self.config_path, 'w') as f:
            yaml.safe_dump(self.config, f, sort_keys=False)

    def start(self, timeout=20):
        args, env, before = [*self.wrapper, program('vmqd'), '--config', self.config_path], self.env, None
        if self.supervisor:
            args, more, before = self.supervisor.command(args)
            env = dict(env, **more)
        self.proc = procs.Process(args, os.path.basename(self.dir) + '-vmqd', netns=self.netns, env=env, before=before)

        def ready():
            self.proc.need_alive()
            if not os.path.exists(self.socket):
                return False
            try:
                self.client = rpc.Client(self.socket)
                return True
            except (ConnectionError, FileNotFoundError):  # left over from one that was killed, until it is made anew
                return False
        procs.wait_for(ready, timeout, 'the control socket of vmqd')
        return self

    def call(self, method, **params):
        return self.client.call(method, **params)

    def connect(self):
        """A further control connection."""
        return rpc.Client(self.socket)

    def vmqctl(self, *args, check=True):
        """Runs vmqctl; returns (status, stdout, stderr), or with check the stdout of a success."""
        p = subprocess.run([program('vmqctl'), '--socket', self.socket, *args], capture_output=True, text=True, timeout=30)
        if not check:
            return p.returncode, p.stdout, p.stderr
        if p.returncode:
            raise RuntimeError(f'vmqctl {" ".join(args)}: status {p.returncode}: {p.stdout}{p.stderr}')
        return p.stdout

    def vmqctl_json(self, *args):
        return json.loads(self.vmqctl('-j', *args))

    def vport(self, name):
        return self.call('vport.show', name=name)['vports'][0]

    def path(self, name):
        """The socket of a VPort."""
        return f'{self.dir}/{name}.sock'

    def queue(self, name, index=0):
        return self.call('queue.show', vport=name)['queues'][index]

    def stats(self, name):
        return self.call('stats.show', vport=name)['vports'][0]

    def wire(self):
        return self.call('stats.show')['wires'][0]

    def wait_running(self, *names, timeout=20):
        """Until the VMs of these VPorts have their rings served."""
        for n in names:
            procs.wait_for(lambda n=n: self.vport(n)['status'] == 'running', timeout, f'VPort {n} running')

    def kill(self):
        """SIGKILL, as a crash would be."""
        if self.client:
            self.client.close()
            self.client = None
        procs.not_at_end(self.proc._undo)
        self.proc.popen.kill()
        self.proc.popen.wait()

    def _give_back(self):
        """What one that was killed left of the machine."""
        if os.path.exists(self.socket + '.cpus'):
            procs.run([program('vmqd'), '--config', self.config_path, '--release-cpus'])

    def stop(self, expect=0):
        """SIGTERM; the daemon must end by itself, with status 0."""
        if self.client:
            self.client.close()
            self.client = None
        status = self.proc.stop(signal.SIGTERM, timeout=15)
        if expect is not None and status != expect:
            raise AssertionError(f'vmqd ended with status {status}: {self.proc.log()}')
        return status
