# SPDX-License-Identifier: BSD-3-Clause
"""Network namespaces that exist only while a process of ours holds them: no name is registered anywhere, and however
the tests end, the kernel removes them with everything in them. The host's own namespace is never changed."""
import contextlib
import ctypes
import errno
import os
import select
import socket
import struct
import time

from . import procs

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000

_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, _PACKET_STATISTICS, _PACKET_AUXDATA, _PACKET_IGNORE_OUTGOING = 263, 1, 6, 8, 23
_PACKET_MR_PROMISC = 1
_TP_STATUS_VLAN_VALID, _TP_STATUS_VLAN_TPID_VALID = 0x10, 0x40
_ETH_P_ALL = 3
_SO_RCVBUFFORCE, _SO_SNDBUFFORCE = 33, 32


class NetNS:
    def __init__(self, name):
        self.name = name
        self.holder = procs.Process(['unshare', '--net', 'sleep', 'infinity'], 'ns-' + name)
        self.path = f'/proc/{self.holder.pid}/ns/net'
        ours = os.readlink('/proc/self/ns/net')
        procs.wait_for(lambda: os.readlink(self.path) != ours and self._exec_done(), message='namespace ' + name)
        # Neighbour discovery would put frames of the kernel's own among those that are counted.
        self.sh('for c in all default lo; do [ ! -e /proc/sys/net/ipv6/conf/$c ] ||'
                ' echo 1 > /proc/sys/net/ipv6/conf/$c/disable_ipv6; done; ip link set lo up')

    def _exec_done(self):
        self.holder.need_alive()
        with open(f'/proc/{self.holder.pid}/comm') as f:
            return f.read().strip() == 'sleep'

    def run(self, *args, **kw):
        return procs.run(['nsenter', '--net=' + self.path, *args], **kw)

    def sh(self, script, **kw):
        return self.run('sh', '-c', script, **kw)

    def spawn(self, args, name, **kw):
        return procs.Process(args, name, netns=self, **kw)

    @contextlib.contextmanager
    def entered(self):
        """Sockets made inside belong to this namespace; the calling thread comes back at the end."""
        back = os.open('/proc/thread-self/ns/net', os.O_RDONLY)
        try:
            self._setns(os.open(self.path, os.O_RDONLY), close=True)
            yield self
        finally:
            self._setns(back, close=True)

    @staticmethod
    def _setns(fd, close):
        r = _libc.setns(fd, _CLONE_NEWNET)
        e = ctypes.get_errno()
        if close:
            os.close(fd)
        if r:
            raise OSError(e, 'setns: ' + os.strerror(e))

    def socket(self, *args):
        with self.entered():
            return socket.socket(*args)

    def links(self):
        """The names of the network devices, lo left out."""
        out = self.run('ip', '-o', 'link').splitlines()
        return [x.split(': ')[1].split('@')[0] for x in out if not x.split(': ')[1].startswith('lo')]

    def mac(self, dev):
        """A device's address."""
        return self.run('ip', '-o', 'link', 'show', dev).split('link/ether ')[1].split()[0]

    def counters(self, dev):
        """A device's counters as the kernel shows them in /proc/net/dev."""
        for line in self.sh('cat /proc/net/dev').splitlines():
            name, _, rest = line.partition(':')
            if name.strip() == dev:
                v = [int(x) for x in rest.split()]
                return {'rx_bytes': v[0], 'rx_frames': v[1], 'tx_bytes': v[8], 'tx_frames': v[9]}
        raise KeyError(dev)

    def close(self):
        self.holder.stop(sig=9)


def veth(a, dev_a, b, dev_b, mtu=1500, queues=1):
    """A cable between two namespaces. Offloads are off on both ends: a frame is on it as it would be on a wire, with
    its checksum finished and its VLAN tag in its bytes."""
    end = ['mtu', str(mtu), 'numrxqueues', str(queues), 'numtxqueues', str(queues)]
    a.run('ip', 'link', 'add', dev_a, *end, 'type', 'veth', 'peer', 'name', dev_b, *end, 'netns', str(b.holder.pid))
    for ns, dev in ((a, dev_a), (b, dev_b)):
        ns.run('ethtool', '-K', dev, 'tx', 'off', 'rx', 'off', 'sg', 'off', 'tso', 'off', 'gso', 'off', 'gro', 'off',
               'txvlan', 'off', 'rxvlan', 'off')
        ns.run('ip', 'link', 'set', dev, 'up')


def vlan(ns, dev, vid):
    """A VLAN device on `dev`: the kernel's, or where it has none a TAP with a relay. Returns its name; it is up."""
    name = f'{dev}.{vid}'
    if kernel_vlan(ns, dev, vid, name):
        return name
    mac = ns.mac(dev)
    relay = os.path.join(os.path.dirname(__file__), 'vlanrelay.py')
    p = ns.spawn(['/usr/bin/python3', relay, dev, name, str(vid)], f'vlan-{name}')
    procs.wait_for(lambda: (p.need_alive(), name in ns.links())[1], 10, f'the device {name}')
    ns.run('ip', 'link', 'set', name, 'address', mac, 'up')
    return name


def kernel_vlan(ns, dev, vid, name):
    """The kernel's VLAN device; False when this kernel has none."""
    try:
        ns.run('ip', 'link', 'add', 'link', dev, 'name', name, 'type', 'vlan', 'id', str(vid))
    except RuntimeError as e:
        if 'Unknown device type' in str(e) or 'not supported' in str(e):
            return False
        raise
    ns.run('ip', 'link', 'set', name, 'up')
    return True


class RawPort:
    """Sends and receives whole frames at a network device; a tag the kernel took out of the bytes is put back. netns None:
    the device is in the namespace we are in. promiscuous: the device is, while this is open."""

    def __init__(self, netns, dev, promiscuous=True):
        self.dev = dev
        with netns.entered() if netns else contextlib.nullcontext():
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            index = socket.if_nametoindex(dev)
        s = self.sock
        s.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 << 20)
        s.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, 64 << 20)
        s.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        s.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        if promiscuous:
            s.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, struct.pack('iHH8s', index, _PACKET_MR_PROMISC, 0, b''))
        s.bind((dev, _ETH_P_ALL))

    def see_outgoing(self):
        """From now on it also receives what is sent on the device."""
        self.sock.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 0)

    def send(self, frame):
        """Waits while the socket's queue is full, or the device's: whoever receives for it may not have had his turn yet."""
        while True:
            try:
                self.sock.send(frame)
                return
            except BlockingIOError:
                select.select([], [self.sock], [], 1)
            except OSError as e:
                if e.errno != errno.ENOBUFS:
                    raise
                time.sleep(0.001)

    def recv(self, timeout=1.0):
        """The next frame, or None when none comes in time."""
        self.sock.settimeout(timeout or 1e-6)
        return self.recv_now()

    def recv_now(self):
        """The next frame within the socket's own time limit, or None."""
        try:
            data, control, _flags, _addr = self.sock.recvmsg(65536, 256)
        except (TimeoutError, BlockingIOError):
            return None
        for level, kind, c in control:
            if level == _SOL_PACKET and kind == _PACKET_AUXDATA:
                status, _len, _snap, _mac, _net, tci, tpid = struct.unpack('IIIHHHH', c[:20])
                if status & _TP_STATUS_VLAN_VALID:
                    if not status & _TP_STATUS_VLAN_TPID_VALID:
                        tpid = 0x8100
                    data = data[:12] + struct.pack('!HH', tpid, tci) + data[12:]
        return data

    def pending(self):
        """The frames that are there."""
        return self.drain(0)

    def lost(self):
        """Frames the kernel could not keep for us since the last look."""
        return struct.unpack('II', self.sock.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))[1]

    def drain(self, quiet=0.2):
        """All frames until none comes for `quiet` seconds."""
        frames = []
        while (f := self.recv(quiet)) is not None:
            frames.append(f)
        return frames

    def close(self):
        self.sock.close()
