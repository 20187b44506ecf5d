# SPDX-License-Identifier: BSD-3-Clause
"""vmqd is killed or ended under its VMs, started again, and they notice nothing: with a service manager that keeps
descriptors, and by a new connection."""
import os
import time

import pytest

from vmqtest import daemon, guest, procs, supervisor, transfer, vufront
from vmqtest.frames import frame

A, B = '52:54:00:00:00:01', '52:54:00:00:00:02'
VPORTS = [{'name': 'a', 'mac': A}, {'name': 'b', 'mac': B}]


@pytest.fixture
def kept(lab):
    s = supervisor.Supervisor()
    x = lab(vports=[dict(v, cpu=c) for v, c in zip(VPORTS, daemon.cpus() * 2)], supervisor=s)
    yield x, s


def exchange(a, b, n=20, tag=0):
    """n frames there, n back, each exactly once and in order."""
    for x, y, dst, src in ((a, b, B, A), (b, a, A, B)):
        sent = [frame(dst, src, seq=tag * 1000 + i) for i in range(n)]
        x.send(sent)
        got = y.recv(n, timeout=30)
        assert got == sent


def again(x, how='kill'):
    x.vmqd.kill() if how == 'kill' else x.vmqd.stop()
    x.vmqd.start()
    x.vmqd.wait_running('a', 'b', timeout=30)


@pytest.mark.parametrize('how', ['kill', 'stop'])
def test_sessions_go_on(kept, how):
    """The front-ends' connections stay open, nothing is said on them, and the rings go on where they were."""
    x, s = kept
    a, b = x.plug('a', 'b')
    exchange(a, b)
    before = {n: x.vmqd.vport(n) for n in 'ab'}
    for i in range(3):
        again(x, how)
        exchange(a, b, tag=i)
        for n in 'ab':
            assert x.vmqd.vport(n)['features'] == before[n]['features']
            assert x.vmqd.vport(n)['id'] == before[n]['id']
    # the connection is whole: what the front-end says now is heard
    assert a.stop() and b.stop()


def test_what_waits_in_the_rings_is_not_lost(kept):
    """Frames that a VM posts while nobody serves its ring are sent when somebody does."""
    x, s = kept
    a, b = x.plug('a', 'b')
    exchange(a, b)
    x.vmqd.kill()
    waiting = [frame(B, A, seq=i) for i in range(50)]
    a.send(waiting)
    x.vmqd.start()
    assert b.recv(50, timeout=30) == waiting
    exchange(a, b)


def test_killed_under_traffic(kept):
    """Each descriptor comes back exactly once (VuFront fails on one it did not give), none is kept, no frame arrives twice."""
    x, s = kept
    a, b = x.plug('a', 'b')
    plain, got, number = frame(B, A), [], 0
    for _ in range(6):
        end = time.monotonic() + 0.3
        killed = False
        while time.monotonic() < end + 0.1:
            burst = [plain[:14] + (number + i).to_bytes(4, 'big') + plain[18:] for i in range(32)]
            if len(a.tx.free) < 32:
                a._reclaim(a.tx)
            if len(a.tx.free) >= 32:
                a.send(burst)
                number += 32
            got += b.received()
            if not killed and time.monotonic() > end:
                killed = True
                x.vmqd.kill()
        x.vmqd.start()
        procs.wait_for(lambda: got.extend(b.received()) or a._reclaim(a.tx) or len(a.tx.free) == a.ring, 30,
                       'all transmit descriptors given back')
    got += b.drain()
    numbers = [int.from_bytes(f[14:18], 'big') for f in got]
    assert len(numbers) == len(set(numbers)), 'a frame arrived twice'
    assert numbers == sorted(numbers)
    lost = number - len(numbers)
    print(f'{number} frames sent, {lost} lost in 6 kills: in hand, or b was too slow')
    assert numbers
    exchange(a, b)


@pytest.mark.parametrize('driver', ['packet', 'auto'])
def test_ports_go_on(lab, driver):
    """The host's device stays, and what the host and (AF_PACKET) the wire send while nobody serves waits."""
    s = supervisor.Supervisor()
    x = lab(vports=VPORTS, supervisor=s, driver=driver)
    waits = x.switch()['port']['driver'] == 'packet'
    a, b = x.plug('a', 'b')
    x.host_ns.run('ip', 'addr', 'add', '10.99.0.1/24', 'dev', 'vmq0')
    device = x.host_ns.run('ip', '-o', 'addr', 'show', 'dev', 'vmq0')
    names = s.names()
    for i in range(3):
        x.vmqd.kill()
        from_host = [frame(A, B, seq=100 * i + k) for k in range(5)]
        from_wire = [frame(B, A, seq=100 * i + k) for k in range(5)]
        for f in from_host:
            x.host.send(f)
        for f in from_wire if waits else ():
            x.wire.send(f)
        x.vmqd.start()
        assert a.recv(5, timeout=30) == from_host
        if not waits:
            x.vmqd.wait_running('a', 'b', timeout=30)
            for f in from_wire:
                x.wire.send(f)
        assert b.recv(5, timeout=30) == from_wire
        x.wire.pending()
        a.send(frame('52:54:00:00:0f:01', A, seq=i))
        assert [f for f in [x.wire.recv(10)]] == [frame('52:54:00:00:0f:01', A, seq=i)]
    assert x.host_ns.run('ip', '-o', 'addr', 'show', 'dev', 'vmq0') == device
    procs.wait_for(lambda: s.settle() or s.names() == names, 30, 'the store as before')


def test_what_is_gone_is_given_up(kept):
    x, s = kept
    a, b = x.plug('a', 'b')
    x.vmqd.call('vport.add', name='c')
    s.settle()
    assert [n for n in s.names() if n.startswith('listen') and n.endswith('/c.sock')]
    assert len([n for n in s.names() if n.startswith('conn ')]) == 2
    b.disconnect()
    procs.wait_for(lambda: not x.vmqd.vport('b')['connected'], 30)
    x.vmqd.call('vport.del', name='c')
    s.settle()
    names = s.names()
    assert not [n for n in names if n.endswith('/c.sock')]
    assert [n for n in names if n.endswith('/b.sock')] == [n for n in names if n.startswith(('listen', 'session')) and '/b.sock' in n]
    again_names = [n for n in names if n.endswith('/a.sock')]
    assert len(again_names) == 2 + 1 + 6  # listen, session, conn, and three descriptors for each ring
    x.vmqd.kill()
    x.vmqd.start()
    x.vmqd.wait_running('a', timeout=30)
    procs.wait_for(lambda: s.settle() or s.names() == names, 30, 'the store as before')


def test_a_session_that_cannot_be_gone_on_with(kept):
    """A descriptor is missing: the connection is closed, the front-end connects again, all is well."""
    x, s = kept
    a, b = x.plug('a', 'b')
    exchange(a, b)
    s.settle()
    x.vmqd.kill()
    with s.lock:
        for n, fd in [y for y in s.store if y[0].startswith('call0 ') and y[0].endswith('/a.sock')]:
            s.store.remove((n, fd))
            os.close(fd)
    x.vmqd.start()
    assert 'cannot be gone on with' in x.vmqd.proc.log()  or procs.wait_for(
        lambda: 'cannot be gone on with' in x.vmqd.proc.log(), 30)
    a.reconnect()
    x.vmqd.wait_running('a', 'b', timeout=30)
    b.drain()
    exchange(a, b)


def test_more_than_can_be_kept(lab):
    """Names of descriptors go to the next process in one string, and the kernel starts none with more than 128 KiB of it: it
    starts all the same, the sessions that were kept go on, and VMs whose were not connect again."""
    s = supervisor.Supervisor()
    names = [f'{n:02}'.ljust(60, 'x') for n in range(20)]
    x = lab(vports=[{'name': n, 'queue_pairs': 16, 'mac': f'52:54:00:00:01:{i:02x}'} for i, n in enumerate(names)], supervisor=s)
    vms = [vufront.VuFront(x.vmqd.path(n), pairs=16, ring=4) for n in names]
    x.vmqd.wait_running(*names)
    s.settle()
    assert 120_000 < sum(len(n) + 1 for n in s.names()) < 131_072
    assert 'has no room for more names' in x.vmqd.proc.log(100000)
    x.vmqd.kill()
    x.vmqd.start()
    x.vmqd.wait_running(names[0], timeout=30)
    vms[-1].reconnect()
    x.vmqd.wait_running(names[-1], timeout=30)
    f = frame('52:54:00:00:01:13', '52:54:00:00:01:00')
    vms[0].send([f])
    procs.wait_for(lambda: f in [g for q in vms[-1].queues[::2] for g in vms[-1].received(q)], 30, 'the frame')
    assert 'cannot be gone on with' in x.vmqd.proc.log(100000)


def test_by_a_new_connection(lab):
    """Without a keeper: the front-end connects again and goes on at its rings' used indexes."""
    x = lab(vports=VPORTS)
    a, b = x.plug('a', 'b')
    exchange(a, b)
    for v in (a, b):
        v.sent()  # what is between two CPUs at the kill is sent again: nobody kept what was in hand
    x.vmqd.kill()
    x.vmqd.start()
    for v in (a, b):
        v.disconnect()
        v.connect()
        v.start(bases=[q.used16[1] for q in v.queues], post=False)
    x.vmqd.wait_running('a', 'b', timeout=30)
    exchange(a, b)


def traffic(a, address):
    """Pings without end, in the guest; how many answers came is in its log."""
    a.sh(f'ping -i 0.2 {address} > /run/ping.log 2>&1 & echo $! > /run/ping.pid')


def answers(a):
    return int(a.sh("grep -c 'bytes from' /run/ping.log || true").strip() or 0)


@pytest.mark.parametrize('keeper', [True, False])
def test_real_guests(lab, keeper):
    """QEMU and Linux under traffic; vmqd killed: with a keeper QEMU's connection stays, without it QEMU connects again (a), or
    waits for vmqd to (b)."""
    s = supervisor.Supervisor() if keeper else None
    x = lab(vports=[VPORTS[0], dict(VPORTS[1], socket_mode='client')], supervisor=s)
    guests = [guest.Guest(f'g{n}', [guest.Nic(x.vmqd.path(n), m, ip=f'10.9.0.{i}/24', listen=n == 'b')])
              for i, (n, m) in enumerate((('a', A), ('b', B)), 1)]
    x.vmqd.wait_running('a', 'b', timeout=60)
    a = guests[0]
    traffic(a, '10.9.0.2')
    procs.wait_for(lambda: answers(a) > 5, 60, 'answers')
    for sender, receiver, address in ((*guests, '10.9.0.2'), (*guests[::-1], '10.9.0.1')):
        moving = transfer.between(sender, receiver, address, 4 << 20)
        begun = x.vmqd.stats('b')['rx_frames'] + 200
        procs.wait_for(lambda: x.vmqd.stats('b')['rx_frames'] > begun, 60, 'the transfer under way')
        x.vmqd.kill()
        x.vmqd.start()
        x.vmqd.wait_running('a', 'b', timeout=60)
        moving.finish()  # and nothing was changed on the way
        before = answers(a)
        procs.wait_for(lambda: answers(a) > before + 5, 60, 'answers after the restart')
    log = x.vmqd.proc.log(100000)
    assert 'cannot be gone on with' not in log
    for g in guests:
        g.stop()
