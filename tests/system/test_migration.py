# SPDX-License-Identifier: BSD-3-Clause
"""Live migration of real guests between two vmqd: nothing is changed, nothing is delivered where the VM is no more, and
the network learns where it went."""
import fcntl
import json
import socket
import struct
import termios

import pytest

from vmqtest import frames, migration, netns, procs, supervisor, transfer

MAC, ADDRESS, CLIENT = '52:54:00:00:03:01', '10.77.0.1', '10.77.0.254'
# What a socket keeps that nobody reads; each piece fills its buffer, so that the driver has no room to write beside it.
_BURST, _PIECE = 30, 1440
NIC = {'ip': ADDRESS + '/24'}


@pytest.fixture
def net():
    n = migration.Network()
    n.client.run('ip', 'addr', 'add', CLIENT + '/24', 'dev', 'w0')
    n.hosts = []

    def host(*args, **kw):
        n.hosts.append(migration.Host(n, *args, **kw))
        return n.hosts[-1]
    n.host = host
    yield n
    for h in n.hosts:
        assert h.vmqd.proc.alive(), f'vmqd of {h.name} ended with status {h.vmqd.proc.popen.returncode}'
        assert h.vmqd.stop() == 0


def leave(host, vm):
    """The VM is gone from this host: whatever comes for it is dropped and counted, nothing is delivered; then its QEMU
    ends and its VPort is deleted. Returns what was delivered here in all."""
    before = host.vmqd.stats(vm)
    for n in range(50):
        host.side_door.send(frames.frame(MAC, '52:54:00:00:0f:01', n))
    dropped = before['drops']['rx_not_connected'] + 50
    procs.wait_for(lambda: host.vmqd.stats(vm)['drops']['rx_not_connected'] >= dropped, 10,
                   'the frames for the VM that left')
    assert host.vmqd.stats(vm)['rx_frames'] == before['rx_frames']
    return before['rx_frames']


def test_there_and_back_and_there_again(net):
    a = net.host('a', [{'name': 'vm', 'mac': MAC, 'moderation': 'low', 'source_check': True}])
    b = net.host('b')
    vm = a.guest('vm', MAC, **NIC)
    a.vmqd.wait_running('vm')
    net.client.run('ping', '-q', '-c', '3', '-i', '0.2', '-W', '3', ADDRESS)
    ping = migration.Ping(net.client, ADDRESS)
    inward = migration.StreamIn(net.client, vm, ADDRESS)
    outward = migration.StreamOut(net.client, vm, CLIENT)
    for source, target in ((a, b), (b, a), (a, b)):
        document = source.vmqd.call('migrate.export', name='vm')
        assert target.vmqd.call('migrate.check', vport=document) == {'fits': True, 'lacks': []}
        target.vmqd.call('migrate.import', vport=document)
        arrived = migration.begin(vm, target, 'vm', MAC, **NIC)
        assert target.vmqd.vport('vm')['state'] == 'deactivated'
        account = migration.arrive(vm, arrived)
        target.vmqd.wait_running('vm')
        assert target.vmqd.vport('vm')['state'] == 'activated'
        delivered = leave(source, 'vm')
        vm.qmp('quit')
        vm.stop()
        assert source.vmqd.stats('vm')['rx_frames'] == delivered
        source.vmqd.call('vport.del', name='vm')
        vm = arrived
        print(f'{source.name} to {target.name}: downtime {account["downtime"]} ms, in all {account["total-time"]} ms')
        assert vm.sh('echo here') == 'here\n'
    print(f'into the VM {inward.stop(vm)} bytes, out of it {outward.stop(vm)} bytes')
    pings = ping.stop()
    print(f'ping: {pings}')
    assert pings['received'] > 100
    assert pings['duplicates'] == 0
    assert {k: v for k, v in b.vmqd.call('migrate.export', name='vm').items()} == document
    assert a.vmqd.call('filter.show')['filters'] == []
    count, last = vm.stray()
    assert count == 0, f'the VM was given {count} frames that are not for it, the last: {last}'
    vm.stop()


def rarp(mac):
    raw = bytes.fromhex(mac.replace(':', ''))
    head = b'\xff' * 6 + raw + struct.pack('!HHHBBH', 0x8035, 1, 0x0800, 6, 4, 3)
    return (head + raw + bytes(4) + raw + bytes(4)).ljust(60, b'\0')


def test_announced_for_a_guest_that_does_not_do_it(net):
    """The frame is the VM's own as far as the switch goes: it leaves in the VM's VLAN, and passes the source check."""
    vports = [{'name': 'vm', 'mac': MAC, 'vlan': 100, 'source_check': True}]
    a, b = net.host('a', vports), net.host('b', vports)
    vm = a.guest('vm', MAC, options=',guest_announce=off')
    a.vmqd.wait_running('vm')
    monitor = b.vmqd.connect()
    monitor.call('monitor.start')
    wire = netns.RawPort(net.client, 'w0')
    arrived = migration.begin(vm, b, 'vm', MAC, options=',guest_announce=off')
    migration.arrive(vm, arrived)
    # QEMU asks five times, with pauses of 50, 150, 250 and 350 ms.
    procs.wait_for(lambda: b.vmqd.stats('vm')['announcements'] == 5, 20, 'five announcements', step=0.05)
    seen = [f for f in wire.drain() if frames.untagged(f)[12:14] == b'\x80\x35']
    assert [frames.tag_of(f) for f in seen] == [(100, 0)] * 5
    assert {frames.untagged(f) for f in seen} == {rarp(MAC)}
    events = []
    while (e := monitor.event(0.5)) is not None:
        events.append(e)
    told = [e for e in events if e['event'] == 'vm_announced']
    assert [(e['vport'], e['mac']) for e in told] == [('vm', MAC)] * 5
    assert a.vmqd.stats('vm')['announcements'] == 0
    vm.stop()
    arrived.stop()


ENDED = ('completed', 'failed', 'cancelled')
KILLED = ['source', 'target'] # whose vmqd dies while the memory is copied; it is back before the switch-over


def test_vmqd_killed_during_a_migration(net):
    """Either the VM arrives or it goes on where it was; in both cases with its memory as it was, its connections alive, and a
    network. A writer keeps each migration in its later passes until the kill."""
    vports = [{'name': 'vm', 'mac': MAC}]
    source, target = net.host('a', vports), net.host('b', vports)
    vm = source.guest('vm', MAC, **NIC)
    source.vmqd.wait_running('vm')
    vm.sh('head -c 16M /dev/urandom >/tmp/still; md5sum /tmp/still >/tmp/still.md5; head -c 2M /dev/urandom >/tmp/r;'
          ' (while :; do dd if=/tmp/r of=/tmp/z bs=64k conv=notrunc; done) >/dev/null 2>&1 &')
    inward = migration.StreamIn(net.client, vm, ADDRESS)
    for who in KILLED:
        victim = source if who == 'source' else target
        arrived = migration.begin(vm, target, 'vm', MAC, limits={'max-bandwidth': 20 * 10**6, 'downtime-limit': 1}, hold=True,
                                  **NIC)
        migration.wait_passes(vm, 2)
        victim.vmqd.kill()
        victim.vmqd.start()
        # That the VM's device stops for a moment may be what brings the migration to the switch-over, where it is held: without
        # vmqd there QEMU would leave the VM without network.
        def state():
            return vm.qmp('query-migrate')['status']
        procs.wait_for(lambda: victim.vmqd.vport('vm')['connected'] or state() in ENDED, 60,
                       'QEMU to connect again, or the end of the migration')
        vm.qmp('migrate-set-parameters', **{'max-bandwidth': 10**9, 'downtime-limit': 1000})
        procs.wait_for(lambda: state() in ('pre-switchover', *ENDED), 60, 'the switch-over, or the end of the migration')
        if state() == 'pre-switchover':
            migration.switch_over(vm)
        moved = True
        try:
            migration.arrive(vm, arrived)
        except RuntimeError as e:
            print(f"{who}'s vmqd killed: {e}")
            moved = False
        if moved:
            vm.qmp('quit')
            vm.stop()
            vm, source, target = arrived, target, source
        else:
            arrived.stop()
            assert vm.qmp('query-status')['running']
        source.vmqd.wait_running('vm', timeout=60)
        vm.sh('md5sum -c /tmp/still.md5')
        net.client.run('ping', '-q', '-c', '2', '-i', '0.2', '-W', '20', ADDRESS)
        print(f"{who}'s vmqd killed: the VM is at {source.name}")
    print(f'into the VM {inward.stop(vm)} bytes')
    assert not vm.sh('dmesg | grep -i -e BUG: -e oops -e "general protection" || true')
    vm.stop()


MODES = ['server', 'client'] # who makes the connection: QEMU, vmqd


def gone_at_the_switch_over(net, mode, victims, supervisors):
    """A VM on its way from host a to host b, without the victims' vmqd from just before b's QEMU starts the device; b's QEMU."""
    vports = [{'name': 'vm', 'mac': MAC, 'socket_mode': mode}]
    a, b = (net.host(n, vports, supervisor=s) for n, s in zip('ab', supervisors))
    nic = dict(NIC, listen=mode == 'client')
    vm = a.guest('vm', MAC, **nic)
    a.vmqd.wait_running('vm')
    inward = migration.StreamIn(net.client, vm, ADDRESS)
    arrived = migration.begin(vm, b, 'vm', MAC, pause=True, limits={'max-bandwidth': 10**9, 'downtime-limit': 1000}, **nic)
    procs.wait_for(lambda: b.vmqd.vport('vm')['connected'], 20, 'the waiting QEMU connected')
    for host in (a, b):
        if host.name in victims:
            host.vmqd.kill()
    return vm, arrived, inward, nic


def reachable(net):
    procs.wait_for(lambda: ' 1 received' in net.client.run('ping', '-q', '-c', '1', '-W', '1', ADDRESS, check=False), 30,
                   'an answer of the VM')


@pytest.mark.parametrize('mode', MODES)
def test_no_vmqd_at_the_switch_over_but_a_keeper(net, mode):
    """As the service runs it: QEMU waits for the next vmqd, and the VM knows nothing of it."""
    supervisors = [supervisor.Supervisor() for _ in 'ab']
    vm, arrived, inward, _ = gone_at_the_switch_over(net, mode, 'ab', supervisors)
    migration.switch_over(vm)
    procs.wait_for(lambda: supervisors[1].unread() > 0, 30, "the target's QEMU to wait for an answer")
    for host in net.hosts:
        host.vmqd.start()
    migration.arrive(vm, arrived)
    net.hosts[1].vmqd.wait_running('vm')
    reachable(net)
    print(f'into the VM {inward.stop(arrived)} bytes')
    vm.stop()
    arrived.stop()


def test_no_vmqd_at_the_source_at_the_switch_over(net):
    """Without a keeper QEMU 7.2 takes the VM's link down when its connection ends, and the VM arrives so. Whoever puts the link
    up again, and has the VM announced, brings the network back, with its connections."""
    vm, arrived, inward, _ = gone_at_the_switch_over(net, 'server', 'a', (None, None))
    procs.wait_for(lambda: migration.has_lost(vm), 20, 'QEMU to see that vmqd is gone')
    migration.switch_over(vm)
    migration.arrive(vm, arrived)
    net.hosts[0].vmqd.start()
    there = net.hosts[1].vmqd
    assert arrived.sh('cat /sys/class/net/eth0/carrier') == '0\n'
    assert there.vport('vm')['status'] == 'connected'
    assert 'features' in there.vport('vm')['waits_for']
    arrived.qmp('set_link', name='n0', up=True)
    there.wait_running('vm')
    arrived.qmp('announce-self', initial=50, max=550, rounds=5, step=50)
    reachable(net)
    print(f'into the VM {inward.stop(arrived)} bytes')
    vm.stop()
    arrived.stop()


def test_no_vmqd_at_the_target_at_the_switch_over(net):
    """Without a keeper QEMU 7.2 tells the vmqd that comes no features, for its life: the VM has no network, and its link put
    down and up is no help. The doctor sees it. Another QEMU, by a migration further, knows them: and the connections go on."""
    vm, arrived, inward, nic = gone_at_the_switch_over(net, 'client', 'b', (None, None))
    procs.wait_for(lambda: migration.has_lost(arrived), 20, 'QEMU to see that vmqd is gone')
    migration.switch_over(vm)
    migration.arrive(vm, arrived)
    a, b = net.hosts
    b.vmqd.start()
    b.vmqd.wait_running('vm')
    for up in (False, True):
        arrived.qmp('set_link', name='n0', up=up)
    b.vmqd.wait_running('vm')
    assert b.vmqd.vport('vm')['features'] == ['PROTOCOL_FEATURES']
    [check] = json.loads(b.vmqd.vmqctl('-j', 'doctor', 'features', check=False)[1])['checks']
    assert [(f['verdict'], 'VPort vm' in f['text'], 'migrate' in f['mend']) for f in check['findings']] == [('warning', True, True)]
    vm.qmp('quit')
    vm.stop()
    back = migration.begin(arrived, a, 'vm', MAC, **nic)
    migration.arrive(arrived, back)
    a.vmqd.wait_running('vm')
    assert 'VERSION_1' in a.vmqd.vport('vm')['features']
    reachable(net)
    print(f'into the VM {inward.stop(back)} bytes')
    arrived.stop()
    back.stop()


def test_every_page_written_is_in_the_log(net):
    """Frames are delivered while the migration is in its later passes, into buffers whose pages were sent already:
    what the log forgets differs in the end. The VM does not run at its target: so the two memories can be compared."""
    vports = [{'name': 'vm', 'mac': MAC}]
    a, b = net.host('a', vports), net.host('b', vports)
    vm = a.guest('vm', MAC, **NIC)
    a.vmqd.wait_running('vm')
    # The receiver stands still: what it is sent stays in the buffers it came in.
    transfer.listen_in_guest(vm, 7003)
    s = net.client.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.connect((ADDRESS, 7003))
    vm.sh('kill -STOP $(pidof nc)')
    # A writer, and a link slower than it, keep the migration from its last pass until the link is fast.
    vm.sh('head -c 2M /dev/urandom >/tmp/r;'
          ' (while :; do dd if=/tmp/r of=/tmp/z bs=64k conv=notrunc; done) >/dev/null 2>&1 &')
    slow = {'max-bandwidth': 25 * 10**6, 'downtime-limit': 1}
    arrived = migration.begin(vm, b, 'vm', MAC, frozen=True, limits=slow, **NIC)
    procs.wait_for(lambda: 0 < vm.qmp('query-migrate').get('ram', {}).get('remaining', 0) < 4 << 20, 60,
                   'the end of the first pass')
    vm.qmp('migrate-set-parameters', **{'max-bandwidth': 2 * 10**6})
    migration.wait_passes(vm, 3)
    for n in range(_BURST):
        s.send(frames.payload(n, _PIECE))
        migration.settle(0.002)
    unacknowledged = struct.Struct('i')
    procs.wait_for(lambda: unacknowledged.unpack(fcntl.ioctl(s, termios.TIOCOUTQ, bytes(4))) == (0,), 40,
                   'the frames delivered')
    # What the driver itself wrote at the time is sent again by then.
    migration.wait_passes(vm, vm.qmp('query-migrate')['ram']['dirty-sync-count'] + 3)
    vm.qmp('migrate-set-parameters', **{'max-bandwidth': 10**9, 'downtime-limit': 1000})
    account = migration.arrive(vm, arrived, frozen=True)
    here, there = migration.memory(vm), migration.memory(arrived)
    differing = migration.differing_pages(here, there)
    assert differing == [], f'{len(differing)} pages differ, the first at {differing[0]:#x}'
    missing = [n for n in range(_BURST) if there.find(frames.payload(n, _PIECE)) < 0]
    assert missing == [], 'frames that are nowhere in the memory that arrived'
    print(f'{account["ram"]["dirty-sync-count"]} passes, downtime {account["downtime"]} ms')
    vm.stop()
    arrived.stop()
