# SPDX-License-Identifier: BSD-3-Clause
"""A small Debian in a container, systemd its process 1: what the packages are installed in. Its files are a layer in memory
over a folder that is only read, its network a namespace of ours; all of it ends with us."""
import contextlib
import os
import signal
import subprocess

from . import procs


class Container:
    """base: the folder below. netns: its network. folders: read-only there as well, by the same path."""

    #: Of what systemd-nspawn takes away, what vmqd needs on a machine of its own.
    RIGHTS = ['--capability=CAP_NET_ADMIN,CAP_BPF,CAP_PERFMON,CAP_IPC_LOCK', '--bind=/dev/net/tun',
              '--system-call-filter=bpf landlock_create_ruleset landlock_add_rule landlock_restrict_self']

    def __init__(self, base, netns, folders=()):
        self.name = f'vmqt-{os.getpid()}'
        # Control groups of its own, or two of these would take each other's for theirs. Where process 1 is not systemd,
        # there may be two trees.
        self.groups = [f'{top}/{self.name}' for top in ('/sys/fs/cgroup/unified', '/sys/fs/cgroup/systemd', '/sys/fs/cgroup')
                       if os.path.exists(top + '/cgroup.procs')]
        for g in self.groups:
            os.mkdir(g)
        # A process namespace around systemd-nspawn: what is in the container does not outlive it, whoever kills it.
        self.proc = procs.Process(
            ['sh', '-c', 'for g in $0; do echo $$ > $g/cgroup.procs; done; exec "$@"', ' '.join(self.groups),
             'unshare', '--pid', '--mount', '--mount-proc', '--fork', '--kill-child=KILL',
             'sh', '-c', 'mount -t tmpfs tmpfs /run && exec "$@"', 'sh',  # it leaves folders there
             'systemd-nspawn', '--quiet', '--directory=' + base, '--volatile=overlay', '--boot', '--machine=' + self.name,
             '--network-namespace-path=/proc/self/ns/net', '--register=no', '--keep-unit', '--console=pipe', *self.RIGHTS,
             *(f'--bind-ro={f}' for f in folders)], 'container', netns=netns)
        self._undo = procs.at_end(self.close)
        self.pid = procs.wait_for(self._find, 30, 'process 1 of the container')
        procs.wait_for(lambda: self.run('systemctl', 'is-system-running', check=False).strip() == 'running', 60,
                       'the container to have started')

    def _find(self):
        """systemd-nspawn's child is process 1 once it is systemd."""
        self.proc.need_alive()
        at = self.proc.pid
        with contextlib.suppress(OSError, IndexError):
            while True:
                with open(f'/proc/{at}/comm') as f:
                    if f.read() == 'systemd\n':
                        return at
                with open(f'/proc/{at}/task/{at}/children') as f:
                    at = int(f.read().split()[0])
        return None

    def run(self, *args, **kw):
        """Runs a command inside and returns what it printed."""
        return procs.run(['nsenter', f'--target={self.pid}', '--all', '--', *args], **kw)

    def path(self, inside):
        """The path by which we reach a file of the container."""
        return f'/proc/{self.pid}/root{inside}'

    def write(self, inside, text):
        os.makedirs(os.path.dirname(self.path(inside)), exist_ok=True)
        with open(self.path(inside), 'w') as f:
            f.write(text)

    def exists(self, inside):
        return os.path.lexists(self.path(inside))

    def shown(self, unit, name):
        """A property of a unit."""
        return self.run('systemctl', 'show', unit, '--value', '--property', name).strip()

    def processes(self, unit):
        """The numbers of a service's processes, as we see them."""
        with open(f'{self.groups[0]}/payload/system.slice/{unit}.service/cgroup.procs') as f:
            return [int(line) for line in f]

    def journal(self, unit):
        return self.run('journalctl', '--no-pager', '--unit', unit)

    def close(self):
        procs.not_at_end(self._undo)
        with contextlib.suppress(RuntimeError, OSError, subprocess.TimeoutExpired):
            self.run('systemctl', 'stop', 'vmqd', timeout=20)  # what it has asked of the machine it gives back
        self.proc.stop(signal.SIGKILL)
        for g in self.groups:
            procs.wait_for(lambda g=g: _remove_groups(g), 10, f'the control group {g} to be empty')


def _remove_groups(top):
    """Removes a tree of control groups; False while one has a process yet."""
    return subprocess.run(['find', top, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', '+'], capture_output=True).returncode == 0
