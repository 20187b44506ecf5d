# SPDX-License-Identifier: BSD-3-Clause
"""Two hosts and a client on one switched network, and a VM that moves between the hosts.

    client (netns) w0 ---- bridge (netns) ---- p0 a (netns: vmqd)
                                    \\-------- p0 b (netns: vmqd)
"""
import hashlib
import mmap
import os
import re
import signal
import socket
import threading
import time

from . import daemon, netns, procs, transfer
from .guest import Guest, Nic

_count = 0
_PAGE = 4096


class Network:
    """The bridge learns where an address is, as a switch between hosts does."""

    def __init__(self):
        self.ns, self.client = netns.NetNS('net'), netns.NetNS('client')
        self.ns.run('ip', 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0')
        self.ns.run('ip', 'link', 'set', 'br0', 'up')
        self.plug(self.client, 'w0', 'to-client')

    def plug(self, ns, dev, port):
        netns.veth(ns, dev, self.ns, port)
        self.ns.run('ip', 'link', 'set', port, 'master', 'br0')


class Host:
    def __init__(self, network, name, vports=(), env=None, supervisor=None):
        self.name, self.network = name, network
        self.ns = netns.NetNS(name)
        network.plug(self.ns, 'p0', 'to-' + name)
        self.vmqd = daemon.Vmqd({'adapters': [{'name': 'ext0', 'port': {'driver': 'packet', 'device': 'p0'},
                                               'vports': list(vports)}]}, netns=self.ns, env=env, supervisor=supervisor)
        # What is sent here goes to this host alone, wherever the bridge believes the address to be.
        self.side_door = netns.RawPort(network.ns, 'to-' + name)

    def guest(self, vport, mac, incoming=None, frozen=False, options='', **kw):
        """A guest on a VPort; incoming: it waits at this path for another's state. frozen: and does not run then."""
        global _count
        _count += 1
        extra = (['-incoming', 'unix:' + incoming] if incoming else []) + (['-S'] if frozen else [])
        return Guest(f'vm{_count}', [Nic(self.vmqd.path(vport), mac, options=options, **kw)], extra=extra,
                     wait=not incoming)


def begin(source, host, vport, mac, frozen=False, options='', limits=None, pause=False, hold=False, **kw):
    """Starts the migration of a guest to a host; returns the guest there, which is the VM once arrive() is through. pause: with
    its memory there, before anything of its devices is, it waits for switch_over(). hold: the same, but this does not wait
    until it is there."""
    path = f'{procs.workdir()}/incoming{_count}'
    target = host.guest(vport, mac, incoming=path, frozen=frozen, options=options, **kw)
    procs.wait_for(lambda: (target.proc.need_alive(), os.path.exists(path))[1], 30, 'the waiting QEMU')
    source.qmp('migrate-set-parameters', **(limits or {'max-bandwidth': 10**9, 'downtime-limit': 100}))
    source.qmp('migrate-set-capabilities', capabilities=[{'capability': 'pause-before-switchover', 'state': pause or hold}])
    source.qmp('migrate', uri='unix:' + path)
    if pause:
        procs.wait_for(lambda: source.qmp('query-migrate')['status'] == 'pre-switchover', 60, 'the switch-over', step=0.02)
    return target


def switch_over(source):
    """Lets a migration go on that was begun with a pause."""
    source.qmp('migrate-continue', state='pre-switchover')


def has_lost(guest):
    """Has QEMU seen that the other end of the first device's socket is gone?"""
    return 'disconnected:' in next(c['filename'] for c in guest.qmp('query-chardev') if c['label'] == 'c0')


def arrive(source, target, frozen=False):
    """Waits for the end of a migration; returns QEMU's own account of it."""
    def over():
        source.proc.need_alive()
        target.proc.need_alive()
        state = source.qmp('query-migrate')
        if state['status'] in ('failed', 'cancelled'):
            raise RuntimeError(f'migration {state["status"]}: {state.get("error-desc", "")}')
        return state if state['status'] == 'completed' else None
    state = procs.wait_for(over, 60, 'the end of the migration', step=0.02)
    if frozen:
        procs.wait_for(lambda: target.qmp('query-status')['status'] not in ('inmigrate', 'running'), 20,
                       'the arrived guest', step=0.02)
    else:
        procs.wait_for(lambda: target.qmp('query-status')['running'], 20, 'the arrived guest running', step=0.02)
        target.attach()
    return state


class Ping:
    """Pings without a break, and knows afterwards the longest time without an answer."""

    def __init__(self, ns, address):
        self.proc = ns.spawn(['ping', '-D', '-n', '-i', '0.01', address], f'ping-{address}')

    def stop(self):
        self.proc.stop(signal.SIGINT)
        text = self.proc.log(tail=1 << 24)
        times = [float(t) for t in re.findall(r'^\[([\d.]+)\] \d+ bytes from', text, re.M)]
        sent, received = map(int, re.search(r'(\d+) packets transmitted, (\d+) received', text).groups())
        return {'sent': sent, 'received': received, 'duplicates': text.count('DUP!'),
                'gap_s': round(max(b - a for a, b in zip(times, times[1:])), 3)}


class StreamIn:
    """TCP from a namespace into the VM until stop(); what the guest has read by then is what was sent."""

    def __init__(self, ns, guest, address, port=7001):
        transfer.listen_in_guest(guest, port)
        self.port = port
        self.sock = ns.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        self.sock.connect((address, port))
        self.ended = threading.Event()
        self.work = transfer.Work(self._send)

    def _send(self):
        h = hashlib.md5()
        self.size = 0
        while not self.ended.wait(0.02):
            data = os.urandom(1 << 16)
            self.sock.sendall(data)
            h.update(data)
            self.size += len(data)
        self.sock.close()
        return h.hexdigest()

    def stop(self, guest):
        self.ended.set()
        assert transfer.sum_in_guest(guest, self.port, 60) == self.work.finish(60), 'the stream into the VM was changed'
        return self.size


class StreamOut:
    """TCP from the VM to a namespace, the same block again and again, until stop()."""

    _BLOCK = 256 << 10

    def __init__(self, ns, guest, address, port=7002):
        self.listener = ns.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.bind((address, port))
        self.listener.listen()
        self.listener.settimeout(60)
        guest.sh(f'head -c {self._BLOCK} /dev/urandom >/tmp/block')
        self.sum = guest.sh('md5sum </tmp/block').split()[0]
        guest.sh('(while [ ! -e /tmp/enough ]; do cat /tmp/block; sleep 0.1; done'
                 f' | nc {address} {port}) >/dev/null 2>&1 &')
        self.work = transfer.Work(self._receive)

    def _receive(self):
        c, _ = self.listener.accept()
        c.settimeout(60)
        blocks = 0
        with c.makefile('rb') as f:
            while data := f.read(self._BLOCK):
                assert hashlib.md5(data).hexdigest() == self.sum, f'block {blocks} out of the VM was changed'
                blocks += 1
        c.close()
        return blocks

    def stop(self, guest):
        guest.sh('touch /tmp/enough')
        blocks = self.work.finish(60)
        self.listener.close()
        return blocks * self._BLOCK


def memory(guest):
    """The guest's RAM, mapped to be read."""
    folder = f'/proc/{guest.proc.pid}/fd'
    for fd in os.listdir(folder):
        if os.readlink(f'{folder}/{fd}').startswith('/memfd:memory-backend-memfd'):
            with open(f'{folder}/{fd}', 'rb') as f:
                return mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
    raise LookupError(f'{guest.name} has no memory file')


def differing_pages(a, b):
    """The addresses of pages that are not the same."""
    assert len(a) == len(b)
    step = 256 * _PAGE
    return [p for big in range(0, len(a), step) if a[big:big + step] != b[big:big + step]
            for p in range(big, min(big + step, len(a)), _PAGE) if a[p:p + _PAGE] != b[p:p + _PAGE]]


def wait_passes(source, n):
    """Until the migration is in its n-th pass over the memory that was written meanwhile."""
    def there():
        state = source.qmp('query-migrate')
        assert state['status'] in ('setup', 'active'), state
        return state.get('ram', {}).get('dirty-sync-count', 0) >= n
    procs.wait_for(there, 60, f'pass {n} of the migration', step=0.02)


def settle(seconds):
    """Lets what is under way come to rest."""
    time.sleep(seconds)
