# SPDX-License-Identifier: BSD-3-Clause
"""Virtual machines with every kind of driver: how buffers are laid out, where memory lies, who connects, who leaves. What is
sent must arrive to the byte, whatever the layout."""
import random
import socket

import pytest
from scapy.layers.inet import IP, UDP

from vmqtest import frames, procs, rpc, vufront
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


def udp(n, seq, dst='10.0.0.2'):
    """Frame `seq` of flow `n`."""
    return bytes(Ether(dst=B, src=A) / IP(src='10.0.0.1', dst=dst) / UDP(sport=1000 + n, dport=9) / seq.to_bytes(4, 'big') / bytes(20))


def sort_flows(b, count, got=None):
    """{queue pair: [(flow, seq)…]} of `count` frames."""
    got = got or {}

    def all_there():
        for pair, q in enumerate(b.queues[::2]):
            for f in b.received(q):
                p = Ether(f)[UDP]
                got.setdefault(pair, []).append((p.sport - 1000, int.from_bytes(bytes(p.payload)[:4], 'big')))
        return sum(map(len, got.values())) >= count
    procs.wait_for(all_there, 10, f'{count} frames')
    return got


def check_flows(got, flows, each):
    """Every frame came once, a flow's by one pair and in order."""
    seen = {}
    for pair, came in got.items():
        for n, seq in came:
            seen.setdefault(n, {}).setdefault(pair, []).append(seq)
    assert seen == {n: {next(iter(seen[n])): list(range(each))} for n in range(flows)}


@pytest.mark.parametrize('given,used', [(2, 2), (4, 4), (4, 2), (4, 3), (16, 5)])
def test_queue_pairs_are_spread(lab, given, used):
    """Without being told, flows go to the queue pairs that the guest enables, by their hash: each flow to one, in order; also
    when there are more pairs than workers."""
    x = lab(vports=[{'name': 'a', 'mac': A}, {'name': 'b', 'mac': B, 'queue_pairs': given}])
    cpus = [q['cpu'] for q in x.vmqd.call('queue.show', vport='b')['queues']]
    workers = len(x.vmqd.call('stats.show')['workers'])
    assert len(set(cpus[:used])) == min(used, workers) and cpus == (cpus[:workers] * given)[:given]
    a = x.vm('a')
    b = x.vm('b', pairs=used)
    for seq in range(4):
        a.send([udp(n, seq) for n in range(48)])
        a.sent()
    got = sort_flows(b, 192)
    check_flows(got, 48, 4)
    assert set(got) == set(range(used))
    assert min(map(len, got.values())) * used * 4 > 192, 'not evenly'


def test_rss_by_hand(lab):
    x = lab(vports=[{'name': 'a', 'mac': A}, {'name': 'b', 'mac': B, 'queue_pairs': 2},
                    {'name': 'c', 'mac': '52:54:00:00:00:03', 'queue_pairs': 4, 'rss_hash': 'ipv4,ipv6'},
                    {'name': 'k', 'mac': '52:54:00:00:00:04', 'queue_pairs': 2, 'rss_key': '01' * 40}])
    a, b = x.vm('a'), x.vm('b', pairs=2)
    flows = [udp(n, 0) for n in range(32)]

    def pairs():
        a.send(flows)
        return {pair: len(f) for pair, f in sort_flows(b, len(flows)).items()}
    assert set(pairs()) == {0, 1}
    assert x.vmqd.call('vport.set', name='b', rss=False)['rss'] is False
    assert pairs() == {0: 32}
    x.vmqd.call('vport.set', name='b', rss=True)
    before = pairs()
    assert set(before) == {0, 1}
    # another key, another place for some flows
    k = x.vm('k', pairs=2)
    a.send([bytes.fromhex('525400000004') + f[6:] for f in flows])
    assert {pair: len(f) for pair, f in sort_flows(k, len(flows)).items()} != before
    # off and on again, the same place
    x.vmqd.call('vport.set', name='b', rss=False)
    x.vmqd.call('vport.set', name='b', rss=True)
    assert pairs() == before
    # both pairs on one CPU, and back
    one = x.cpus[-1]
    v = x.vmqd.call('vport.set', name='b', rss_cpus=str(one))
    assert (v['rss_cpus'], v['cpu']) == (str(one), one)
    assert [q['cpu'] for q in x.vmqd.call('queue.show', vport='b')['queues']] == [one, one]
    assert set(pairs()) == {0, 1}
    v = x.vmqd.call('vport.set', name='b', rss_cpus='auto')
    assert 'rss_cpus' not in v and v['cpu_auto'] is True
    assert {q['cpu'] for q in x.vmqd.call('queue.show', vport='b')['queues']} == set(x.cpus[:2])
    # by addresses alone the flows of two stations are one
    c = x.vm('c', pairs=4)
    to_c = [bytes.fromhex('525400000003') + f[6:] for f in flows]
    a.send(to_c)
    assert len(sort_flows(c, 32)) == 1
    document = x.vmqd.call('migrate.export', name='c')
    assert (document['rss'], document['rss_hash']) == (True, 'ipv4,ipv6')


def test_rss_changes_under_traffic(lab):
    """No frame is lost or doubled while it is switched and moved; between two changes a flow's frames stay in order."""
    x = lab(vports=[{'name': 'a', 'mac': A}, {'name': 'b', 'mac': B, 'queue_pairs': 4}])
    a, b = x.vm('a'), x.vm('b', pairs=4)
    changes = [{'rss': False}, {'rss': True}, {'rss_cpus': str(x.cpus[0])}, {'rss_cpus': 'auto'},
               {'cpu': x.cpus[-1]}, {'rss_cpus': str(x.cpus[-1])}, {'rss_cpus': 'auto'}]
    for change in changes * 3:
        a.send([udp(n, 0) for n in range(24)])
        x.vmqd.call('vport.set', name='b', **change)
        a.send([udp(n, 1) for n in range(24)])
        got = sort_flows(b, 48)
        assert sorted(f for came in got.values() for f in came) == sorted((n, s) for n in range(24) for s in (0, 1))
        a.send([udp(n, seq) for seq in range(2) for n in range(24)])
        check_flows(sort_flows(b, 48), 24, 2)


def test_rss_refused(lab):
    x = lab(vports=[{'name': 'b', 'mac': B, 'queue_pairs': 2}, {'name': 'f', 'mac': A, 'function': 'vf', 'queue_pairs': 2}])
    before = x.vmqd.vport('b')

    def refused(field, words, name='b', **params):
        with pytest.raises(rpc.RpcError) as e:
            x.vmqd.call('vport.set', name=name, **params)
        assert e.value.field == field and words in str(e.value), (params, e.value)
    for cpus in ('', 'x', '0,,1', '1-', '99999', '-1', 'all'):
        refused('rss_cpus', '', rss_cpus=cpus)
    refused('rss_cpus', 'no worker', rss_cpus='1000', moderation='low')
    for hashes in ('', 'tcp', 'ipv4,', ',ipv4', 'IPV4', 'ipv4 tcp4'):
        refused('rss_hash', '', rss_hash=hashes)
    for key in ('', '00', 'x' * 80, '00' * 41):
        refused('rss_key', '', rss_key=key)
    refused('rss_hash', 'for its life', rss_hash='ipv4', moderation='low')
    refused('rss_key', 'for its life', rss_key='01' * 40, moderation='low')
    x.vmqd.call('vport.set', name='b', rss=False)
    refused('rss_hash', 'for its life', rss_hash='ipv4', rss=True)
    refused('rss_hash', 'for its life', rss_hash='ipv4')
    refused('rss_key', 'for its life', rss_key='01' * 40)
    assert x.vmqd.vport('b')['rss'] is False and not {'rss_hash', 'rss_key'} & set(x.vmqd.vport('b'))
    x.vmqd.call('vport.set', name='b', rss=True)
    refused('rss', 'guest', name='f', rss=False)
    if len(x.cpus) > 1:
        x.vmqd.call('vport.set', name='b', rss_cpus=str(x.cpus[0]))
        refused('cpu', 'not among rss_cpus', cpu=x.cpus[1])
        x.vmqd.call('vport.set', name='b', rss_cpus='auto', cpu='auto')
    assert x.vmqd.vport('b')['moderation'] == before['moderation']


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
