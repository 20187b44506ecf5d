# SPDX-License-Identifier: BSD-3-Clause
"""vmqctl against a daemon of canned answers: what is asked, how it is shown, and what is said when it goes wrong."""
import json
import os
import pty
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import xml.etree.ElementTree

import pytest

from fake_vmqd import Error, FakeVmqd, close_now, event, reply, vmqctl_env
from vmqtest.daemon import ROOT, program

BROADCAST = 'ff:ff:ff:ff:ff:ff'
VPORT = {
    'name': 'web1', 'id': 1, 'adapter': 'ext0', 'state': 'activated', 'function': 'PF', 'cpu': 1, 'queue_pairs': 1,
    'moderation': 'adaptive', 'socket': '/run/vmq/web1.sock', 'socket_mode': 'server', 'connected': True,
    'status': 'running', 'features': ['VIRTIO_F_VERSION_1', 'VIRTIO_NET_F_MRG_RXBUF'], 'filters': 2,
    'macs': [{'mac': '52:54:00:00:00:01', 'vlan': 100, 'id': 1}, {'mac': BROADCAST, 'vlan': 100, 'id': 2}],
    'source_check': False, 'vlan_check': True, 'all_multicast': True,
}
DEFAULT_VPORT = {
    'name': 'default', 'id': 0, 'adapter': 'ext0', 'state': 'activated', 'function': 'PF', 'cpu': 0, 'queue_pairs': 1,
    'moderation': 'adaptive', 'connected': True, 'status': 'running', 'features': [], 'filters': 0, 'macs': [],
    'source_check': False, 'vlan_check': True, 'all_multicast': True, 'host_device': 'vmq0',
}
FILTER = {'id': 7, 'vport': 'web1', 'vport_id': 1, 'adapter': 'ext0', 'mac': '52:54:00:00:00:01', 'vlan': 'any'}
QUEUES = [
    {'queue': 0, 'vport': 'default', 'vport_id': 0, 'adapter': 'ext0', 'macs': [], 'cpu': 0, 'state': 'running',
     'rx_frames': 12, 'tx_frames': 0, 'rx_bytes': 720, 'tx_bytes': 0, 'rx_ring': 0, 'tx_ring': 0, 'rx_free': 0},
    {'queue': 1, 'vport': 'web1', 'vport_id': 1, 'adapter': 'ext0',
     'macs': [{'mac': BROADCAST, 'vlan': 100, 'id': 2}, {'mac': '52:54:00:00:00:01', 'vlan': 100, 'id': 1},
              {'mac': '52:54:00:00:00:11', 'vlan': 'any', 'id': 3}],
     'cpu': 1, 'state': 'running', 'rx_frames': 123456789, 'tx_frames': 9876, 'rx_bytes': 15000000000,
     'tx_bytes': 600000, 'rx_ring': 256, 'tx_ring': 256, 'rx_free': 201},
    {'queue': 2, 'vport': 'db', 'vport_id': 2, 'adapter': 'ext0',
     'macs': [{'mac': '52:54:00:00:00:02', 'vlan': 'untagged', 'id': 4}], 'cpu': 1,
     'state': 'broken: a descriptor of the receive ring lies outside the guest\'s memory', 'rx_frames': 0,
     'tx_frames': 0, 'rx_bytes': 0, 'tx_bytes': 0, 'rx_ring': 256, 'tx_ring': 256, 'rx_free': 0},
]
COUNTERS = {'rx_frames': 10, 'rx_bytes': 640, 'rx_batches': 3, 'rx_notifications': 2, 'tx_frames': 5, 'tx_bytes': 320,
            'tx_kicks': 4}
STATS = {
    'vports': [{'name': 'web1', 'id': 1, 'adapter': 'ext0', **COUNTERS,
                'drops': {'rx_no_buffer': 3, 'rx_too_long': 0, 'tx_vlan': 2},
                'lately': {'seconds': 33, 'drops': {'rx_no_buffer': {'frames': 0, 'last_s': 120}, 'tx_vlan': {'last_s': []}}}}],
    'wires': [{'adapter': 'ext0', **COUNTERS, 'drops': {'tx_wire_full': 1}, 'port': {'rx_missed': 17},
               'lately': {'drops': {'tx_wire_full': {'last_s': 300000}}}}],
    'workers': [{'cpu': 1, 'frames': 15, 'busy_pct': 12.3, 'poll_pct': 0.7, 'sleep_pct': 87, 'turns': 9, 'sleeps': 8,
                 'rings': 4, 'rings_armed': 3}],
}
SWITCH = {
    'id': 0, 'name': 'Default Switch', 'adapter': 'ext0', 'mode': 'sriov', 'mode_reason': 'the default',
    'port': {'driver': 'xdp', 'device': 'eth1', 'describe': 'native mode, copy', 'link': True,
             'mac': '02:00:00:00:00:09', 'mtu': 1500},
    'host_device': 'vmq0', 'host': {'link': False, 'promiscuous': True, 'mac': '02:00:00:00:00:0a'}, 'num_vports': 3,
    'max_vports': 1024, 'num_filters': 5, 'max_filters': 65536, 'queue_pairs': 3, 'max_queue_pairs': 2048,
}


def run(path, *args, **kw):
    return subprocess.run([program('vmqctl'), '--socket', path, *args], capture_output=True, text=True, timeout=30,
                          env=vmqctl_env(), **kw)


def lines(*args, **answers):
    """The lines of a success's text; answers by method, with _ for the dot."""
    with FakeVmqd({m.replace('_', '.'): a for m, a in answers.items()}) as d:
        p = run(d.path, *args)
    assert (p.returncode, p.stderr) == (0, '')
    return p.stdout.splitlines()


def squeeze(line):
    return line.split()


# ---- what is asked ----

REQUESTS = [
    ('vport add web1 mac 52:54:00:00:00:01 vlan 100 cpu 1 socket /run/vmq/web1.sock', 'vport.add',
     {'name': 'web1', 'mac': '52:54:00:00:00:01', 'vlan': 100, 'cpu': 1, 'socket': '/run/vmq/web1.sock'}),
    ('vport add 7 broadcast off socket_mode client queue_pairs 2 source_check on vlan_check no all_multicast true '
     'adapter e', 'vport.add', {'name': '7', 'broadcast': False, 'socket_mode': 'client', 'queue_pairs': 2,
                                'source_check': True, 'vlan_check': False, 'all_multicast': True, 'adapter': 'e'}),
    ('vport add mac vlan any', 'vport.add', {'name': 'mac', 'vlan': 'any'}),
    ('vport set web1 trunk on', 'vport.set', {'name': 'web1', 'trunk': True}),
    ('vport set web1 trunk 10,20,100-199', 'vport.set', {'name': 'web1', 'trunk': '10,20,100-199'}),
    ('vport set web1 rss off rss_cpus 0', 'vport.set', {'name': 'web1', 'rss': False, 'rss_cpus': '0'}),
    ('vport set web1 cpu 0 moderation low', 'vport.set', {'name': 'web1', 'cpu': 0, 'moderation': 'low'}),
    ('vport set web1 new_name web9 active on', 'vport.set', {'name': 'web1', 'new_name': 'web9', 'active': True}),
    ('vport del web1', 'vport.del', {'name': 'web1'}),
    ('vport', 'vport.show', {}),
    ('vport show', 'vport.show', {}),
    ('vport show web1', 'vport.show', {'name': 'web1'}),
    ('vport show adapter ext0', 'vport.show', {'adapter': 'ext0'}),
    ('vport show name adapter', 'vport.show', {'name': 'adapter'}),
    ('filter add web1 mac 52:54:00:00:00:01 vlan any', 'filter.add',
     {'vport': 'web1', 'mac': '52:54:00:00:00:01', 'vlan': 'any'}),
    ('filter add web1 mac 52:54:00:00:00:01 vlan untagged broadcast no', 'filter.add',
     {'vport': 'web1', 'mac': '52:54:00:00:00:01', 'vlan': 'untagged', 'broadcast': False}),
    ('filter del 7', 'filter.del', {'id': 7}),
    ('filter move 7 to web2', 'filter.move', {'id': 7, 'to': 'web2'}),
    ('filter', 'filter.show', {}),
    ('filter show web1', 'filter.show', {'vport': 'web1'}),
    ('queue', 'queue.show', {}),
    ('queue web1', 'queue.show', {'vport': 'web1'}),
    ('queue show web1 adapter ext0', 'queue.show', {'vport': 'web1', 'adapter': 'ext0'}),
    ('switch', 'switch.show', {}),
    ('switch show ext0', 'switch.show', {'adapter': 'ext0'}),
    ('stats', 'stats.show', {}),
    ('stats web1', 'stats.show', {'vport': 'web1'}),
    ('explain from wire dst 52:54:00:00:00:01 vlan 100', 'explain',
     {'from': 'wire', 'dst': '52:54:00:00:00:01', 'vlan': 100}),
    ('explain from web1 dst 52:54:00:00:00:01 src 02:00:00:00:00:01 vlan 0 priority 3 adapter e', 'explain',
     {'from': 'web1', 'dst': '52:54:00:00:00:01', 'src': '02:00:00:00:00:01', 'vlan': 0, 'priority': 3,
      'adapter': 'e'}),
    ('migrate export web1', 'migrate.export', {'name': 'web1'}),
    ('version', 'version', {}),
    # What only the daemon can judge is passed on as it is.
    ('vport add web1 cpu many vlan 99999999999999999999', 'vport.add',
     {'name': 'web1', 'cpu': 'many', 'vlan': '99999999999999999999'}),
    ('vport add web1 source_check maybe -- vlan -1', 'vport.add',
     {'name': 'web1', 'source_check': 'maybe', 'vlan': -1}),
]


@pytest.mark.parametrize('command,method,params', REQUESTS, ids=[r[0] for r in REQUESTS])
def test_request(command, method, params):
    with FakeVmqd({method: {}}) as d:
        p = run(d.path, *command.split())
        assert (p.returncode, p.stderr) == (0, '')
        # Who names a CPU is told about it: a question that this daemon does not answer.
        assert d.requests == [(method, params), *([('version', None)] if isinstance(params.get('cpu'), int) and method in ('vport.add', 'vport.set') else [])]


@pytest.mark.parametrize('mac,warned', [('53:54:00:00:00:01', True), ('FF-FF-FF-FF-FF-FF', True), ('52:54:00:00:00:01', False)])
def test_a_group_address_as_the_only_one(mac, warned):
    """vmqd takes it, so it is done and shown; vmqctl says what it means."""
    with FakeVmqd({'vport.add': {'name': 'web1', 'id': 1}}) as d:
        p = run(d.path, 'vport', 'add', 'web1', 'mac', mac)
        assert p.returncode == 0 and 'name web1' in p.stdout
        assert p.stderr == (f'vmqctl: warning: mac: {mac} is a group address, and the VPort has no other: frames for its VM alone do not reach it; '
                            'vmqctl filter add web1 mac MAC\n' if warned else '')


def test_socket_from_environment():
    with FakeVmqd({'version': {}}) as d:
        p = subprocess.run([program('vmqctl'), 'version'], capture_output=True, timeout=30,
                           env=dict(vmqctl_env(), VMQ_SOCKET=d.path))
        assert p.returncode == 0
        assert d.requests == [('version', {})]


def test_options_stand_anywhere():
    with FakeVmqd({'queue.show': {'queues': []}}) as d:
        for args in (['-j', 'queue', 'show', 'web1'], ['queue', 'show', '-j', 'web1'], ['queue', 'show', 'web1', '-j'],
                     ['-j', 'queue', 'show', '--', 'web1']):
            p = run(d.path, *args)
            assert (p.returncode, p.stdout) == (0, '{"queues":[]}\n')
        assert d.requests == [('queue.show', {'vport': 'web1'})] * 4


# ---- how it is shown ----

def test_queue_table():
    out = lines('queue', queue_show={'queues': QUEUES})
    assert squeeze(out[0]) == ['QUEUE', 'VPORT', 'NAME', 'MAC', 'VLAN', 'CPU', 'STATE', 'RX-FRAMES', 'TX-FRAMES']
    assert squeeze(out[1]) == ['0', '0', 'default', '-', '-', '0', 'running', '12', '0']
    # The VM's own address stands for the queue, not the broadcast that came first.
    assert squeeze(out[2]) == ['1', '1', 'web1', '52:54:00:00:00:01', '+1', '100', '1', 'running', '123456789', '9876']
    assert squeeze(out[3]) == ['2', '2', 'db', '52:54:00:00:00:02', 'untagged', '1', 'broken', '0', '0']
    assert out[4:] == ['queue 2 of db: ' + QUEUES[2]['state']]
    table = out[:4]
    assert max(map(len, table)) <= 100
    for header, side in (('NAME', 'left'), ('STATE', 'left'), ('RX-FRAMES', 'right'), ('CPU', 'right')):
        at = table[0].index(header) + (len(header) if side == 'right' else 0)
        for row in table[1:]:
            assert (row[at - 1] != ' ' and row[at:at + 2].strip() == '') if side == 'right' else \
                   (row[at] != ' ' and row[at - 1] == ' '), (header, row)


def test_queue_table_statistics_and_details():
    out = lines('-s', '-d', 'queue', queue_show={'queues': QUEUES})
    assert squeeze(out[0])[9:] == ['RX-BYTES', 'TX-BYTES', 'RX-RING', 'TX-RING', 'RX-FREE']
    assert squeeze(out[2]) == ['1', '1', 'web1', '52:54:00:00:00:01', '100', '1', 'running', '123456789', '9876',
                               '15000000000', '600000', '256', '256', '201']
    assert [squeeze(line) for line in out[3:5]] == [[BROADCAST, '100'], ['52:54:00:00:00:11', 'any']]


def test_adapter_column_only_where_there_are_several():
    two = [QUEUES[0], dict(QUEUES[1], adapter='ext1')]
    assert 'ADAPTER' not in lines('queue', queue_show={'queues': QUEUES})[0]
    out = lines('queue', queue_show={'queues': two})
    assert squeeze(out[0])[1] == 'ADAPTER'
    assert squeeze(out[2])[:3] == ['1', 'ext1', '1']


def test_vport_table_and_details():
    out = lines('vport', vport_show={'vports': [DEFAULT_VPORT, VPORT]})
    assert squeeze(out[0]) == ['ID', 'NAME', 'STATE', 'CPU', 'QUEUES', 'FILTERS', 'MODERATION', 'STATUS']
    assert squeeze(out[2]) == ['1', 'web1', 'activated', '1', '1', '2', 'adaptive', 'running']
    assert lines('vport', 'show', 'web1', vport_show={'vports': [dict(VPORT, waits_for='a first receive buffer')]})[2:] == [
        '', 'web1 waits_for a first receive buffer']
    out = '\n'.join(lines('-d', 'vport', vport_show={'vports': [DEFAULT_VPORT, VPORT]}))
    for word in ('vport 1: name web1', 'socket /run/vmq/web1.sock socket_mode server', 'host_device vmq0',
                 'filter 1 mac 52:54:00:00:00:01 vlan 100', 'features VIRTIO_F_VERSION_1,VIRTIO_NET_F_MRG_RXBUF',
                 'source_check no vlan_check yes all_multicast yes'):
        assert word in out, word


@pytest.mark.parametrize('command,method', [('vport add web1', 'vport_add'), ('vport set web1 cpu 1', 'vport_set')])
def test_vport_answer(command, method):
    assert '    socket /run/vmq/web1.sock socket_mode server' in lines(*command.split(), **{method: VPORT})


def test_vport_answer_of_a_trunk():
    """Some of its filters, and where the rest is told; -d tells all."""
    macs = [{'id': i, 'mac': '52:54:00:00:00:01', 'vlan': i} for i in range(1, 21)]
    out = lines('vport', 'set', 'web1', 'trunk', '1-20', vport_set=dict(VPORT, macs=macs))
    assert out[-2:] == ['    filter 16 mac 52:54:00:00:00:01 vlan 16', '    and 4 filters more: vmqctl filter show web1']
    assert '    filter 20 mac 52:54:00:00:00:01 vlan 20' in lines('-d', 'vport', vport_show={'vports': [dict(VPORT, macs=macs)]})


def attach(option, *more, **changed):
    with FakeVmqd({'vport.show': {'vports': [dict(VPORT, **changed)]}}) as d:
        p = run(d.path, 'vport', 'show', 'web1', option, *more)
        assert d.requests == [('vport.show', {'name': 'web1'})]
    return p


def interface(**changed):
    """The <interface> that is printed, read with an XML library; valid where libvirt's schema is here."""
    p = attach('--libvirt', **changed)
    assert (p.returncode, p.stderr) == (0, '')
    text = ("<domain type='kvm'><name>web1</name><memory>1048576</memory><os><type>hvm</type></os><devices>"
            f'{p.stdout}</devices></domain>')
    domain = xml.etree.ElementTree.fromstring(text)
    schema = '/usr/share/libvirt/schemas/domain.rng'
    if shutil.which('xmllint') and os.path.exists(schema):
        p = subprocess.run(['xmllint', '--noout', '--relaxng', schema, '-'], input=text, capture_output=True, text=True,
                           timeout=30)
        assert p.returncode == 0, p.stderr
    return domain.find('devices/interface')


ODD = "/run/vmq/a'b\"<&>, c=1;$(x).sock"


def test_libvirt():
    i = interface()
    assert (i.get('type'), i.find('model').get('type'), i.find('driver')) == ('vhostuser', 'virtio', None)
    assert i.find('mac').get('address') == '52:54:00:00:00:01'
    assert i.find('source').attrib == {'type': 'unix', 'path': '/run/vmq/web1.sock', 'mode': 'client'}
    assert i.find('source/reconnect').attrib == {'enabled': 'yes', 'timeout': '1'}
    i = interface(socket_mode='client', queue_pairs=4, socket=ODD, macs=list(reversed(VPORT['macs'])))
    assert i.find('driver').get('queues') == '4'
    assert i.find('mac').get('address') == '52:54:00:00:00:01'  # not the broadcast, which comes first now
    assert i.find('source').attrib == {'type': 'unix', 'path': ODD, 'mode': 'server'}
    assert i.find('source/reconnect') is None
    p = attach('--libvirt', '-j')
    assert json.loads(p.stdout) == {'libvirt': attach('--libvirt').stdout}
    [comment] = re.findall(r'<!--(.*?)-->', attach('--libvirt').stdout, re.S)
    backing = xml.etree.ElementTree.fromstring(comment[comment.index('<memoryBacking>'):])
    assert (backing.find('source').get('type'), backing.find('access').get('mode')) == ('memfd', 'shared')


def qemu_options(text):
    """{option: {member: value}} as QEMU reads them: a doubled comma is one."""
    words = shlex.split(text)
    return {o: dict(m.replace('\0', ',').partition('=')[::2] for m in v.replace(',,', '\0').split(','))
            for o, v in zip(words[::2], words[1::2])}


def test_qemu():
    o = qemu_options(attach('--qemu').stdout)
    assert o['-object'] == {'memory-backend-memfd': '', 'id': 'vmq-mem', 'size': '1G', 'share': 'on'}
    assert (o['-m'], o['-machine']) == ({'1G': ''}, {'memory-backend': 'vmq-mem'})
    assert o['-chardev'] == {'socket': '', 'id': 'vmq-web1-char', 'path': '/run/vmq/web1.sock', 'reconnect': '1'}
    assert o['-netdev'] == {'vhost-user': '', 'id': 'vmq-web1', 'chardev': 'vmq-web1-char', 'queues': '1'}
    assert o['-device'] == {'virtio-net-pci': '', 'netdev': 'vmq-web1', 'mac': '52:54:00:00:00:01'}
    p = attach('--qemu', socket_mode='client', queue_pairs=4, socket=ODD)
    o = qemu_options(p.stdout)
    assert o['-chardev'] == {'socket': '', 'id': 'vmq-web1-char', 'path': ODD, 'server': 'on', 'wait': 'off'}
    assert o['-netdev']['queues'] == '4'
    assert (o['-device']['mq'], o['-device']['vectors']) == ('on', '10')
    # Quoted for the shell, and a word each as JSON.
    words = json.loads(attach('--qemu', '-j', socket_mode='client', queue_pairs=4, socket=ODD).stdout)['qemu']
    assert shlex.split(p.stdout) == words
    sh = subprocess.run(['sh', '-c', f'printf "%s\\n" {p.stdout.replace(chr(10), " ")}'], capture_output=True, text=True)
    assert sh.stdout.splitlines() == words


@pytest.mark.parametrize('changed,says', [
    ({'id': 0, 'name': 'default'}, "vmqctl: default: the default VPort is the host's own"),
    ({'socket': None}, 'vmqctl: web1: it has no socket'),
    ({'macs': []}, 'vmqctl: web1: it has no filter with an address of its own'),
    ({'macs': VPORT['macs'][1:]}, 'it has no filter with an address of its own'),
    ({'queue_pairs': 2 ** 62}, 'its queue_pairs is not a number of queues'),
    ({'socket': '/run/a\nb'}, 'has a control character'),
    ({'socket': '/run/\x9b1m'}, 'has a control character'),
    ({'socket': '/run/\uffff'}, 'has a control character'),
    ({'name': None}, 'its answer names no VPort'),
], ids=lambda x: str(x)[:30])
@pytest.mark.parametrize('option', ['--libvirt', '--qemu'])
def test_attachment_refused(option, changed, says):
    p = attach(option, **changed)
    assert (p.returncode, p.stdout) == (1, '') and says in p.stderr and p.stderr.count('\n') == 1


# An adapter each: a NIC switch, and VM queues.
WINDOWS_SWITCHES = [dict(SWITCH, mode='SR-IOV', num_vfs=1, max_vfs=256),
                    {'adapter': 'ext1', 'mode': 'VMQ', 'holds': 'VM queues', 'port': SWITCH['port'], 'num_queues': 1,
                     'max_queues': 63},
                    {'adapter': 'ext2', 'mode': 'none', 'port': {'describe': 'packet sockets'}}]
VM_QUEUE = {'queue': 3, 'vport': 'old', 'adapter': 'ext1', 'cpu': 66, 'state': 'running',
            'macs': [{'mac': '52:54:00:00:00:31', 'vlan': 'untagged', 'id': 9},
                     {'mac': '52:54:00:00:00:32', 'vlan': 7, 'id': 10}]}
WINDOWS = [
    ('show', 'Get-NetAdapterVmq', [
        ['Name', 'InterfaceDescription', 'Enabled', 'BaseVmqProcessor', 'MaxProcessors', 'NumberOfReceiveQueues'],
        ['ext0', 'native mode, copy', True, '0:1', 2, 2048], ['ext1', 'native mode, copy', True, '0:1', 2, 63],
        ['ext2', 'packet sockets', False, '0:1', 2, None]]),
    ('queue', 'Get-NetAdapterVmqQueue', [
        ['Name', 'QueueID', 'MacAddress', 'VlanID', 'Processor', 'VmFriendlyName'],
        ['ext0', '0.0', None, None, '0:0', 'default'], ['ext0', '1.1', '52:54:00:00:00:01', 100, '0:1', 'web1'],
        ['ext0', '1.1', '52:54:00:00:00:11', 'any', '0:1', 'web1'],
        ['ext1', 3, '52:54:00:00:00:31', 'untagged', '1:2', 'old'], ['ext1', 3, '52:54:00:00:00:32', 7, '1:2', 'old']]),
    ('vport', 'Get-NetAdapterVPort', [
        ['Name', 'ID', 'MacAddress', 'VlanID', 'FID', 'State', 'ITR', 'QPairs', 'Processor', 'VmFriendlyName'],
        ['ext0', 0, None, None, 'PF', 'activated', 'adaptive', 1, '0:0', 'default'],
        ['ext0', 1, '52:54:00:00:00:01', 100, 'PF', 'activated', 'adaptive', 1, '0:1', 'web1']]),
    ('sriov', 'Get-NetAdapterSriov', [
        ['Name', 'InterfaceDescription', 'Enabled', 'SriovSupport', 'SwitchName', 'NumVFs'],
        ['ext0', 'native mode, copy', True, 'Supported', 'Default Switch', 256],
        ['ext1', 'native mode, copy', False, None, None, None], ['ext2', 'packet sockets', False, None, None, None]]),
]
WINDOWS_ANSWERS = {'switch.show': {'switches': WINDOWS_SWITCHES}, 'vport.show': {'vports': [DEFAULT_VPORT, VPORT]},
                   'queue.show': {'queues': [*QUEUES[:2], VM_QUEUE]},
                   'worker.show': {'workers': [{'cpu': 3}, {'cpu': 1}]}}


@pytest.mark.parametrize('verb,command,rows', WINDOWS, ids=[w[1] for w in WINDOWS])
def test_windows_names(verb, command, rows):
    """The columns are the command's, text and JSON say the same, and the page has each column."""
    with FakeVmqd(WINDOWS_ANSWERS) as d:
        text, js = run(d.path, 'vmq', verb), run(d.path, '-j', 'vmq', verb)
        assert (text.returncode, text.stderr, js.returncode, js.stderr) == (0, '', 0, '')
        assert [list(r.values()) for r in json.loads(js.stdout)] == rows[1:]
        assert all(list(r) == rows[0] for r in json.loads(js.stdout))
        cells = [re.split(r' {2,}', line) for line in text.stdout.splitlines()]
        assert cells == [[{None: '-'}.get(c, str(c)) for c in r] for r in rows]
        run(d.path, 'vmq', verb, 'adapter', 'ext1')
        assert [r for r in d.requests if r[1]] == [(d.requests[0][0], {'adapter': 'ext1'})]
    with open(os.path.join(ROOT, 'docs/windows.md')) as f:
        section = f.read().split(f'\n### {command}\n', 1)[1].split('\n#', 1)[0]
    assert re.findall(r'^\| `(\w+)` \|', section, re.M) == rows[0]


def test_vport_details_begin_with_windows_names():
    out = lines('-d', 'vport', vport_show=WINDOWS_ANSWERS['vport.show'])
    assert squeeze(out[0]) == WINDOWS[2][2][0]
    assert squeeze(out[2])[:3] == ['ext0', '1', '52:54:00:00:00:01']
    assert out[3] == '' and out[4].startswith('vport 0: name default')


@pytest.mark.parametrize('answer', [None, 3, [], {}, {'switches': 1, 'queues': 'x', 'vports': {}, 'workers': 7},
                                    {k: [{}, 5, None, {'cpu': 'x', 'macs': 3}] for k in ('switches', 'queues', 'vports', 'workers')}], ids=str)
@pytest.mark.parametrize('verb', [w[0] for w in WINDOWS])
def test_windows_names_of_the_wrong_shape(verb, answer):
    with FakeVmqd({m: answer for m in WINDOWS_ANSWERS}) as d:
        for option in ('-s', '-j'):
            p = run(d.path, option, 'vmq', verb)
            assert (p.returncode, p.stderr) == (0, '')


def test_windows_names_refused():
    with FakeVmqd({**WINDOWS_ANSWERS, 'worker.show': Error(1, 'not now')}) as d:
        p = run(d.path, 'vmq')
    assert (p.returncode, p.stdout, p.stderr) == (1, '', 'vmqctl: not now\n')


def test_filters():
    expected = [['ID', 'MAC', 'VLAN', 'VPORT', 'NAME'], ['7', '52:54:00:00:00:01', 'any', '1', 'web1']]
    assert [squeeze(x) for x in lines('filter', filter_show={'filters': [FILTER]})] == expected
    added = lines('filter', 'add', 'web1', 'mac', 'x', filter_add={'filters': [FILTER]})
    assert [squeeze(x) for x in added] == expected
    assert [squeeze(x) for x in lines('filter', 'move', '7', 'to', 'web1', filter_move=FILTER)] == expected
    assert lines('filter', 'del', '7', filter_del={}) == []


def test_switch():
    out = lines('switch', switch_show={'switches': [SWITCH]})
    assert out == [
        'switch 0: adapter ext0 name Default Switch',
        '    mode sriov: because the default',
        '    port xdp device eth1 link up mac 02:00:00:00:00:09 mtu 1500',
        '        is native mode, copy',
        '    host_device vmq0 link down mac 02:00:00:00:00:0a promiscuous yes',
        '    vports 3 of 1024, filters 5 of 65536, queue pairs 3 of 2048',
    ]
    # capture files are no device
    files = {'driver': 'pcap', 'device': '', 'describe': 'pcap', 'link': True}
    assert lines('switch', switch_show={'switches': [{**SWITCH, 'port': files}]})[2] == '    port pcap link up'


def test_stats():
    out = [squeeze(x) for x in lines('stats', stats_show=STATS)]
    assert out == [
        ['VPORT', 'NAME', 'RX-FRAMES', 'RX-BYTES', 'TX-FRAMES', 'TX-BYTES', 'DROPS'],
        ['1', 'web1', '10', '640', '5', '320', '5'],
        ['wire', 'ext0', '10', '640', '5', '320', '1'],
        [],
        ['DROPPED-AT', 'REASON', 'FRAMES', 'LAST'],
        ['web1', 'rx_no_buffer', '3', '2', 'min', 'ago'],
        ['web1', 'tx_vlan', '2', '-'],
        ['ext0', 'tx_wire_full', '1', '3', 'd', 'ago'],
        [],
        ['CPU', 'FRAMES', 'BUSY-%', 'POLL-%', 'SLEEP-%', 'RINGS', 'ARMED'],
        ['1', '15', '12.3', '0.7', '87', '4', '3'],
    ]
    more = lines('-s', 'stats', stats_show=STATS)
    assert squeeze(more[0])[7:] == ['RX-BATCHES', 'RX-NOTIFY', 'RX-SPURIOUS', 'TX-KICKS', 'TX-SPURIOUS', 'TX-NOTIFY']
    assert more[-1] == 'port of ext0: rx_missed 17'


def test_explain():
    destination = {'fate': 'deliver', 'vport': 'web1', 'filter': 1, 'queue': 1, 'cpu': 1, 'tag': 'stripped'}
    answer = {'destinations': [destination], 'text': ['A frame from the wire …', 'goes to web1.']}
    assert lines('explain', 'from', 'wire', 'dst', 'x', explain=answer) == answer['text']
    out = lines('-d', 'explain', 'from', 'wire', 'dst', 'x', explain=answer)
    assert squeeze(out[-1]) == ['deliver', 'web1', '1', '1', '1', 'stripped', '-']


def test_version():
    out = lines('version', version={'version': '9.8.7', 'pid': 42, 'uptime_s': 3})
    assert out[0].startswith('vmqctl ')
    assert out[1] == 'vmqd 9.8.7, pid 42, up 3 s'
    p = subprocess.run([program('vmqctl'), '--version'], capture_output=True, text=True, timeout=30)
    assert (p.returncode, p.stdout) == (0, out[0] + '\n')


def test_json_is_the_daemons_answer():
    answer = {'z': 1, 'a': [12.3, 0.1, 18446744073709, 'ü', None, True], 'b': {}}
    with FakeVmqd({'queue.show': answer}) as d:
        p = run(d.path, '-j', 'queue')
        assert p.stdout == json.dumps(answer, separators=(',', ':'), ensure_ascii=False) + '\n'
        pretty = run(d.path, '-p', 'queue').stdout
        assert json.loads(pretty) == answer
        assert list(json.loads(pretty)) == list(answer)
        assert pretty.startswith('{\n    "z": 1,\n')


def test_nothing_from_the_daemon_steers_the_terminal():
    evil = 'web\x1b[2J\x07\x7f\x9b1m\n1'
    shown = 'web?[2J???1m?1'
    assert shown in '\n'.join(lines('queue', queue_show={'queues': [dict(QUEUES[1], vport=evil)]}))
    assert shown in '\n'.join(lines('-d', 'vport', vport_show={'vports': [dict(VPORT, name=evil)]}))
    assert shown in '\n'.join(lines('explain', 'from', 'a', 'dst', 'b', explain={'text': [evil]}))
    with FakeVmqd({'queue.show': Error(1, evil, status=evil, oid=evil)}) as d:
        assert run(d.path, 'queue').stderr == f'vmqctl: {shown} ({shown} from {shown})\n'
    top = {'queue.show': {'queues': []}, 'stats.show': {'vports': [{'name': evil, 'id': 1}], 'workers': [{'cpu': 0, 'policy': evil}]}}
    with FakeVmqd(top) as d:
        text = run(d.path, 'top', '--once').stdout
    assert shown[:11] in text and not set(text) & set('\x1b\x07\x7f\x9b')
    # JSON is what came, and no more than what came; a document printed to be kept, too.
    for words, answers in ((('-j', 'queue'), {'queue.show': evil}), (('-p', 'queue'), {'queue.show': evil}),
                           (('migrate', 'export', 'a'), {'migrate.export': [evil]})):
        with FakeVmqd(answers) as d:
            text = run(d.path, *words).stdout
        assert json.loads(text) in (evil, [evil]) and not set(text) & set('\x1b\x07\x7f\x9b')
    # Nor does a name come to a command line that is none.
    with FakeVmqd({'vport.show': {'vports': [{'name': n} for n in (evil, '$(id)', 'a b', 'web1')]}}) as d:
        assert complete(d.path, 'vport', 'del', '') == ['web1']


TAP_MAGIC = int(re.search(r'VMQ_TAP_MAGIC\s+(?:UINT64_C\()?(0x[0-9a-fA-F]+)', open(f'{ROOT}/include/vmq/tap.h').read())[1], 16)


def tap_memory(record=b'', tail=None, size=1 << 16, magic=TAP_MAGIC, rings=1, offset=4096, stride=8192, ring_size=4096):
    """What vmqd shares with a capture: one ring, with one record in it."""
    fd = os.memfd_create('vmqt-tap')
    os.ftruncate(fd, size)
    os.pwrite(fd, struct.pack('<QIIQQQ', magic, rings, 262, offset, stride, ring_size)[:size], 0)
    data = int(re.search(r'VMQ_TAP_DATA\s+(\d+)', open(f'{ROOT}/include/vmq/tap.h').read())[1])
    os.pwrite(fd, struct.pack('<Q', len(record) if tail is None else tail), 4096)
    os.pwrite(fd, record, 4096 + data)
    return fd


def tap_record(size=128, captured=60, type=1):
    return struct.pack('<IHHQQIIIIIHHHBBBBH', size, type, 0, 1, 1, 60, captured, 1, 1, *[0] * 9).ljust(128, b'\0')


def capture_of(fd):
    """vmqctl capture of that memory, by a daemon that says nothing more."""
    def start(conn, request):
        line = json.dumps({'jsonrpc': '2.0', 'id': request['id'], 'result': {'adapter': 'ext0', 'vports': [], 'drops': []}})
        socket.send_fds(conn, [line.encode() + b'\n'], [fd])
        conn.shutdown(socket.SHUT_RDWR)
    try:
        with FakeVmqd({'capture.start': start}) as d:
            return run(d.path, 'capture')
    finally:
        os.close(fd)


@pytest.mark.parametrize('memory', [
    {'size': 8}, {'size': 40}, {'magic': 1}, {'ring_size': 0}, {'ring_size': 4095}, {'ring_size': 1 << 63}, {'stride': 0},
    {'stride': 4096}, {'stride': 1 << 63}, {'offset': 1 << 63}, {'offset': 1 << 16}, {'rings': 9}, {'rings': 0xffffffff}], ids=str)
def test_a_capture_of_another_layout(memory):
    p = capture_of(tap_memory(**memory))
    assert p.returncode == 3 and 'another layout' in p.stderr


@pytest.mark.parametrize('memory', [
    {'record': tap_record(size=0)}, {'record': tap_record(size=4)}, {'record': tap_record(size=136)},
    {'record': tap_record(size=0xfffffff8, captured=0xffffff00), 'tail': 1 << 40}, {'record': tap_record(size=4104), 'tail': 8192},
    {'record': tap_record(size=8)}, {'record': tap_record(captured=128)}, {'record': tap_record(captured=0xffffffff)},
    {'record': tap_record(size=0, type=0)}], ids=lambda m: str({**m, 'record': m['record'][:4].hex()}))
def test_a_capture_of_wrong_records(memory):
    p = capture_of(tap_memory(**memory))
    assert p.returncode == 0 and p.stderr.startswith('0 frames captured')
    assert capture_of(tap_memory(tap_record())).stderr.startswith('1 frames captured')


@pytest.mark.parametrize('verb', ['diff', 'apply', 'save'])
@pytest.mark.parametrize('content', ['clusters: [{name: k8s, token: s3cret}]\n', '- s3cret\n', 'PATH=s3cret\n', None])
def test_the_daemon_does_not_choose_among_our_files(tmp_path, verb, content):
    """Which file it was started with, vmqd says; one that is no configuration is neither read to it nor written."""
    path = tmp_path / 'file'
    if content:
        path.write_text(content)
    stamp = os.stat(path) if content else None
    answers = {'daemon.show': {'config': str(path), 'config_stamp': stamp and
                               f'{stamp.st_ino}-{stamp.st_size}-{int(stamp.st_mtime)}.{stamp.st_mtime_ns % 10**9:09}'},
               'config.show': {'config': {'x: $(id)': 1}}, 'config.diff': {'same': True, 'changes': []},
               'config.apply': {'steps': []}}
    with FakeVmqd(answers) as d:
        p = run(d.path, 'config', verb)
        assert p.returncode == 1 and str(path) in p.stderr
        assert 's3cret' not in json.dumps(d.requests)
    assert path.read_text() == content if content else not path.exists()


@pytest.mark.parametrize('command', ['vport', '-d vport', 'filter', 'queue', '-d -s queue', 'switch', '-s stats',
                                     '-d explain from a dst b', 'version', 'vport add x', 'filter move 1 to x'])
@pytest.mark.parametrize('answer', [
    None, 1, 'text', [], {}, {'vports': 3}, {'vports': [1, None, {}]}, {'filters': ['x', {}]},
    {'queues': [{}, 7, {'macs': 3, 'state': 5}, {'macs': [1, {}], 'state': ':'}]}, {'switches': [{'port': 9}, 3]},
    {'vports': [{'drops': 7}, {'drops': {'a': 'b'}}], 'wires': {}, 'workers': [5]},
    {'text': [1, {}], 'destinations': [None]}, {'id': {'x': [[]]}, 'name': [1, 'a', None]},
], ids=str)
def test_answers_of_the_wrong_shape(command, answer):
    """Whatever JSON comes, vmqctl shows what it can and ends."""
    method = {'filter move': 'filter.move', 'vport add': 'vport.add'}.get(' '.join(command.split()[:2]))
    words = [w for w in command.split() if not w.startswith('-')]
    method = method or {'explain': 'explain', 'version': 'version'}.get(words[0], words[0] + '.show')
    with FakeVmqd({method: answer}) as d:
        p = run(d.path, *command.split())
    assert (p.returncode, p.stderr) == (0, '')


# ---- watch and monitor: until interrupted ----

def start(path, *args, **kw):
    return subprocess.Popen([program('vmqctl'), '--socket', path, *args], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, env=vmqctl_env(), **kw)


def test_watch_repeats_until_interrupted():
    with FakeVmqd({'queue.show': {'queues': QUEUES}}) as d:
        p = start(d.path, 'queue', 'show', 'watch', '0.1')
        pictures = 0
        while pictures < 3:
            pictures += p.stdout.readline().startswith('QUEUE')
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=20)
        assert (p.returncode, err) == (0, '')
        assert '\033' not in out
        assert d.requests[0] == ('queue.show', {})


def test_watch_draws_over_itself_on_a_terminal():
    with FakeVmqd({'queue.show': {'queues': QUEUES[:1]}}) as d:
        main, side = pty.openpty()
        p = subprocess.Popen([program('vmqctl'), '--socket', d.path, 'queue', 'watch', '0.1'], stdout=side,
                             env=vmqctl_env())
        os.close(side)
        seen = b''
        while seen.count(b'\033[H') < 3:
            seen += os.read(main, 4096)
        p.send_signal(signal.SIGINT)
        assert p.wait(timeout=20) == 0
        os.close(main)
        assert seen.count(b'\033[2J') == 1
        assert b'TX-FRAMES\033[K' in seen


def test_watch_json_is_a_line_a_time():
    with FakeVmqd({'queue.show': {'queues': []}}) as d:
        p = start(d.path, '-j', 'queue', 'watch', '0.1')
        assert [p.stdout.readline() for _ in range(3)] == ['{"queues":[]}\n'] * 3
        p.send_signal(signal.SIGTERM)
        p.communicate(timeout=20)
        assert p.returncode == 0


def test_watch_ends_with_the_daemon():
    count = []

    def answer(conn, request):
        count.append(1)
        if len(count) < 3:
            reply(conn, request, result={'queues': []})
        else:
            close_now(conn)
    with FakeVmqd({'queue.show': answer}) as d:
        p = run(d.path, 'queue', 'watch', '0.1')
    assert p.returncode == 3
    assert p.stderr == 'vmqctl: vmqd closed the connection\n'


def monitor_of(*events, after=None):
    def answer(conn, request):
        reply(conn, request, result={})
        for e in events:
            event(conn, **e)
        if after:
            after(conn)
    return FakeVmqd({'monitor.start': answer})


EVENTS = [{'time': 1700000000.25, 'event': 'vport_added', 'adapter': 'ext0', 'vport': 'web1', 'id': 1},
          {'time': '2026-01-01T00:00:00Z', 'event': 'filter_set', 'adapter': 'ext0', 'vport': 'web1', 'filter': 3}]


def test_monitor_text_and_interrupt():
    with monitor_of(*EVENTS) as d:
        p = start(d.path, 'monitor')
        assert p.stdout.readline() == '2023-11-14 22:13:20.250 vport_added adapter ext0 vport web1 id 1\n'
        assert p.stdout.readline() == '2026-01-01T00:00:00Z filter_set adapter ext0 vport web1 filter 3\n'
        p.send_signal(signal.SIGINT)
        assert p.communicate(timeout=20) == ('', '')
        assert p.returncode == 0


def test_monitor_json():
    with monitor_of(*EVENTS) as d:
        p = start(d.path, '-j', 'monitor')
        assert [json.loads(p.stdout.readline()) for _ in EVENTS] == EVENTS
        p.terminate()
        p.communicate(timeout=20)
        assert p.returncode == 0


STATE = {'event': 'status_indication', 'time': 1.5, 'adapter': 'ext0', 'status': 0x4002000D,
         'status_name': 'NDIS_STATUS_RECEIVE_QUEUE_STATE', 'buffer': '80011000000000000700000003000000'}
BLOCKS = {'event': 'vf_config_invalidated', 'time': 2, 'adapter': 'ext0', 'vf': 3, 'block_mask': '0x5', 'oid': 0x00010269,
          'buffer': '80011000000000000500000000000000'}


def test_monitor_reads_indications():
    """By the members' names; their bytes with --hex, and both as JSON."""
    shown = []
    for options in ([], ['--hex'], ['-j']):
        with monitor_of(STATE, BLOCKS, {**STATE, 'buffer': '80'}, {**STATE, 'status': 1, 'status_name': 'NDIS_STATUS_?'},
                        after=close_now) as d:
            lines = run(d.path, 'monitor', *options).stdout.splitlines()
        shown.append(lines if options == ['-j'] else [line.split(' ', 2)[2] for line in lines])
    assert shown[0] == [
        'status_indication adapter ext0 status_name NDIS_STATUS_RECEIVE_QUEUE_STATE Flags 0x0 QueueId 7 '
        'QueueState NdisReceiveQueueOperationalStateDmaStopped',
        'vf_config_invalidated adapter ext0 vf 3 BlockMask 0x5',
        'status_indication adapter ext0 status_name NDIS_STATUS_RECEIVE_QUEUE_STATE',
        f'status_indication adapter ext0 status 1 status_name NDIS_STATUS_? buffer {STATE["buffer"]}']
    assert shown[1][0].endswith(f'status_name NDIS_STATUS_RECEIVE_QUEUE_STATE buffer {STATE["buffer"]}')
    assert json.loads(shown[2][0]) == {**STATE, 'members': {
        'Header': {'Type': '0x80', 'Revision': 1, 'Size': 16}, 'Flags': '0x0', 'QueueId': 7,
        'QueueState': 'NdisReceiveQueueOperationalStateDmaStopped'}}
    assert json.loads(shown[2][1])['members']['BlockMask'] == '0x5'


def test_monitor_ends_with_the_daemon():
    with monitor_of(EVENTS[0], after=close_now) as d:
        p = run(d.path, 'monitor')
    assert len(p.stdout.splitlines()) == 1
    assert (p.returncode, p.stderr) == (3, 'vmqctl: vmqd closed the connection\n')


# ---- what is said when it goes wrong ----

def test_refused():
    with FakeVmqd({'vport.add': Error(-32602, 'cpu: 9 is no worker\'s; workers run on 0, 1', field='cpu'),
                   'filter.add': Error(3, 'filter: the address is taken by web2', status='NDIS_STATUS_FAILURE',
                                       oid='OID_RECEIVE_FILTER_SET_FILTER')}) as d:
        p = run(d.path, 'vport', 'add', 'web1', 'cpu', '9')
        assert (p.returncode, p.stdout, p.stderr) == (1, '', 'vmqctl: cpu: 9 is no worker\'s; workers run on 0, 1\n')
        p = run(d.path, 'filter', 'add', 'web1', 'mac', 'x')
        assert (p.returncode, p.stderr) == (1, 'vmqctl: filter: the address is taken by web2 '
                                               '(NDIS_STATUS_FAILURE from OID_RECEIVE_FILTER_SET_FILTER)\n')
        p = run(d.path, '-j', 'vport', 'add', 'web1', 'cpu', '9')
        assert p.returncode == 1
        assert json.loads(p.stdout) == {'error': {
            'code': -32602, 'message': 'cpu: 9 is no worker\'s; workers run on 0, 1', 'data': {'field': 'cpu'}}}


USAGE = [
    ('', 'usage: vmqctl'),
    ('vprt', 'vmqctl: no object "vprt"; objects: vport, '),
    ('help vprt', 'no object "vprt"; objects: vport'),
    ('vport ad web1', 'vmqctl: vport has no verb "ad"; verbs: add, set, del, show\n'),
    ('vport sho', 'vport has no verb "sho"'),
    ('vport add', 'vmqctl: vport add: NAME is missing\nusage: vmqctl vport add NAME [key value]…\n'),
    ('vport add web1 macc x', 'vmqctl: vport add has no key "macc"; keys: mac, vlan, broadcast, cpu, socket, '),
    ('vport add web1 mac', 'vmqctl: vport add: mac needs a value: MAC\n'),
    ('vport add web1 mac a mac b', 'vmqctl: vport add: mac is given twice\n'),
    ('vport add web1 name web2', 'has no key "name"'),
    ('vport del web1 now', 'vmqctl: vport del has no key "now"; keys: adapter\nusage: vmqctl vport del NAME [key value]…\n'),
    ('filter add web1', 'vmqctl: filter add: mac is missing\nusage: vmqctl filter add VPORT mac MAC [key value]…\n'),
    ('filter move 7', 'filter move: to is missing'),
    ('version now', 'version has no key "now": it takes nothing more'),
    ('filter move to web1', 'filter move has no key "web1"; keys: to, adapter\nusage: vmqctl filter move ID to VPORT [key value]…\n'),
    ('explain from wire', 'explain: dst is missing'),
    ('explain wire', 'explain has no key "wire"; keys: from, dst, src, vlan, priority, frame, len, pcap, number, adapter'),
    ('queue show web1 web2', 'queue show has no key "web2"; keys: macs_max, adapter, watch\n'),
    ('queue show watch', 'queue show: watch needs a value: SECONDS'),
    ('queue show watch 0', 'watch: "0" is not a number of seconds from 0.1 to 3600'),
    ('queue show watch nan', 'watch: "nan" is not a number of seconds'),
    ('queue show watch 1s', 'watch: "1s" is not a number of seconds'),
    ('queue show vport a vport b', 'vport is given twice'),
    ('monitor now', 'monitor has no key "now": it takes nothing more'),
    ('version 2', 'version has no key "2"'),
    ('--jason queue', "unrecognized option '--jason'"),
    ('vport show --qemu', 'vmqctl: vport show: --qemu needs a NAME\n'),
    ('vport add web1 --libvirt', 'vmqctl: vport add has no --libvirt\n'),
    ('oid OID_SRIOV_PF_LUID --qemu', 'vmqctl: oid has no --qemu\n'),
    ('vport show web1 watch 1 --qemu', 'vport show: watch does not go with --qemu\n'),
    ('queue --socket', "option '--socket' requires an argument"),
]


@pytest.mark.parametrize('command,says', USAGE, ids=[u[0] or '(nothing)' for u in USAGE])
def test_usage(command, says):
    """Mistakes of syntax are said here, and the daemon is not even asked."""
    with FakeVmqd() as d:
        p = run(d.path, *command.split())
        assert (p.returncode, p.stdout, d.connections) == (2, '', [])
    assert says in p.stderr


def test_value_that_is_no_text():
    with FakeVmqd() as d:
        p = subprocess.run([program('vmqctl'), '--socket', d.path, 'vport', 'add', b'a\xff'], capture_output=True,
                           timeout=30)
        assert (p.returncode, d.connections) == (2, [])
        assert b'the value of name is not UTF-8 text' in p.stderr


def test_no_daemon(tmp_path):
    p = run(str(tmp_path / 'nobody'), 'queue')
    assert p.returncode == 3
    assert p.stderr == f'vmqctl: cannot connect to {tmp_path}/nobody: No such file or directory; is vmqd running?\n'
    with FakeVmqd() as d:
        d.stop_listening()
        p = run(d.path, '-j', 'queue')
    assert p.returncode == 3
    assert 'Connection refused; is vmqd running?' in json.loads(p.stdout)['error']['message']
    p = run('/x' * 60, 'monitor')
    assert p.returncode == 3 and 'longer than 107 bytes' in p.stderr


def test_output_that_cannot_be_written():
    with FakeVmqd({'queue.show': {'queues': QUEUES}}) as d, open('/dev/full', 'w') as full:
        p = subprocess.run([program('vmqctl'), '--socket', d.path, 'queue'], stdout=full, stderr=subprocess.PIPE,
                           text=True, timeout=30)
    assert (p.returncode, p.stderr) == (1, 'vmqctl: cannot write the output: No space left on device\n')


# ---- what the daemon's end may do wrong ----

HOSTILE = {
    'garbage': (b'\x00\xffnot JSON\n', 'a line that is not a JSON object'),
    'an array': (b'[]\n', 'a line that is not a JSON object'),
    'nested deep': (b'[' * 100000 + b'\n', 'a line that is not a JSON object'),
    'a key twice': (b'{"id":1,"result":1,"result":2}\n', 'a line that is not a JSON object'),
    'nothing in it': (b'{"jsonrpc":"2.0","id":1}\n', 'an answer that has neither result nor error'),
    'another id': (b'{"jsonrpc":"2.0","id":77,"result":{}}\n', 'an answer to another request'),
    'no id': (b'{"jsonrpc":"2.0","result":{}}\n', 'an answer to another request'),
    'an id of text': (b'{"jsonrpc":"2.0","id":"1","result":{}}\n', 'an answer to another request'),
    'an error of no shape': (b'{"jsonrpc":"2.0","id":1,"error":"no"}\n', 'an error that has no code and message'),
    'an error code too large': (b'{"id":1,"error":{"code":99999999999,"message":"x"}}\n', 'an error that has no code'),
}


@pytest.mark.parametrize('what', HOSTILE)
def test_hostile_answer(what):
    data, says = HOSTILE[what]
    with FakeVmqd({'queue.show': data}) as d:
        p = run(d.path, 'queue')
    assert (p.returncode, p.stdout) == (3, '')
    assert says in p.stderr


def test_close_in_the_middle():
    def half(conn, _request):
        conn.sendall(b'{"jsonrpc":"2.0","id":1,"resu')
        close_now(conn)
    with FakeVmqd({'queue.show': half}) as d:
        p = run(d.path, 'queue')
    assert (p.returncode, p.stderr) == (3, 'vmqctl: vmqd closed the connection\n')


def test_endless_line():
    """32 MiB and no newline: refused, with memory bounded far below what is offered."""
    def flood(conn, _request):
        while True:
            conn.sendall(b'x' * 1048576)
    with FakeVmqd({'queue.show': flood}) as d:
        limited = ['/bin/sh', '-c', 'ulimit -v 262144; exec "$@"', 'sh']
        p = subprocess.run([*limited, program('vmqctl'), '--socket', d.path, 'queue'], capture_output=True, text=True,
                           timeout=60)
    assert (p.returncode, p.stderr) == (3, 'vmqctl: vmqd sent a line longer than 33554432 bytes\n')


def test_long_answer():
    """More than one MiB in one line is an answer like any other (docs/rpc.md)."""
    filters = [dict(FILTER, id=i) for i in range(20000)]
    out = lines('filter', filter_show={'filters': filters})
    assert len(out) == 20001
    assert squeeze(out[-1])[0] == '19999'


def test_turned_away():
    """The daemon may refuse the connection itself: it says why and closes before anything was asked."""
    def refuse(conn):
        conn.sendall(b'{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"uid 5 may not connect","data":{}}}\n')
        close_now(conn)
    with FakeVmqd(on_connect=refuse) as d:
        for _ in range(5):
            p = run(d.path, 'queue')
            assert (p.returncode, p.stderr) == (1, 'vmqctl: uid 5 may not connect\n')


def test_events_that_nobody_asked_for_are_passed_over():
    def answer(conn, request):
        event(conn, event='vport_added')
        reply(conn, request, result={'queues': []})
    assert len(lines('queue', queue_show=answer)) == 1


# ---- help and completion: made from the same tables ----

def test_a_drivers_faults_are_shown():
    with FakeVmqd({'switch.show': {'switches': [{**SWITCH, 'num_vfs': 2, 'max_vfs': 256, 'driver_faults': 0}]}}) as d:
        out = run(d.path, 'switch').stdout
        assert 'VFs 2 of 256' in out and 'driver faults' not in out
        d.answers['switch.show']['switches'][0].update(driver_faults=3, last_driver_fault='it answered twice')
        assert '\n    driver faults 3, the last: it answered twice\n' in run(d.path, 'switch').stdout


def test_help_names_everything():
    p = run('/nowhere', 'help')
    assert (p.returncode, p.stderr) == (0, '')
    assert run('/nowhere', '--help').stdout == p.stdout
    for words in (['top', '--help'], ['-h', 'top'], ['top', 'x', '--once', '-h']):
        assert run('/nowhere', *words).stdout == run('/nowhere', 'help', 'top').stdout
    assert run('/nowhere', 'tap', '--help').returncode == 2
    objects = complete('/nowhere', '')
    assert objects[-1] == 'help' and {'vport', 'filter', 'queue', 'switch'} < set(objects)
    for o in objects:
        assert f'\n    {o} ' in p.stdout
        if o == 'help':
            continue
        text = run('/nowhere', 'help', o).stdout
        assert run('/nowhere', o, 'help').stdout == text
        assert max(map(len, text.splitlines())) <= 120
        for verb in () if o in ('oid', 'doctor') else complete('/nowhere', o, ''):
            assert verb in text


def test_every_long_option_is_offered():
    """Those of the help, and those that getopt takes."""
    shown = set(re.findall(r'(?<=[ ,])--[a-z-]+', run('/nowhere', 'help').stdout.split('options:\n')[1]))
    taken = set(re.findall(r'\{ "([a-z-]+)", (?:no|required)_argument', open(f'{ROOT}/src/vmqctl/main.c').read()))
    assert set(complete('/nowhere', '--')) == shown == {f'--{n}' for n in taken}


def complete(path, *words):
    p = subprocess.run([program('vmqctl'), 'complete', *words], capture_output=True, text=True, timeout=30,
                       env=dict(vmqctl_env(), VMQ_SOCKET=path))
    assert (p.returncode, p.stderr) == (0, '')
    return p.stdout.split()


COMPLETIONS = [
    ('q', ['queue']),
    ('vport ', ['add', 'set', 'del', 'show']),
    ('vport set ', ['default', 'web1']),
    ('vport set w', ['web1']),
    ('vport set web1 v', ['vlan_check']),
    ('vport set web1 moderation ', ['adaptive', 'off', 'low', 'medium', 'high', 'undefined']),
    ('vport add new mac 52:54:00:00:00:01 vlan ', ['untagged', 'any']),
    ('vport add new mac 52:54:00:00:00:01 mo', ['moderation', 'moderation_us', 'moderation_frames']),
    ('vport add ', []),
    ('filter del ', ['7']),
    ('filter move 7 ', ['to', 'adapter']),
    ('filter move 7 to w', ['web1']),
    ('queue ', ['show', 'default', 'web1', 'macs_max', 'adapter', 'watch']),
    ('queue show adapter ', ['ext0']),
    ('explain ', ['from', 'dst', 'src', 'vlan', 'priority', 'frame', 'len', 'pcap', 'number', 'adapter']),
    ('explain from w', ['wire', 'web1']),
    ('help fi', ['filter']),
    ('--so', ['--socket']),
    ('-j queue sh', ['show']),
    ('oid OID_NIC_SWITCH_DEL', ['OID_NIC_SWITCH_DELETE_SWITCH', 'OID_NIC_SWITCH_DELETE_VPORT']),
    ('oid OID_NIC_SWITCH_DELETE_VPORT ', ['query', 'set', 'method', 'statistics', 'Header.Type=', 'Header.Revision=',
                                          'Header.Size=', 'Flags=', 'VPortId=']),
    ('oid OID_NIC_SWITCH_VPORT_PARAMETERS set ProcessorAffinity.M', ['ProcessorAffinity.Mask=']),
    ('--bytes 4 oid OID_SRIOV_PF', ['OID_SRIOV_PF_LUID']),
    ('nonsense ', []),
]


@pytest.mark.parametrize('line,expected', COMPLETIONS, ids=[c[0] for c in COMPLETIONS])
def test_completion(line, expected):
    with FakeVmqd({'vport.show': {'vports': [DEFAULT_VPORT, VPORT]}, 'filter.show': {'filters': [FILTER]},
                   'switch.show': {'switches': [SWITCH]}}) as d:
        assert complete(d.path, *line.split(' ')) == expected


def test_completion_in_bash():
    """The shell's side: words with colons stay whole, options are passed on."""
    script = os.path.join(os.path.dirname(__file__), '../../src/vmqctl/completion.bash')
    ask = ('source "$1"; COMP_LINE=$2; COMP_POINT=${#2}; read -r -a COMP_WORDS <<<"${2//:/ : }"; '
           '[[ $2 == *" " ]] && COMP_WORDS+=(""); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _vmqctl; '
           'echo "${COMPREPLY[*]}"')
    for words, expected in (('queue show ada', 'adapter'),
                            ('vport add a mac 52:54:00:00:00:01 socket_m', 'socket_mode'),
                            ('filter ', 'add del move show')):
        p = subprocess.run(['bash', '-c', ask, 'bash', script, f'{program("vmqctl")} {words}'], capture_output=True,
                           text=True, timeout=30, env=dict(vmqctl_env(), VMQ_SOCKET='/nowhere'))
        assert (p.stdout.strip(), p.stderr) == (expected, '')


@pytest.mark.skipif(not shutil.which('zsh'), reason='no zsh')
def test_completion_in_zsh(tmp_path):
    """zsh loads the file as it is installed; what it would offer is written down instead."""
    os.symlink(os.path.join(ROOT, 'src/vmqctl/completion.zsh'), tmp_path / '_vmqctl')
    ask = ('fpath=($1 $fpath); autoload -U +X _vmqctl; compadd() { print -r -- "compadd $*" }; _files() { print files }; '
           'words=("${(@)argv[2,-1]}"); CURRENT=$#words; PREFIX=$words[-1]; _vmqctl')
    for words, expected in (
            (['queue', 'show', 'ada'], ['compadd -S  --', 'compadd -- adapter']),
            (['vport', 'add', 'a', 'mac', '52:54:00:00:00:01', 'socket_m'], ['compadd -S  --', 'compadd -- socket_mode']),
            (['filter', ''], ['compadd -S  --', 'compadd -- add del move show']),
            (['vport', 'set', 'we'], ['compadd -S  --', 'compadd -- web1']),
            (['oid', 'OID_NIC_SWITCH_DELETE_VPORT', 'VP'], ['compadd -S  -- VPortId=', 'compadd --']),
            (['migrate', 'import', './f'], ['files'])):
        with FakeVmqd({'vport.show': {'vports': [VPORT]}}) as d:
            p = subprocess.run(['zsh', '-f', '-c', ask, 'zsh', str(tmp_path), program('vmqctl'), *words],
                               capture_output=True, text=True, timeout=30, env=dict(vmqctl_env(), VMQ_SOCKET=d.path))
        assert (p.stdout.splitlines(), p.stderr) == (expected, ''), words


# ---- the man page ----

def man_examples():
    with open(os.path.join(ROOT, 'docs/man/vmqctl.1.scd')) as f:
        return re.findall(r'^vmqctl .*$', f.read().partition('# EXAMPLES')[2], re.M)


@pytest.mark.parametrize('command', man_examples())
def test_man_page_example_is_understood(command):
    """The syntax; test_vmqctl_daemon.py runs them against vmqd."""
    words = command.split()[1:]
    with FakeVmqd() as d:
        p = run(d.path, *words)
        assert (p.returncode, len(d.requests)) == (1, 1), p.stderr


def test_man_page_names_every_key():
    with open(os.path.join(ROOT, 'docs/man/vmqctl.1.scd')) as f:
        page = f.read().replace('*', ' ')
    for o in complete('/nowhere', '')[:-1]:
        assert re.search(rf'\b{o}\b', page)
        if o == 'oid':  # its words are the contract's
            continue
        for verb in complete('/nowhere', o, '') or ['']:
            for key in complete('/nowhere', o, verb, 'X', ''):
                assert re.search(rf'\b{key}\b', page), (o, verb, key)
