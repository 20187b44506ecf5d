# SPDX-License-Identifier: BSD-3-Clause
"""A domain of libvirt's on a VPort: the README's, with the interface that vmqctl prints for it, booted by libvirt, plugged and
unplugged, and moved to another host."""
import xml.etree.ElementTree as ET

import pytest

import test_docs
from vmqtest import daemon, frames, guest, libvirt, migration, netns, procs, vufront

MAC, NEAR = '52:54:00:00:00:01', '52:54:00:00:00:02'
ADDRESS = '10.77.0.1'
QEMU = 'http://libvirt.org/schemas/domain/qemu/1.0'


def domain(interface):
    """The README's, but for the disk (our guest has a kernel of its own) and what QEMU's emulation takes: it has no KVM, and
    Debian 12's fails with MSI-X on a vhost-user device then, and migrates only odd sizes of memory."""
    [text] = test_docs.blocks('README.md', 'xml')
    d = ET.fromstring(text)
    how = guest.accel()
    d.set('type', 'kvm' if how == 'kvm' else 'qemu')
    d.find('memory').attrib['unit'], d.find('memory').text = 'KiB', '131080'
    os = d.find('os')
    for name, value in (('kernel', 'vmlinuz'), ('initrd', 'initrd.gz')):
        ET.SubElement(os, name).text = '/var/lib/libvirt/images/' + value
    ET.SubElement(os, 'cmdline').text = guest._APPEND + ' tsc=reliable no_timer_check vip=eth0=' + ADDRESS + '/24'
    devices = d.find('devices')
    devices.remove(devices.find('disk'))
    printed = devices.find('interface')
    devices.remove(printed)
    devices.append(ET.fromstring(interface))
    # The guest's agent is what keeps it running.
    devices.append(ET.fromstring("<channel type='unix'><target type='virtio' name='agent'/></channel>"))
    if how != 'kvm':
        ET.SubElement(devices, 'emulator').text = '/etc/libvirt/qemu-odd-ram'
        ET.register_namespace('qemu', QEMU)
        line = ET.SubElement(d, f'{{{QEMU}}}commandline')
        for value in ('-global', 'virtio-net-pci.vectors=0'):
            ET.SubElement(line, f'{{{QEMU}}}arg', value=value)
    return ET.tostring(d, encoding='unicode'), printed


def shape(element):
    """An element without the space between its parts."""
    return element.tag, sorted(element.attrib.items()), [shape(x) for x in element]


class Host:
    """vmqd and libvirtd of a machine; its wire is the network's."""

    def __init__(self, network, name, vports=()):
        self.ns = netns.NetNS(name)
        network.plug(self.ns, 'eth1', 'to-' + name)
        self.virt = libvirt.Libvirt(self.ns, name)
        self.vmqd = daemon.Vmqd({'run_dir': '/run/vmq', 'vport_sockets': {'group': 'kvm'},
                                 'adapters': [{'name': 'ext0', 'port': {'device': 'eth1', 'driver': 'packet'}, 'vports': list(vports)}]},
                                netns=self.ns, wrapper=self.virt.inside)


def network():
    n = migration.Network()
    n.client.run('ip', 'addr', 'add', '10.77.0.254/24', 'dev', 'w0')
    return n


def wait_answer(net):
    procs.wait_for(lambda: ' 0% packet loss' in net.client.run('ping', '-q', '-c', '1', '-W', '1', ADDRESS, check=False), 100,
                   'an answer of the domain')


def test_a_domain():
    """It boots, though vmqd comes after it, and pings over the switch; QEMU (not root there) could connect by its group. Its
    interface is taken out and put in again with what vmqctl prints, and nothing else."""
    net = network()
    host = Host(net, 'host', [{'name': 'web1', 'mac': MAC}])
    virt, vmqd = host.virt, host.vmqd
    interface = vmqd.vmqctl('vport', 'show', 'web1', '--libvirt')
    xml, printed = domain(interface)
    assert shape(ET.fromstring(xml).find('devices/interface')) == shape(printed), 'the README has what vmqctl prints'
    assert vmqd.stop() == 0
    creating = virt.begin_create(xml)
    procs.wait_for(lambda: 'web1' in virt.virsh('list', '--name'), 60, 'QEMU to wait for vmqd')
    vmqd.start()
    procs.wait_for(lambda: not creating.alive(), 60, 'virsh create to end')
    assert creating.stop() == 0
    wait_answer(net)
    assert vmqd.vport('web1')['status'] == 'running'
    assert procs.run([*virt.inside, 'stat', '-c', '%U %G %a', '/run/vmq/web1.sock']).strip() == 'root kvm 660'
    assert virt.qemu_uid() == procs.run([*virt.inside, 'id', '-u', 'libvirt-qemu']).strip()
    vm = libvirt.Domain(virt, 'web1')
    file = virt.write('/run/interface.xml', interface)
    vmqd.vmqctl('vport', 'add', 'web2', 'mac', NEAR)
    second = virt.write('/run/second.xml', vmqd.vmqctl('vport', 'show', 'web2', '--libvirt'))
    procs.run([*virt.inside, 'chgrp', 'root', '/run/vmq/web2.sock'])
    for says in ('Permission denied', 'No such file'):  # a plug that QEMU's user has no right to; one where vmqd does not listen
        with pytest.raises(RuntimeError, match=f"Failed to connect to '/run/vmq/web2.sock': {says}"):
            virt.virsh('attach-device', 'web1', second, '--live')
        assert virt.virsh('domstate', 'web1').strip() == 'running'
        assert virt.virsh('domiflist', 'web1').count('vhostuser') == 1
        wait_answer(net)
        if says == 'Permission denied':
            vmqd.vmqctl('vport', 'del', 'web2')
    virt.virsh('detach-device', 'web1', file, '--live')
    procs.wait_for(lambda: vmqd.vport('web1')['status'] == 'no VM' and not vm.sh('ls -d /sys/class/net/eth* 2>/dev/null', check=False),
                   20, 'the interface to be gone')
    virt.virsh('attach-device', 'web1', file, '--live')
    procs.wait_for(lambda: vm.sh('ls -d /sys/class/net/eth0 2>/dev/null', check=False), 20, 'the interface in the guest', step=0.1)
    vm.sh(f'ip addr add {ADDRESS}/24 dev eth0; ip link set eth0 up')
    wait_answer(net)
    virt.virsh('destroy', 'web1')
    procs.wait_for(lambda: vmqd.vport('web1')['status'] == 'no VM', 20, 'the VM to be gone')
    assert vmqd.stop() == 0


def test_moved_by_virsh():
    """In the order of the guide, pinged from outside all the time. A VM that is the target's already reaches it before and after."""
    net = network()
    a = Host(net, 'a', [{'name': 'web1', 'mac': MAC}])
    b = Host(net, 'b', [{'name': 'near', 'mac': NEAR}])
    netns.veth(a.ns, 'mgmt', b.ns, 'mgmt')
    for host, address in ((a, '10.0.0.1/24'), (b, '10.0.0.2/24')):
        host.ns.run('ip', 'addr', 'add', address, 'dev', 'mgmt')
    a.virt.create(domain(a.vmqd.vmqctl('vport', 'show', 'web1', '--libvirt'))[0])
    wait_answer(net)
    libvirt.Domain(a.virt, 'web1').sh('head -c 16M /dev/urandom >/tmp/still; md5sum /tmp/still >/tmp/still.md5')
    near = vufront.VuFront(b.virt.path('/run/vmq/near.sock'))
    b.vmqd.wait_running('near')

    def near_reaches(host):
        before = host.vmqd.stats('web1')['rx_bytes']
        near.send([frames.frame(MAC, NEAR, size=1400)] * 10)
        procs.wait_for(lambda: host.vmqd.stats('web1')['rx_bytes'] >= before + 14000, 10, 'the frames at the VM')

    ping = migration.Ping(net.client, ADDRESS)
    b.vmqd.call('migrate.import', vport=a.vmqd.call('migrate.export', name='web1'))
    near_reaches(a)
    procs.run(['virsh', '--quiet', '--connect', a.virt.uri, 'migrate', '--live', 'web1', b.virt.uri, '--migrateuri', 'tcp://10.0.0.2'])
    a.vmqd.vmqctl('vport', 'del', 'web1')
    assert b.vmqd.vport('web1')['status'] == 'running'
    near_reaches(b)
    wait_answer(net)
    pings = ping.stop()
    print(f'ping: {pings}')
    assert pings['received'] > 10 and pings['duplicates'] == 0
    assert a.virt.virsh('list', '--all', '--name').strip() == ''
    vm = libvirt.Domain(b.virt, 'web1', arrived=True)
    vm.sh('md5sum -c /tmp/still.md5')
    assert not vm.sh('dmesg | grep -i -e BUG: -e oops -e "general protection" || true')
    near.close()
    # Back, without a VPort there: virsh waits until the import.
    back = procs.Process(['virsh', '--connect', b.virt.uri, 'migrate', '--live', 'web1', a.virt.uri, '--migrateuri', 'tcp://10.0.0.1'],
                         'virsh-back')
    procs.wait_for(lambda: 'No such file' in a.virt.qemu_log('web1'), 60, 'QEMU to wait for the VPort')
    assert back.alive() and a.virt.virsh('domstate', 'web1', '--reason').strip() == 'paused (starting up)'
    wait_answer(net)
    a.vmqd.call('migrate.import', vport=b.vmqd.call('migrate.export', name='web1'))
    procs.wait_for(lambda: not back.alive(), 60, 'virsh migrate to end')
    assert back.stop() == 0
    b.vmqd.vmqctl('vport', 'del', 'web1')
    assert a.vmqd.vport('web1')['status'] == 'running'
    wait_answer(net)
    a.virt.virsh('destroy', 'web1')
    assert [host.vmqd.stop() for host in (a, b)] == [0, 0]
