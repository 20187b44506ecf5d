# SPDX-License-Identifier: BSD-3-Clause
"""Virtual machines with every kind of driver: how buffers are laid out, where memory lies, who connects, who leaves. What is
sent must arrive to the byte, whatever the layout."""
import random
import socket

import pytest
from scapy.layers.inet import IP, UDP

from vmqtest import frames, procs, vufront
from vmqtest.frames import Ether, frame
from vmqtest.vufront import LEGACY, MODERN, bits

A, B, FAR = '52:54:00:00:00:01', '52:54:00:00:00:02', '52:54:00:00:0f:01'
VPORTS = [{'name': 'a', 'mac': A}, {'name': 'b', 'mac': B}]
JUMBO = 9000

KINDS = {
    'modern': {},
    'legacy': {'features': LEGACY},
    'legacy-any-layout': {'features': LEGACY | bits(vufront.ANY_LAYOUT, vufront.INDIRECT_DESC)},
    'no-event-index': {'features': MODERN & ~bits(vufront.EVENT_IDX)},
    'no-mergeable': {'features': MODERN & ~bits(vufront.MRG_RXBUF)},
    'small-buffers': {'rx_layout': [600]},
    'chained-buffers': {'rx_layout': [12, 100, 1024, 2048]},
    'chained-not-mergeable': {'features': MODERN & ~bits(vufront.MRG_RXBUF), 'rx_layout': [12, 4096, 4096, 4096]},
    'legacy-chain': {'features': LEGACY, 'rx_layout': [10, 9216]},
    'eight-slots': {'slots': 8},
    'regions': {'slots': 24, 'memory': 'regions'},
    'tiny-ring': {'ring': 8},
    'big-ring': {'ring': 1024},
}


def numbered(dst, src, count, seed=1):
    """Frames of random sizes, the smallest and the largest among them."""
    r = random.Random(seed)
    sizes = [46, 1486, JUMBO] + [r.choice([r.randrange(46, 200), r.randrange(46, 1500), r.randrange(1500, JUMBO)])
                                 for _ in range(count - 3)]
    return [frame(dst, src, i, size=s) for i, s in enumerate(sizes)]


def send_checked(sender, receiver, sent, window):
    """Sends in windows that fit in the receiver's buffers; everything must arrive, in order, unchanged."""
    for i in range(0, len(sent), window):
        part = sent[i:i + window]
        sender.send(part)
        assert receiver.recv(len(part), 5) == part


@pytest.mark.parametrize('kind', KINDS)
def test_both_ways_between_a_modern_and(lab, kind):
    x = lab(vports=VPORTS, mtu=9000)
    options = KINDS[kind]
    a, b = x.vm('a', ring=256), x.vm('b', **options)
    # How many jumbo frames the receiver's ring holds at once.
    room = b.ring // len(b.rx_layout) * sum(b.rx_layout) if b.has(vufront.MRG_RXBUF) else b.ring // len(b.rx_layout) * 9300
    window = max(1, min(16, room // 9300))
    send_checked(a, b, numbered(B, A, 200), window)
    window = max(1, min(16, b.ring // 8))
    send_checked(b, a, numbered(A, B, 200, seed=2), window)
    b.sent()
    a.sent()


@pytest.mark.parametrize('pieces', [[1], [12], [5, 9, 3], [12, 14], [12, 13, 1, 1, 4], [2] * 20], ids=str)
@pytest.mark.parametrize('indirect', [False, True], ids=['direct', 'indirect'])
def test_any_cut_of_a_sent_frame(lab, pieces, indirect):
    x = lab(vports=VPORTS)
    a, b = x.plug('a', 'b')
    sent = [frame(B, A, i, size=s) for i, s in enumerate([46, 47, 100, 1000, 1486])]
    for f in sent:
        a.send(f, pieces=pieces, indirect=indirect)
    assert b.recv(len(sent)) == sent


@pytest.mark.parametrize('driver', ['packet', 'auto'])
def test_jumbo_frames_over_the_wire(lab, driver):
    x = lab(vports=[{'name': 'a', 'mac': A, 'vlan': 100}], driver=driver, mtu=9000)
    a = x.vm('a')
    for n, size in enumerate([46, 1486, 4000, 8999, 9000]):
        f = frame(FAR, A, n, size=size)
        a.send(f)
        assert x.wire.recv(5) == frames.tagged(f, 100)
        f = frame(A, FAR, n, size=size)
        x.wire.send(frames.tagged(f, 100))
        assert a.recv(1) == [f]


def test_thousands_of_frames_from_the_wire(lab):
    x = lab(vports=VPORTS)
    a, b = x.plug('a', 'b')
    n = 6000
    for start in range(0, n, 50):
        for i in range(start, start + 50):
            x.wire.send(frame((A, B)[i % 2], FAR, i, size=46 + i % 1400))
        got = sorted(frames.number(f) for f in a.recv(25, 5) + b.recv(25, 5))
        assert got == list(range(start, start + 50))
    procs.soon_equal(lambda: [x.vmqd.stats(v)['rx_frames'] for v in 'ab'], [n // 2, n // 2])


def test_a_full_receiver_costs_counted_drops_and_nothing_else(lab):
    x = lab(vports=[*VPORTS, {'name': 'c', 'mac': '52:54:00:00:00:03'}])
    a, b, c = x.plug('a', 'b', 'c')
    c_sent = [frame('52:54:00:00:00:03', A, i) for i in range(100)]
    before = sum(x.vmqd.stats('b')['drops'].values())
    for i in range(0, 600, 20):  # b takes nothing off its ring meanwhile: 256 buffers
        a.send([frame(B, A, n) for n in range(i, i + 20)])
        a.sent()
    a.send(c_sent)
    assert c.recv(100) == c_sent
    got = [frames.number(f) for f in b.recv(256) + b.drain()]
    assert got == list(range(256))
    procs.soon_equal(lambda: sum(x.vmqd.stats('b')['drops'].values()) - before, 600 - 256)


def test_driver_reset(lab):
    x = lab(vports=VPORTS)
    a, b = x.plug('a', 'b')
    for n in range(20):
        f = frame(B, A, n)
        a.send(f)
        assert b.recv(1) == [f]
        b.driver_reset()
        a.send(f)
        assert b.recv(1) == [f]
        (a if n % 2 else b).driver_reset()


def test_rings_go_on_where_they_stopped(lab):
    """GET_VRING_BASE and SET_VRING_BASE: the same rings are served again, no descriptor is lost or used twice."""
    x = lab(vports=VPORTS)
    a, b = x.plug('a', 'b')
    for n in range(20):
        a.send([frame(B, A, 3 * n + k) for k in range(3)])
        assert [frames.number(f) for f in b.recv(3)] == [3 * n, 3 * n + 1, 3 * n + 2]
        bases = b.stop()
        assert bases == [b.rx.used_idx, b.tx.avail_idx]
        b.start(bases=bases, post=False)
        x.vmqd.wait_running('b')


def test_reconnect(lab):
    x = lab(vports=VPORTS)
    a, b = x.plug('a', 'b')
    for n in range(10):
        b.reconnect()
        x.vmqd.wait_running('b')
        f = frame(B, A, n)
        a.send(f)
        assert b.recv(1) == [f]
    b.disconnect()
    procs.wait_for(lambda: x.vmqd.vport('b')['status'] == 'no VM', 5, 'b without a VM')
    a.send(frame(B, A, 99))
    a.sent()


def test_the_daemon_connects(lab):
    """socket_mode client: the VM's side listens; the daemon comes and comes again."""
    path = procs.workdir() + '/listening.sock'
    x = lab(vports=[{'name': 'a', 'mac': A}, {'name': 'b', 'mac': B, 'socket': path, 'socket_mode': 'client'}])
    a = x.vm('a')
    b = vufront.VuFront(path, listen=True, start=False)
    for n in range(3):
        b.connect()
        b.start()
        x.vmqd.wait_running('b')
        f = frame(B, A, n)
        a.send(f)
        assert b.recv(1) == [f]
        b.disconnect()
        for q in b.queues:
            q.reset()


def test_memory_slots_added_while_traffic_runs(lab):
    """ADD_MEM_REG and REM_MEM_REG as memory hot plug sends them: traffic goes on, new memory is used, old memory let go."""
    x = lab(vports=VPORTS)
    a = x.vm('a')
    b = x.vm('b', memory='regions', slots=3)
    assert b.protocol >> vufront.P_CONFIGURE_MEM_SLOTS & 1, 'the daemon does not offer memory slots'
    assert b.get_u64(vufront.GET_MAX_MEM_SLOTS) >= 64
    more = [vufront.Slot(0x9_0000_0000 + i * 0x10_0000, 0x7_0000_0000 + i * 0x10_0000, 0x1_0000) for i in range(40)]
    for n, s in enumerate(more):
        b.add_region(s)
        a.send(frame(B, A, n))
        assert [frames.number(f) for f in b.recv(1)] == [n]
    # A frame sent from the memory just added.
    f = frame(A, B, 1000)
    d = b.tx.free.pop()
    more[-1].mem[:12 + len(f)] = bytes(12) + f
    b.tx.set_desc(d, more[-1].gpa, 12 + len(f))
    b.tx.chains[d] = [d]
    b.tx.publish([d])
    b.tx.kick()
    assert a.recv(1) == [f]
    b.sent()
    for n, s in enumerate(more):
        b.remove_region(s)
        a.send(frame(B, A, n))
        assert [frames.number(f) for f in b.recv(1)] == [n]
        s.close()


def test_a_gone_slot_is_not_touched(lab):
    """A frame sent from memory that was taken away breaks that VPort, not the daemon."""
    x = lab(vports=[*VPORTS, {'name': 'c', 'mac': '52:54:00:00:00:03'}])
    a, c = x.plug('a', 'c')
    b = x.vm('b', memory='regions')
    s = vufront.Slot(0x9_0000_0000, 0x7_0000_0000, 0x1_0000)
    b.add_region(s)
    b.remove_region(s)
    d = b.tx.free.pop()
    b.tx.set_desc(d, s.gpa, 100)
    b.tx.publish([d])
    b.tx.kick()
    procs.wait_for(lambda: x.vmqd.vport('b')['status'].startswith('broken'), 5, 'b broken')
    a.send(frame('52:54:00:00:00:03', A, 1))
    assert len(c.recv(1)) == 1
    b.reconnect()
    x.vmqd.wait_running('b')
    a.send(frame(B, A, 2))
    assert len(b.recv(1)) == 1


@pytest.mark.parametrize('pairs', [2, 4])
def test_queue_pairs(lab, pairs):
    """Every queue of a VPort sends; what arrives does so once."""
    x = lab(vports=[{'name': 'a', 'mac': A}, {'name': 'b', 'mac': B, 'queue_pairs': pairs}])
    a = x.vm('a')
    b = x.vm('b', pairs=pairs)
    for n, q in enumerate(b.queues[1::2]):
        f = frame(A, B, n)
        b.send(f, q=q)
        assert a.recv(1) == [f]
    a.send([frame(B, A, n) for n in range(50)])
    got = []
    procs.wait_for(lambda: got.extend(f for q in b.queues[::2] for f in b.received(q)) or len(got) >= 50, 5, '50 frames')
    assert sorted(frames.number(f) for f in got + b.drain()) == list(range(50))


def test_queue_pairs_are_spread(lab):
    """Without being told, flows go to the queue pairs by their hash: each flow to one, on the pair's CPU."""
    x = lab(vports=[{'name': 'a', 'mac': A}, {'name': 'b', 'mac': B, 'queue_pairs': 2}])
    cpus = [q['cpu'] for q in x.vmqd.call('queue.show', vport='b')['queues']]
    workers = {w['cpu'] for w in x.vmqd.call('stats.show')['workers']}
    assert len(set(cpus)) == min(2, len(workers))
    a = x.vm('a')
    b = x.vm('b', pairs=2)
    flows = [bytes(Ether(dst=B, src=A) / IP(src='10.0.0.1', dst='10.0.0.2') / UDP(sport=1000 + n, dport=9) / bytes(20)) for n in range(32)]
    a.send(flows + flows)
    got = [[], []]

    def all_there():
        for pair, q in enumerate(b.queues[::2]):
            got[pair] += [Ether(f)[UDP].sport for f in b.received(q)]
        return len(got[0]) + len(got[1]) >= 64
    procs.wait_for(all_there, 5, '64 frames')
    assert set(got[0]).isdisjoint(got[1])
    assert sorted(got[0] + got[1]) == sorted(2 * [1000 + n for n in range(32)])
    if len(workers) > 1:
        assert got[0] and got[1]


def test_interrupts_can_be_off(lab):
    """A driver that polls says so; it gets its frames and no interrupts."""
    x = lab(vports=VPORTS)
    a = x.vm('a')
    b = x.vm('b', features=MODERN & ~bits(vufront.EVENT_IDX))
    b.rx.avail[0] = 1  # VIRTQ_AVAIL_F_NO_INTERRUPT
    b._count_interrupts(b.rx)
    before = b.rx.interrupts
    for n in range(50):
        a.send(frame(B, A, n))
    assert len(b.recv(50)) == 50
    b._count_interrupts(b.rx)
    assert b.rx.interrupts == before
    b.rx.avail[0] = 0
    a.send(frame(B, A, 51))
    assert len(b.recv(1)) == 1
    procs.wait_for(lambda: b._count_interrupts(b.rx) or b.rx.interrupts > before, 2, 'an interrupt')


def test_second_connection_is_refused(lab):
    """A VPort has one VM; who comes second is turned away and harms nothing."""
    x = lab(vports=VPORTS)
    a, b = x.plug('a', 'b')
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(5)
    try:
        s.connect(x.vmqd.path('b'))
        s.send(b'\1\0\0\0\1\0\0\0\0\0\0\0')
        assert s.recv(100) == b''
    except (ConnectionError, TimeoutError):
        pass
    s.close()
    a.send(frame(B, A, 1))
    assert len(b.recv(1)) == 1


@pytest.fixture
def hugepages():
    """Lets 2 MiB pages be had on demand for the time of a test."""
    path = '/proc/sys/vm/nr_overcommit_hugepages'
    with open(path) as f:
        before = f.read()
    with open(path, 'w') as f:
        f.write(str(int(before) + 16))
    yield
    procs.close_all()
    with open(path, 'w') as f:
        f.write(before)


def test_memory_on_hugepages(lab, hugepages):
    x = lab(vports=VPORTS)
    a = x.vm('a')
    b = x.vm('b', huge=True, slots=2)
    send_checked(a, b, numbered(B, A, 50), 8)
    send_checked(b, a, numbered(A, B, 50), 8)
    x.stop()
