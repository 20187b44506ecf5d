# SPDX-License-Identifier: BSD-3-Clause
"""A bad guest or front end harms only itself: whatever it does, the daemon lives, two others go on talking, and a reconnect
brings the VPort back."""
import array
import os
import socket
import struct

import pytest

from vmqtest import frames, fusefile, procs, vufront
from vmqtest.frames import frame
from vmqtest.vufront import DESC_INDIRECT, DESC_NEXT, DESC_WRITE

A, B, C = '52:54:00:00:00:01', '52:54:00:00:00:02', '52:54:00:00:00:03'


@pytest.fixture
def x(lab):
    x = lab(vports=[{'name': 'a', 'mac': A}, {'name': 'b', 'mac': B}, {'name': 'c', 'mac': C}])
    x.plug('a', 'b', 'c')
    return x


def others_go_on(x):
    for n in range(5):
        x.vms['a'].send([frame(C, A, n), frame(B, A, n)])
        assert [frames.number(f) for f in x.vms['c'].recv(1)] == [n]
        x.vms['c'].send(frame(A, C, n))
        assert [frames.number(f) for f in x.vms['a'].recv(1)] == [n]


def back_again(x):
    x.vms['b'].reconnect()
    x.vmqd.wait_running('b')
    x.vms['a'].send(frame(B, A, 77))
    assert [frames.number(f) for f in x.vms['b'].recv(1)] == [77]
    x.vms['b'].send(frame(A, B, 78))
    assert [frames.number(f) for f in x.vms['a'].recv(1)] == [78]


def tx_desc(*descs):
    """A sender that publishes these descriptors as one chain: (address or 'buf', length, flags, next)."""
    def act(b):
        for i, (addr, length, flags, nxt) in enumerate(descs):
            b.tx.set_desc(i, b.tx.buffer(i)[0] if addr == 'buf' else addr, length, flags, nxt)
        b.tx.publish([0])
        b.tx.kick()
    return act


def rx_desc(*descs):
    """The same at the receive ring; a frame sent to b then meets it."""
    def act(b):
        for i, (addr, length, flags, nxt) in enumerate(descs):
            b.rx.set_desc(i, b.rx.buffer(i)[0] if addr == 'buf' else addr, length, flags, nxt)
        for i in range(len(descs), b.rx.size):
            b.rx.set_desc(i, *[(b.rx.buffer(0)[0] if descs[0][0] == 'buf' else descs[0][0]), *descs[0][1:]])
    return act


def indirect(length, entries):
    def act(b):
        at = b.indirect_off
        for k, e in enumerate(entries):
            addr = b.tx.buffer(0)[0] if e[0] == 'buf' else e[0]
            struct.pack_into('<QIHH', b.slots[0].mem, at + 16 * k, addr, *e[1:])
        b.tx.set_desc(0, b.slots[0].gpa + at, length, DESC_INDIRECT)
        b.tx.publish([0])
        b.tx.kick()
    return act


def avail_jump(q, by):
    def act(b):
        ring = getattr(b, q)
        ring.avail[1] = (ring.avail_idx + by) & 0xffff
        ring.kick()
    return act


def bad_head(b):
    b.tx.publish([b.tx.size + 5])
    b.tx.kick()


def rx_bad_head(b):
    for i in range(b.rx.size):
        b.rx.avail[2 + i] = 0xfff0


def truncated_memory(b):
    os.ftruncate(b.slots[0].fd, 4096)


def no_page_left(b):
    """A file that is as long as it should be, where there is no room for its pages; as with huge pages that nobody has reserved."""
    gpa, size = 0x9_0000_0000, 1 << 20
    p = procs.Process(['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs -o size=64k tmpfs /mnt && head -c 64k /dev/zero >/mnt/full && '
                       f'truncate -s {size} /mnt/memory && echo made && exec sleep infinity'], 'full-tmpfs')
    procs.wait_for(lambda: 'made' in p.log(), 10, 'the file')
    fd = os.open(f'/proc/{p.pid}/root/mnt/memory', os.O_RDWR)
    b.message(vufront.ADD_MEM_REG, struct.pack('<QQQQQ', 0, gpa, size, 0x7_0000_0000, 0), [fd])
    os.close(fd)
    b.tx.set_desc(0, gpa, 100, 0)
    b.tx.publish([0])
    b.tx.kick()


def end_of_slot(b):
    s = b.slots[0]
    b.tx.set_desc(0, s.gpa + s.size - 10, 100, 0)
    b.tx.publish([0])
    b.tx.kick()


RING_FAULTS = {
    'tx address outside': tx_desc((0xdead_0000_0000, 100, 0, 0)),
    'tx address wraps': tx_desc((0xffff_ffff_ffff_fff0, 100, 0, 0)),
    'tx past the end of a slot': end_of_slot,
    'tx length 4 GiB': tx_desc(('buf', 0xffff_ffff, 0, 0)),
    'tx length 0': tx_desc(('buf', 0, 0, 0)),
    'tx shorter than the header': tx_desc(('buf', 5, 0, 0)),
    'tx runt frame': tx_desc(('buf', 14, 0, 0)),
    'tx writable': tx_desc(('buf', 100, DESC_WRITE, 0)),
    'tx loop of one': tx_desc(('buf', 100, DESC_NEXT, 0)),
    'tx loop of two': tx_desc(('buf', 100, DESC_NEXT, 1), ('buf', 100, DESC_NEXT, 0)),
    'tx next out of range': tx_desc(('buf', 100, DESC_NEXT, 9999)),
    'tx head out of range': bad_head,
    'tx index jumps': avail_jump('tx', 1000),
    'tx index goes back': avail_jump('tx', -3),
    'rx index jumps': avail_jump('rx', 5000),
    'rx address outside': rx_desc((0xdead_0000_0000, 2048, DESC_WRITE, 0)),
    'rx readable': rx_desc(('buf', 2048, 0, 0)),
    'rx length 0': rx_desc(('buf', 0, DESC_WRITE, 0)),
    'rx length 4 GiB': rx_desc(('buf', 0xffff_ffff, DESC_WRITE, 0)),
    'rx loop': rx_desc(('buf', 4, DESC_WRITE | DESC_NEXT, 0)),
    'rx heads out of range': rx_bad_head,
    'indirect length not of 16': indirect(20, [('buf', 100, 0, 0)]),
    'indirect length 0': indirect(0, [('buf', 100, 0, 0)]),
    'indirect too long': indirect(0xffff_fff0, [('buf', 100, 0, 0)]),
    'indirect loop': indirect(32, [('buf', 100, DESC_NEXT, 1), ('buf', 100, DESC_NEXT, 0)]),
    'indirect next outside': indirect(16, [('buf', 100, DESC_NEXT, 7)]),
    'indirect in indirect': indirect(16, [('buf', 16, DESC_INDIRECT, 0)]),
    'indirect with next': tx_desc(('buf', 16, DESC_INDIRECT | DESC_NEXT, 1)),
    'memory file truncated': truncated_memory,
    'no page left for memory': no_page_left,
}

#: Its memory is gone for good; another VM takes the place.
FOR_GOOD = {'memory file truncated', 'no page left for memory'}


#: No more of a buffer is looked at than a frame needs.
HARMLESS = {'rx length 4 GiB'}


@pytest.mark.parametrize('fault', RING_FAULTS)
def test_a_fault_in_a_ring(x, fault):
    RING_FAULTS[fault](x.vms['b'])
    others_go_on(x)
    if fault not in HARMLESS:
        procs.wait_for(lambda: (lambda s: s['breaks'] or sum(s['drops'].values()))(x.vmqd.stats('b')), 20,
                       'a counter that shows the fault')
    if fault in FOR_GOOD:
        procs.wait_for(lambda: "broken: a page of the VM's memory is missing" in x.vmqd.vport('b')['status'], 20, 'what it says')
        x.vms['a'].send(frame(B, A, 1))
        others_go_on(x)
        x.vms['b'].disconnect()
        x.vm('b')
        x.vms['a'].send(frame(B, A, 2))
        assert len(x.vms['b'].recv(1)) == 1
    else:
        back_again(x)


def test_a_fault_is_counted_shown_and_told(x):
    """What an operator sees of a bad guest: the status with its reason, the counter, the event; and that it is over."""
    m = x.vmqd.connect()
    m.call('monitor.start')
    RING_FAULTS['tx loop of one'](x.vms['b'])
    procs.wait_for(lambda: x.vmqd.vport('b')['status'].startswith('broken: '), 20, 'a broken VPort')
    v = x.vmqd.vport('b')
    assert 'loops' in v['status'] and v['connected'] and 'waits_for' not in v
    assert x.vmqd.stats('b')['breaks'] == 1
    e = next(e for e in iter(lambda: m.event(20), None) if e['event'] == 'queue_broken')
    assert e['vport'] == 'b' and e['queue'] == 0 and 'loops' in e['reason']
    others_go_on(x)
    back_again(x)
    assert x.vmqd.vport('b')['status'] == 'running' and x.vmqd.stats('b')['breaks'] == 1
    b = x.vms['b']
    b.message(vufront.SET_VRING_NUM, struct.pack('<II', 0, 100))
    procs.wait_for(lambda: x.vmqd.stats('b')['faults'] == 1, 20, 'a counted fault')


@pytest.mark.skipif(not os.path.exists('/dev/fuse'), reason='no /dev/fuse')
def test_memory_whose_pages_the_front_end_serves(x, tmp_path):
    """A touch of a file of FUSE waits for its server, which is the front-end's: such memory is not mapped."""
    b, s = x.vms['b'], x.vms['b'].slots[0]
    own, f = s.fd, fusefile.FuseFile(tmp_path / 'fuse', s.size + s.mmap_offset)
    try:
        s.fd = f.fd
        with pytest.raises(OSError):
            b.reconnect()
            b.get_u64(vufront.GET_FEATURES)
        assert x.vmqd.stats('b')['faults'] == 1
        others_go_on(x)
        assert not f.asked.is_set()
        s.fd = own
        back_again(x)
    finally:
        f.close()


def raw(request, payload=b'', fds=(), flags=1, size=None):
    def act(b):
        head = struct.pack('<III', request, flags, len(payload) if size is None else size)
        anc = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))] if fds else []
        b.sock.sendmsg([head + payload], anc)
    return act


def with_fds(n):
    def act(b):
        r, w = os.pipe()
        try:
            raw(vufront.SET_VRING_KICK, struct.pack('<Q', 0), [r] * n)(b)
        finally:
            os.close(r)
            os.close(w)
    return act


def vring_addr(**change):
    def act(b):
        q, uva = b.rx, b.slots[0].uva
        f = {'index': 0, 'flags': 0, 'desc': uva + q.desc_off, 'used': uva + q.used_off, 'avail': uva + q.avail_off, 'log': 0}
        f.update(change)
        b.message(vufront.SET_VRING_ADDR, struct.pack('<IIQQQQ', *(f[k] for k in ('index', 'flags', 'desc', 'used', 'avail', 'log'))))
        b.message(vufront.SET_VRING_ENABLE, struct.pack('<II', 0, 1))
    return act


def region(gpa=0x9_0000_0000, size=0x10000, uva=0x7_0000_0000, offset=0, real=0x10000):
    def act(b):
        fd = os.memfd_create('x')
        os.ftruncate(fd, real)
        raw(vufront.ADD_MEM_REG, struct.pack('<QQQQQ', 0, gpa, size, uva, offset), [fd])(b)
        os.close(fd)
    return act


MESSAGE_FAULTS = {
    'unknown request': raw(999),
    'request 0': raw(0),
    'wrong version': raw(vufront.GET_FEATURES, flags=3),
    'size 4 GiB': raw(vufront.SET_FEATURES, b'x' * 8, size=0xffff_ffff),
    'size 0 where 8 is due': raw(vufront.SET_FEATURES),
    'size 7 where 8 is due': raw(vufront.SET_FEATURES, b'x' * 7),
    'half a header': lambda b: b.sock.send(b'\1\0\0'),
    'features never offered': raw(vufront.SET_FEATURES, b'\xff' * 8),
    'protocol features never offered': raw(vufront.SET_PROTOCOL_FEATURES, b'\xff' * 8),
    'ring index out of range': raw(vufront.SET_VRING_NUM, struct.pack('<II', 99, 256)),
    'ring size 0': raw(vufront.SET_VRING_NUM, struct.pack('<II', 0, 0)),
    'ring size no power of two': raw(vufront.SET_VRING_NUM, struct.pack('<II', 0, 100)),
    'ring size 65536': raw(vufront.SET_VRING_NUM, struct.pack('<II', 0, 65536)),
    'ring base 65536': raw(vufront.SET_VRING_BASE, struct.pack('<II', 0, 65536)),
    'ring base far off': raw(vufront.SET_VRING_BASE, struct.pack('<II', 1, 30000)),
    'descriptors outside': vring_addr(desc=0x1234000),
    'used ring outside': vring_addr(used=0x1234000),
    'avail ring at the end of memory': vring_addr(avail=0x5500_0000_0000 + 0x1fff_fff0),
    'unaligned descriptors': vring_addr(desc=0x5500_0000_0001),
    'kick without descriptor': raw(vufront.SET_VRING_KICK, struct.pack('<Q', 0)),
    'kick with 9 descriptors': with_fds(9),
    'kick for ring 200': raw(vufront.SET_VRING_KICK, struct.pack('<Q', 200 | 0x100)),
    'memory table of 999': raw(vufront.SET_MEM_TABLE, struct.pack('<II', 999, 0) + bytes(64)),
    'memory table without descriptors': raw(vufront.SET_MEM_TABLE, struct.pack('<IIQQQQ', 1, 0, 0, 4096, 0, 0)),
    'memory table empty': raw(vufront.SET_MEM_TABLE, struct.pack('<II', 0, 0)),
    'region longer than its file': region(size=1 << 40),
    'region of size 0': region(size=0),
    'region that wraps': region(gpa=0xffff_ffff_ffff_f000),
    'region offset outside': region(offset=1 << 50),
    'region over another': region(gpa=0x1_0000_0000),
    'region removed that is not there': raw(vufront.REM_MEM_REG, struct.pack('<QQQQQ', 0, 1, 4096, 2, 0)),
    'SET_LOG_BASE without descriptor': raw(vufront.SET_LOG_BASE, struct.pack('<QQ', 4096, 0)),
}


@pytest.mark.parametrize('fault', MESSAGE_FAULTS)
def test_a_fault_in_a_message(x, fault):
    try:
        MESSAGE_FAULTS[fault](x.vms['b'])
    except (BrokenPipeError, ConnectionError):
        pass  # closed at once: that is one of the right answers
    others_go_on(x)
    back_again(x)


def test_connections_that_come_and_go(x):
    """A front end that connects, says half a thing and leaves, many times, costs no descriptor."""
    fds = f'/proc/{x.vmqd.proc.pid}/fd'
    b = x.vms['b']
    b.disconnect()
    back_again(x)
    before = len(os.listdir(fds))
    for n in range(30):
        b.disconnect()
        b.connect()
        if n % 2:
            b.start()
    back_again(x)
    assert len(os.listdir(fds)) <= before + 1
