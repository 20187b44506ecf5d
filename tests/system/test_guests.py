# SPDX-License-Identifier: BSD-3-Clause
"""Two real Linux guests under QEMU: they talk, they reboot, their driver goes and comes, and the other one never notices."""
import socket
import threading

import pytest

from vmqtest import frames, netns, procs, transfer
from vmqtest.guest import Guest, Nic

MAC1, MAC2 = '52:54:00:00:01:01', '52:54:00:00:01:02'
SIZE = 8 << 20


@pytest.fixture
def two(lab):
    """VM1 untagged, VM2 in VLAN 100, the far end in both; VM1's second device is in VLAN 100 too."""
    second = '52:54:00:00:01:11'
    x = lab(vports=[{'name': 'vm1', 'mac': MAC1}, {'name': 'vm2', 'mac': MAC2, 'vlan': 100},
                    {'name': 'vm1b', 'mac': second, 'vlan': 100}], driver='auto')
    x.far.run('ip', 'addr', 'add', '10.77.0.254/24', 'dev', 'w0')
    x.far.run('ip', 'addr', 'add', '10.77.100.254/24', 'dev', netns.vlan(x.far, 'w0', 100))
    p = x.vmqd.path
    x.vm1 = Guest('vm1', [Nic(p('vm1'), MAC1, '10.77.0.1/24'), Nic(p('vm1b'), second, '10.77.100.1/24')], wait=False)
    x.vm2 = Guest('vm2', [Nic(p('vm2'), MAC2, '10.77.100.2/24')], memory='128M', hotplug=16, wait=False)
    x.vm1.wait_ready()
    x.vm2.wait_ready()
    x.vmqd.wait_running('vm1', 'vm2', 'vm1b')
    yield x
    x.vm1.stop()
    x.vm2.stop()


def ping(x, address, count=3):
    return x.far.run('ping', '-q', '-c', str(count), '-i', '0.2', '-W', '3', address)


def nothing_stray(x):
    for g in (x.vm1, x.vm2):
        count, last = g.stray()
        assert count == 0, f'{g.name} was given {count} frames that are not for it, the last: {last}'


def test_ping_and_tcp_every_way(two):
    ping(two, '10.77.0.1')
    ping(two, '10.77.100.2')
    two.vm1.sh('ping -c 3 -i 0.2 10.77.100.2')
    transfer.from_netns(two.far, two.vm1, '10.77.0.1', SIZE).finish()
    transfer.from_netns(two.far, two.vm2, '10.77.100.2', SIZE).finish()
    transfer.to_netns(two.vm1, two.far, '10.77.0.254', SIZE).finish()
    transfer.to_netns(two.vm2, two.far, '10.77.100.254', SIZE).finish()
    transfer.between(two.vm1, two.vm2, '10.77.100.2', SIZE).finish()
    transfer.between(two.vm2, two.vm1, '10.77.100.1', SIZE).finish()
    nothing_stray(two)
    for name, guest, dev in (('vm1', two.vm1, 'eth0'), ('vm1b', two.vm1, 'eth1'), ('vm2', two.vm2, 'eth0')):
        procs.soon_equal(lambda: two.vmqd.stats(name)['rx_frames'] - guest.received(dev), 0)


def test_a_guest_whose_memory_is_not_shared_is_told_apart(lab):
    """The commonest mistake: a memory backend without share=on. The rings lie in memory that only QEMU has."""
    x = lab(vports=[{'name': 'vm1', 'mac': MAC1}])
    g = Guest('vm1', [Nic(x.vmqd.path('vm1'), MAC1, '10.77.0.1/24')], share='off', wait=False)
    g.wait_ready()
    v = procs.wait_for(lambda: (lambda v: v if 'share=on' in v.get('waits_for', '') else None)(x.vmqd.vport('vm1')), 60,
                       'a VPort that says what its VM lacks')
    assert v['status'] in ('connected', 'running')
    g.stop()


def test_reboot_under_traffic(two):
    """vm1 reboots while the wire sends to it; vm2's transfer meanwhile is whole, vm1 is back afterwards."""
    stop = threading.Event()

    def flood():
        n = 0
        while not stop.wait(0.001):
            two.wire.send(frames.frame(MAC1, '52:54:00:00:0f:01', n, size=500))
            n += 1
    t = threading.Thread(target=flood)
    t.start()
    try:
        moving = transfer.to_netns(two.vm2, two.far, '10.77.100.254', SIZE)
        two.vm1.reset()
        moving.finish()
        two.vmqd.wait_running('vm1', 'vm1b')
        two.vm1.reboot()
        two.vmqd.wait_running('vm1', 'vm1b')
        ping(two, '10.77.0.1')
    finally:
        stop.set()
        t.join()
    transfer.from_netns(two.far, two.vm1, '10.77.0.1', SIZE).finish()
    transfer.between(two.vm1, two.vm2, '10.77.100.2', SIZE).finish()
    nothing_stray(two)


def test_driver_reload_under_traffic(two):
    """The driver leaves and takes the device again and again while frames come for it."""
    dev = two.vm1.sh('basename $(readlink -f /sys/class/net/eth0/device)').strip()
    two.far.sh(f'ip neigh replace 10.77.0.1 lladdr {MAC1} dev w0')
    pinger = two.far.spawn(['ping', '-q', '-i', '0.005', '10.77.0.1'], 'pinger')
    for _ in range(5):
        two.vm1.sh(f'echo {dev} >/sys/bus/virtio/drivers/virtio_net/unbind; sleep 0.2;'
                   f' echo {dev} >/sys/bus/virtio/drivers/virtio_net/bind; ip link set eth0 up; ip addr add 10.77.0.1/24 dev eth0')
        ping(two, '10.77.0.1')
    pinger.stop()
    transfer.from_netns(two.far, two.vm1, '10.77.0.1', SIZE).finish()
    nothing_stray(two)


def test_power_off_and_a_new_vm(two):
    """A VM goes away without a word; its VPort waits and serves the next one."""
    two.vm2.proc.popen.kill()
    two.vm2.stop()
    procs.wait_for(lambda: two.vmqd.vport('vm2')['status'] == 'no VM', 10, 'VPort vm2 without a VM')
    ping(two, '10.77.0.1')
    two.vm2 = Guest('vm2', [Nic(two.vmqd.path('vm2'), MAC2, '10.77.100.2/24')])
    two.vmqd.wait_running('vm2')
    ping(two, '10.77.100.2')


def test_daemon_restart(two):
    """The daemon is killed and started again; QEMU connects anew by itself and traffic goes on."""
    two.vmqd.proc.popen.kill()
    two.vmqd.proc.popen.wait()
    two.vmqd.start()
    two.vmqd.wait_running('vm1', 'vm2', 'vm1b')
    ping(two, '10.77.0.1')
    ping(two, '10.77.100.2')
    transfer.between(two.vm1, two.vm2, '10.77.100.2', SIZE).finish()


def test_live_changes_under_a_transfer(two):
    """CPUs change and other VPorts come and go while TCP runs between the guests; nothing breaks."""
    moving = transfer.between(two.vm1, two.vm2, '10.77.100.2', 2 * SIZE)
    n = 0
    while not moving.done():
        two.vmqd.call('vport.set', name='vm2', cpu=two.cpus[n % len(two.cpus)])
        two.vmqd.call('vport.add', name=f'x{n}', mac=f'52:54:00:00:02:{n % 256:02x}', vlan=100)
        two.vmqd.call('vport.set', name='vm1b', cpu=two.cpus[(n + 1) % len(two.cpus)])
        two.vmqd.call('vport.del', name=f'x{n}')
        n += 1
    moving.finish()
    assert n > 3
    nothing_stray(two)


def test_memory_plugged_in_under_a_transfer(two):
    """QEMU gives the new memory by ADD_MEM_REG while frames flow; the guest uses it and everything arrives."""
    moving = transfer.from_netns(two.far, two.vm2, '10.77.100.2', 4 * SIZE)
    for n in range(12):
        two.vm2.add_memory(str(n), 128 << 20)
    moving.finish()
    procs.wait_for(lambda: 'offline' not in two.vm2.sh(
        'for m in /sys/devices/system/memory/memory*/state; do grep -q offline $m && echo online >$m; done;'
        ' cat /sys/devices/system/memory/memory*/state'), 30, 'the new memory in use', step=0.2)
    total = int(two.vm2.sh('grep MemTotal /proc/meminfo').split()[1])
    assert total > 1 << 20, f'the guest has {total} KiB'
    # Data from all over the new memory: the file lies in it, the network's buffers come from it.
    transfer.to_netns(two.vm2, two.far, '10.77.100.254', 32 << 20).finish()
    transfer.between(two.vm1, two.vm2, '10.77.100.2', SIZE).finish()
    nothing_stray(two)


DEVICES = {
    'plain': '',
    'before virtio 1.0': ',disable-modern=on',
    'no mergeable buffers': ',mrg_rxbuf=off',
    'no event index': ',event_idx=off',
    'no indirect tables': ',indirect_desc=off',
    'none of them': ',disable-modern=on,mrg_rxbuf=off,event_idx=off,indirect_desc=off,any_layout=off',
    'rings of 1024': ',rx_queue_size=1024,tx_queue_size=1024',
}


def test_every_kind_of_device(lab):
    """One guest with a device of each kind: Linux' own driver with everything a device may lack."""
    macs = [f'52:54:00:00:03:{i:02x}' for i in range(len(DEVICES))]
    x = lab(vports=[{'name': f'n{i}', 'mac': m} for i, m in enumerate(macs)], driver='auto')
    for i in range(len(macs)):
        x.far.run('ip', 'addr', 'add', f'10.78.{i}.254/24', 'dev', 'w0')
    g = Guest('many', [Nic(x.vmqd.path(f'n{i}'), m, f'10.78.{i}.1/24', options=o)
                       for i, (m, o) in enumerate(zip(macs, DEVICES.values()))])
    # Each address answers on its own device only.
    g.sh('echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore; echo 2 >/proc/sys/net/ipv4/conf/all/arp_announce')
    x.vmqd.wait_running(*(f'n{i}' for i in range(len(macs))))
    offered = {}
    for i, kind in enumerate(DEVICES):
        ping(x, f'10.78.{i}.1', count=2)
        transfer.from_netns(x.far, g, f'10.78.{i}.1', 2 << 20).finish()
        transfer.to_netns(g, x.far, f'10.78.{i}.254', 2 << 20).finish()
        offered[kind] = set(x.vmqd.vport(f'n{i}')['features'])
        assert x.vmqd.stats(f'n{i}')['tx_bytes'] > 2 << 20, kind
    assert 'VERSION_1' in offered['plain'] and 'VERSION_1' not in offered['before virtio 1.0']
    assert 'MRG_RXBUF' in offered['plain'] and 'MRG_RXBUF' not in offered['no mergeable buffers']
    g.stop()


def test_several_queues(lab):
    """A guest with two processors enables two of its four queue pairs: both are served, and what comes is spread over them."""
    x = lab(vports=[{'name': 'vm', 'mac': MAC1, 'queue_pairs': 4}], driver='auto')
    x.far.run('ip', 'addr', 'add', '10.77.0.254/24', 'dev', 'w0')
    g = Guest('smp', [Nic(x.vmqd.path('vm'), MAC1, '10.77.0.1/24', queues=4)], cpus=2)
    x.vmqd.wait_running('vm')
    assert 'MQ' in x.vmqd.vport('vm')['features']
    ping(x, '10.77.0.1')
    transfer.from_netns(x.far, g, '10.77.0.1', SIZE).finish()
    transfer.to_netns(g, x.far, '10.77.0.254', SIZE).finish()
    # Frames sent from each processor leave by its own queue: an answer comes only when that queue is served.
    for cpu in ('1', '2'):
        g.sh(f'taskset {cpu} ping -c 20 -i 0.01 10.77.0.254')
    before = x.vmqd.call('queue.show', vport='vm')['queues']
    with x.far.entered():
        for _ in range(64):  # a port each
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.sendto(b'x' * 100, ('10.77.0.1', 9))
    def came():
        now = x.vmqd.call('queue.show', vport='vm')['queues']
        return [q['rx_frames'] - p['rx_frames'] for p, q in zip(before, now)]
    procs.wait_for(lambda: sum(came()) >= 64, 10, '64 frames')
    assert min(came()[:2]) > 8 and came()[2:] == [0, 0]
    assert x.vmqd.stats('vm')['drops']['rx_not_connected'] == 0
    g.stop()
