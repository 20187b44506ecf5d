# SPDX-License-Identifier: BSD-3-Clause
"""The Debian packages, built from the tree as it is, and a machine on which they are installed."""
import contextlib
import functools
import glob
import os
import re

from . import container, daemon, netns, procs, rpc, vufront
from .guest import ROOT

FOLDER = os.path.join(daemon.BUILD, 'deb')


@functools.cache
def packages():
    """{name of a package: its file}, built from the tree as it is."""
    before = tree_state()
    procs.run([os.path.join(ROOT, 'tools/deb/build'), FOLDER], timeout=600)
    assert tree_state() == before
    return {os.path.basename(f).partition('_')[0]: f for f in glob.glob(FOLDER + '/*.deb')}


def tree_state():
    return procs.run(['git', '-c', 'safe.directory=*', '-C', ROOT, 'status', '--porcelain', '--ignored', '--', '.', ':!/build*',
                      ':!**/__pycache__'])


def to_install():
    return [f for n, f in packages().items() if not n.endswith(('-dbgsym', '-dev', '-doc'))]


def version_of(package):
    return procs.run(['dpkg-deb', '--field', package, 'Version']).strip()


def with_version(package, version, folder):
    """The package, under another version."""
    tree = os.path.join(folder, 'tree')
    procs.run(['dpkg-deb', '--raw-extract', package, tree])
    control = os.path.join(tree, 'DEBIAN/control')
    with open(control) as f:
        text = f.read()
    with open(control, 'w') as f:
        f.write(re.sub(rf'(^Version: |\(= ){re.escape(version_of(package))}', rf'\g<1>{version}', text, flags=re.M))
    made = os.path.join(folder, os.path.basename(package))
    procs.run(['dpkg-deb', '--build', tree, made])
    procs.run(['rm', '-r', tree])
    return made


class Machine:
    """The container with the packages installed in it, the service running as it is right after the installation."""

    def __init__(self):
        self.net = netns.NetNS('machine')
        base = procs.run([os.path.join(ROOT, 'tools/deb/base'), *to_install()], timeout=900).splitlines()[-1]
        self.up = os.path.join(procs.workdir(), 'upgrade')
        os.makedirs(self.up, exist_ok=True)
        self.box = container.Container(base, self.net, [FOLDER, self.up])
        self.before = self.state()
        self.apt('install', *to_install())

    def apt(self, *args):
        return self.box.run('env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', '-y', '--no-install-recommends', *args,
                            timeout=120)

    def state(self):
        """What an installation could leave behind: users, groups and files."""
        names = [line.split(':')[0] for f in ('passwd', 'group') for line in open(self.box.path('/etc/' + f))]
        files = self.box.run('find', '/etc', '/lib/systemd', '/run', '/usr/bin', '/usr/sbin', '/usr/lib', '/usr/share', '/var',
                             '-name', '*vmq*').splitlines()
        return set(names) | set(files)

    @property
    def config(self):
        """The text of vmqd's configuration file."""
        with open(self.box.path('/etc/vmq/vmqd.yaml')) as f:
            return f.read()

    @config.setter
    def config(self, text):
        self.box.write('/etc/vmq/vmqd.yaml', text)

    def vmqctl(self, *args):
        return self.box.run('vmqctl', *args)

    def vmqd(self):
        """A client of the control socket, once a vmqd listens there."""
        def connect():
            with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                return rpc.Client(self.box.path('/run/vmq/vmqd.sock'))
            return None
        return procs.wait_for(connect, 30, 'the control socket of vmqd')

    def vport(self, name):
        c = self.vmqd()
        try:
            return c.call('vport.show', name=name)['vports'][0]
        finally:
            c.close()

    def vm(self, name):
        return vufront.VuFront(self.box.path(f'/run/vmq/{name}.sock'))

    def main_pid(self):
        return int(self.box.shown('vmqd', 'MainPID'))

    def status(self, pid):
        """The kernel's words on a process of the machine."""
        return dict(re.findall(r'^(\w+):\t(.*)$', self.box.run('cat', f'/proc/{pid}/status'), re.M))

    def active(self):
        return self.box.shown('vmqd', 'ActiveState') == 'active'

    def wait_new(self, pid, *names):
        """Until another process than `pid` serves these VPorts."""
        procs.wait_for(lambda: self.active() and self.main_pid() not in (0, pid), 30, 'another vmqd')
        for n in names:
            procs.wait_for(lambda n=n: self._running(n), 30, f'VPort {n} running')

    def _running(self, name):
        with contextlib.suppress(ConnectionError):  # that vmqd has ended, too
            return self.vport(name)['status'] == 'running'
