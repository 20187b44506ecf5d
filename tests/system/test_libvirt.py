# SPDX-License-Identifier: BSD-3-Clause
"""A domain of libvirt's on a VPort: the README's, with the interface that vmqctl prints for it, booted by libvirt."""
import xml.etree.ElementTree as ET

import test_docs
from vmqtest import daemon, guest, libvirt, netns, procs

MAC = '52:54:00:00:00:01'
QEMU = 'http://libvirt.org/schemas/domain/qemu/1.0'


def domain(interface):
    """The README's, but for the disk (our guest has a kernel of its own) and what QEMU's emulation takes: it has no KVM, and
    Debian 12's fails with MSI-X on a vhost-user device then."""
    [text] = test_docs.blocks('README.md', 'xml')
    d = ET.fromstring(text)
    how = guest.accel()
    d.set('type', 'kvm' if how == 'kvm' else 'qemu')
    d.find('memory').attrib['unit'], d.find('memory').text = 'KiB', '131080'
    os = d.find('os')
    for name, value in (('kernel', 'vmlinuz'), ('initrd', 'initrd.gz')):
        ET.SubElement(os, name).text = '/var/lib/libvirt/images/' + value
    ET.SubElement(os, 'cmdline').text = guest._APPEND + ' tsc=reliable no_timer_check vip=eth0=10.77.0.1/24'
    devices = d.find('devices')
    devices.remove(devices.find('disk'))
    printed = devices.find('interface')
    devices.remove(printed)
    devices.append(ET.fromstring(interface))
    # The guest's agent is what keeps it running.
    devices.append(ET.fromstring("<channel type='unix'><target type='virtio' name='agent'/></channel>"))
    if how != 'kvm':
        ET.register_namespace('qemu', QEMU)
        line = ET.SubElement(d, f'{{{QEMU}}}commandline')
        for value in ('-global', 'virtio-net-pci.vectors=0'):
            ET.SubElement(line, f'{{{QEMU}}}arg', value=value)
    return ET.tostring(d, encoding='unicode'), printed


def shape(element):
    """An element without the space between its parts."""
    return element.tag, sorted(element.attrib.items()), [shape(x) for x in element]


def test_a_domain():
    """It boots, pings over the switch, and QEMU (not root there) could connect by its group."""
    sw, far = netns.NetNS('virt-sw'), netns.NetNS('virt-far')
    netns.veth(sw, 'eth1', far, 'w0')
    far.run('ip', 'addr', 'add', '10.77.0.254/24', 'dev', 'w0')
    virt = libvirt.Libvirt(netns.NetNS('virt'))
    vmqd = daemon.Vmqd({'run_dir': '/run/vmq', 'vport_sockets': {'group': 'kvm'},
                        'adapters': [{'name': 'ext0', 'port': {'device': 'eth1', 'driver': 'packet'},
                                      'vports': [{'name': 'web1', 'mac': MAC}]}]}, netns=sw, wrapper=virt.inside)
    xml, printed = domain(vmqd.vmqctl('vport', 'show', 'web1', '--libvirt'))
    assert shape(ET.fromstring(xml).find('devices/interface')) == shape(printed), 'the README has what vmqctl prints'
    virt.create(xml)

    def answers():
        return ' 0% packet loss' in far.run('ping', '-q', '-c', '1', '-W', '1', '10.77.0.1', check=False)
    procs.wait_for(answers, 100, 'an answer of the domain')
    assert vmqd.vport('web1')['status'] == 'running'
    assert procs.run([*virt.inside, 'stat', '-c', '%U %G %a', '/run/vmq/web1.sock']).strip() == 'root kvm 660'
    assert virt.qemu_uid() == procs.run([*virt.inside, 'id', '-u', 'libvirt-qemu']).strip()
    virt.virsh('destroy', 'web1')
    procs.wait_for(lambda: vmqd.vport('web1')['status'] == 'no VM', 20, 'the VM to be gone')
    assert vmqd.stop() == 0
