# SPDX-License-Identifier: BSD-3-Clause
"""Virtual functions on the software adapter: allocated and freed for people and by requests, their VMs on the same data
path as all others, reset and asleep under traffic, refused in the wrong order."""
import os
import struct

import pytest

from vmqtest import daemon, frames, netns, procs
from vmqtest.frames import frame
from vmqtest.guest import Guest, Nic
from vmqtest.rpc import RpcError
from vmqtest.vufront import GET_QUEUE_NUM, VuFront

P, V, R, FAR = (f'52:54:00:00:00:{i}' for i in ('01', '02', '03', 'f0'))
SUCCESS, INVALID_PARAMETER, FILE_NOT_FOUND = 'NDIS_STATUS_SUCCESS', 'NDIS_STATUS_INVALID_PARAMETER', 'NDIS_STATUS_FILE_NOT_FOUND'
NOBODY = {'wire', 'host'}


# ---- requests of the contract, in the structures of spec/20 ----

def header(revision, size):
    return struct.pack('<BBH', 0x80, revision, size)


def request(x, oid, kind, data, out=0):
    return x.vmqd.call('oid.request', oid=oid, type=kind, **{'in': data.hex()}, out_len=out)


def member(answer, at, form):
    return struct.unpack_from(form, bytes.fromhex(answer['out']), at)[0]


def vf_parameters(mac):
    address = bytes.fromhex(mac.replace(':', '')).ljust(32, b'\0')
    return header(1, 1632) + bytes(1556) + struct.pack('<H', 6) + address + address + struct.pack('<HI', 0xFFFF, 0xFFFFFFFF)


def vport_parameters(vf, pairs=1):
    return (header(1, 572) + bytes(528) + struct.pack('<HxxIII', vf, pairs, 1, 1)).ljust(572, b'\0')


def allocate_vf(x, mac):
    a = request(x, 'OID_NIC_SWITCH_ALLOCATE_VF', 'method', vf_parameters(mac), 1632)
    assert a['status_name'] == SUCCESS, a
    return member(a, 1626, '<H')


def create_vport(x, vf, pairs=1):
    a = request(x, 'OID_NIC_SWITCH_CREATE_VPORT', 'method', vport_parameters(vf, pairs), 572)
    return a['status_name'], member(a, 12, '<I') if a['status'] == 0 else None


def set_filter(x, vport, mac):
    """Destination address, untagged or zero."""
    field = header(2, 56) + struct.pack('<IIII', 1, 1, 1, 1) + bytes(4) + bytes.fromhex(mac.replace(':', ''))
    b = header(2, 44) + struct.pack('<10I', 0, 1, 0, 0, 48, 1, 56, 0, 0, vport) + bytes(4) + field.ljust(56, b'\0')
    a = request(x, 'OID_RECEIVE_FILTER_SET_FILTER', 'method', b, len(b))
    assert a['status_name'] == SUCCESS, a
    return member(a, 16, '<I')


def clear_filter(x, filter_id):
    return request(x, 'OID_RECEIVE_FILTER_CLEAR_FILTER', 'set', header(1, 16) + struct.pack('<III', 0, 0, filter_id))['status_name']


def delete_vport(x, vport):
    return request(x, 'OID_NIC_SWITCH_DELETE_VPORT', 'set', header(1, 12) + struct.pack('<II', 0, vport))['status_name']


def free_vf(x, vf):
    return request(x, 'OID_NIC_SWITCH_FREE_VF', 'set', header(1, 10) + struct.pack('<IH', 0, vf))['status_name']


def reset_vf(x, vf):
    return request(x, 'OID_SRIOV_RESET_VF', 'set', header(1, 6) + struct.pack('<H', vf))['status_name']


def power(x, vf, state):
    return request(x, 'OID_SRIOV_SET_VF_POWER_STATE', 'set', header(1, 13) + struct.pack('<HxxIB', vf, state + 1, 0))['status_name']


# ---- what can be seen ----

def vfs(x):
    return x.vmqd.call('vf.show')['vfs']


def use(x):
    s = x.switch()
    return s['num_vports'], s['num_vfs'], s['queue_pairs']


@pytest.fixture
def one(lab):
    """A VM on the PF and one on a VF."""
    x = lab(vports=[{'name': 'p', 'mac': P}, {'name': 'v', 'mac': V, 'function': 'vf'}])
    x.plug('p', 'v')
    return x


def exchange(x, name='v', mac=V, other='p'):
    """A frame each way between a VF's VM, one on the PF, and the wire; nobody else gets any of them."""
    x.everywhere(quiet=0.05)
    x.vms[name].send(frame(P, mac, 1))
    x.vms[other].send(frame(mac, P, 2))
    x.vms[name].send(frame(FAR, mac, 3))
    x.wire.send(frame(mac, FAR, 4))
    got = {k: [frames.number(f) for f in v] for k, v in x.everywhere(4).items()}
    host = got.pop('host', [])
    assert host == [3] and {k: sorted(v) for k, v in got.items()} == {other: [1], name: [2, 4], 'wire': [3]}, got


# ---- for people ----

def test_a_vm_on_a_vf(one):
    x = one
    [vf] = vfs(x)
    assert vf['vf'] == 0 and vf['mac'] == V and vf['vm'] == 'v' and vf['vport'] == 'v' and vf['queue_pairs'] == 1
    assert (vf['pci'], vf['pci_id'], vf['state'], vf['power']) == ('fff0:00:00.0', '1af4:1041', 'carrying', 'D0')
    assert vf['socket'] == x.vmqd.path('v') and vf['status'] == 'running'
    assert x.vmqd.vport('v')['function'] == 0 and x.vmqd.vport('p')['function'] == 'PF'
    assert x.vmqd.vport('v')['state'] == 'activated'
    exchange(x)
    text = x.vmqd.vmqctl('vf').splitlines()
    assert text[0].split() == ['VF', 'PCI', 'MAC', 'STATE', 'POWER', 'VPORT', 'QUEUES', 'VM', 'STATUS']
    assert text[1].split() == ['0', 'fff0:00:00.0', V, 'carrying', 'D0', str(vf['vport_id']), '1', 'v', 'running']
    assert 'VFs 1 of 256' in x.vmqd.vmqctl('switch')


def test_added_moved_and_deleted(one):
    x = one
    before = use(x)
    v = x.vmqd.call('vport.add', name='w', mac=R, function='vf', queue_pairs=4, cpu=x.cpus[-1])
    assert v['function'] == 1 and v['queue_pairs'] == 4 and v['cpu'] == x.cpus[-1]
    x.vm('w', pairs=2)
    exchange(x, 'w', R)
    assert x.vmqd.call('vport.set', name='w', cpu=x.cpus[0])['cpu'] == x.cpus[0]
    assert x.vmqd.queue('w')['cpu'] == x.cpus[0]
    exchange(x, 'w', R)
    with pytest.raises(RpcError) as e:
        x.vmqd.call('vport.set', name='w', queue_pairs=2)
    assert e.value.field == 'queue_pairs'
    # its filter goes to the PF and back; the VF stays
    f = x.vmqd.call('filter.show', vport='w')['filters'][0]
    x.vmqd.call('filter.move', id=f['id'], to='p')
    assert [vf['state'] for vf in vfs(x)] == ['carrying', 'attached']
    x.vmqd.call('filter.move', id=f['id'], to='w')
    x.vms.pop('w').close()
    x.vmqd.call('vport.del', name='w')
    assert use(x) == before and [vf['vf'] for vf in vfs(x)] == [0] and not os.path.exists(x.vmqd.path('w'))
    exchange(x)


def test_nothing_is_left_of_one_that_cannot_be(one):
    x = one
    before = use(x)
    for params, field in (({'mac': V}, 'mac'),
                          ({'mac': R, 'socket': '/nowhere/at/all.sock'}, 'socket'), ({'mac': R, 'function': 'x'}, 'function')):
        with pytest.raises(RpcError) as e:
            x.vmqd.call('vport.add', **{'name': 'w', 'function': 'vf', **params})
        assert e.value.field == field, (params, e.value)
        assert use(x) == before


def test_without_an_address_of_its_own(one):
    """Its filters may all be elsewhere; it migrates, too."""
    x = one
    v = x.vmqd.call('vport.add', name='w', function='vf')
    mac = vfs(x)[1]['mac']
    assert v['filters'] == 0 and vfs(x)[1]['state'] == 'attached' and int(mac[:2], 16) & 3 == 2
    doc = x.vmqd.call('migrate.export', name='w')
    x.vmqd.call('vport.del', name='w')
    x.vmqd.call('migrate.import', vport=doc)
    assert vfs(x)[1]['mac'] == mac


def test_it_migrates_as_one(one):
    x = one
    doc = x.vmqd.call('migrate.export', name='v')
    assert doc['function'] == 'vf' and x.vmqd.call('migrate.export', name='p')['function'] == 'pf'
    x.vms.pop('v').close()
    x.vmqd.call('vport.del', name='v')
    assert x.vmqd.call('migrate.check', vport=doc) == {'fits': True, 'lacks': []}
    assert x.vmqd.call('migrate.import', vport=doc)['function'] == 0
    x.vm('v')
    exchange(x)
    del doc['function']
    x.vms.pop('v').close()
    x.vmqd.call('vport.del', name='v')
    assert x.vmqd.call('migrate.import', vport=doc)['function'] == 'PF'


def test_as_many_as_there_are(lab):
    x = lab()
    for i in range(256):
        x.vmqd.call('vport.add', name=f'v{i}', mac=f'52:54:00:00:01:{i:02x}', function='vf')
    doc = x.vmqd.call('migrate.export', name='v0')
    with pytest.raises(RpcError) as e:
        x.vmqd.call('vport.add', name='w', mac=R, function='vf')
    assert e.value.code == 4 and e.value.field == 'function' and 'NumVFs' in e.value.message
    assert use(x) == (257, 256, 257)
    doc['name'], doc['filters'] = 'w', [{'mac': R}]
    assert [lack['what'] for lack in x.vmqd.call('migrate.check', vport=doc)['lacks']] == ['VFs']
    assert len({vf['rid'] for vf in vfs(x)}) == 256 and vfs(x)[9]['pci'] == 'fff0:00:01.1'
    x.vmqd.call('vport.del', name='v7')
    assert x.vmqd.call('vport.add', name='w', mac=R, function='vf')['function'] == 7


def test_it_survives_a_restart():
    """As a VF, also when its filters are elsewhere by then; its queue pairs are as they were."""
    db = os.path.join(procs.workdir(), 'vf-state', 'state.db')
    d = daemon.Vmqd({'state': db, 'adapters': [{'name': 'ext0', 'port': {'driver': 'pcap'}, 'host': {'device': 'vmq0'}}]},
                    netns=netns.NetNS('vf-state'))
    d.call('vport.add', name='p', mac=P)
    d.call('vport.set', name='p', queue_pairs=3)
    for name, mac in (('v', V), ('w', R)):
        d.call('vport.add', name=name, mac=mac, function='vf', queue_pairs=2)
    d.call('filter.move', id=d.call('filter.show', vport='w')['filters'][0]['id'], to='p')
    assert d.stop() == 0
    d.start()
    assert [(v['vport'], v['state'], v['queue_pairs']) for v in d.call('vf.show')['vfs']] == [('v', 'carrying', 2), ('w', 'attached', 2)]
    assert d.vport('p')['queue_pairs'] == 3 and {m['mac'] for m in d.vport('p')['macs']} == {P, R}
    assert d.stop() == 0


# ---- by requests ----

def test_by_requests_alone(lab):
    """A driver that knows nothing but the contract: VF, VPort, filter, a VM on the VF's socket; and back in order."""
    x = lab(vports=[{'name': 'p', 'mac': P}])
    x.plug('p')
    vf = allocate_vf(x, R)
    path = f'{x.vmqd.dir}/ext0-vf{vf}.sock'
    assert [v['state'] for v in vfs(x)] == ['allocated'] and not os.path.exists(path)
    status, vport = create_vport(x, vf)
    assert status == SUCCESS
    shown = vfs(x)[0]
    assert (shown['state'], shown['socket'], shown['vport'], shown['status']) == ('attached', path, '', 'no VM')
    m = x.vmqd.connect()
    m.call('monitor.start')
    x.vms['r'] = VuFront(path)
    procs.wait_for(lambda: vfs(x)[0]['status'] == 'running', 20, 'the VM on the VF')
    assert (m.event()['event'], m.event()['event']) == ('vm_connected', 'queue_started')
    m.close()
    f = set_filter(x, vport, R)
    assert vfs(x)[0]['state'] == 'carrying'
    exchange(x, 'r', R)
    # a VF has one VPort; each step back only after the one before it
    assert create_vport(x, vf) == (INVALID_PARAMETER, None)
    assert free_vf(x, vf) == FILE_NOT_FOUND
    assert delete_vport(x, vport) == INVALID_PARAMETER
    exchange(x, 'r', R)
    assert clear_filter(x, f) == SUCCESS
    assert free_vf(x, vf) == FILE_NOT_FOUND
    # its VM is unplugged with the VPort
    assert delete_vport(x, vport) == SUCCESS
    assert not os.path.exists(path)
    assert x.vms.pop('r').sock.recv(1) == b''
    assert reset_vf(x, vf) == SUCCESS and free_vf(x, vf) == SUCCESS
    assert free_vf(x, vf) == FILE_NOT_FOUND and reset_vf(x, vf) == INVALID_PARAMETER
    assert vfs(x) == []


def test_a_vf_of_the_stack_is_not_a_clients_to_free(one):
    x = one
    vport = x.vmqd.vport('v')['id']
    assert delete_vport(x, vport) == INVALID_PARAMETER
    assert free_vf(x, 0) in (INVALID_PARAMETER, FILE_NOT_FOUND)
    exchange(x)


def test_names_of_any_length(lab):
    """What somebody calls a VM or a VPort by requests is shown as far as there is room, whole characters of it."""
    x = lab()
    name = 'x' + 'é' * 40
    text = struct.pack('<H', 2 * len(name)) + name.encode('utf-16-le')
    b = bytearray(vf_parameters(R))
    b[12:12 + len(text)] = text
    assert request(x, 'OID_NIC_SWITCH_ALLOCATE_VF', 'method', bytes(b), 1632)['status_name'] == SUCCESS
    b = bytearray(vport_parameters(0))
    b[16:16 + len(text)] = text
    assert request(x, 'OID_NIC_SWITCH_CREATE_VPORT', 'method', bytes(b), 572)['status_name'] == SUCCESS
    assert vfs(x)[0]['vm'] == name[:32]
    assert [v['name'] for v in x.vmqd.call('vport.show')['vports']] == ['default', name[:32]]
    assert 'é' in x.vmqd.vmqctl('vf')


def test_what_a_client_leaves_behind_ends_with_the_daemon(lab):
    x = lab()
    vf = allocate_vf(x, R)
    assert create_vport(x, vf)[0] == SUCCESS
    path = f'{x.vmqd.dir}/ext0-vf{vf}.sock'
    v = VuFront(path)
    procs.wait_for(lambda: vfs(x)[0]['status'] == 'running', 20, 'the VM on the VF')
    assert x.stop() == 0
    assert not os.path.exists(path)
    v.close()


# ---- reset and power ----

def test_reset_under_traffic(one):
    """A reset stops the VF's rings at once and for good, until its driver sets them up again; nobody else notices."""
    x = one
    n = 0
    for _ in range(20):
        for _ in range(10):
            x.wire.send(frame(V, FAR, n := n + 1))
            x.vms['v'].send(frame(P, V, n))
            x.vms['p'].send(frame(V, P, n))
        assert reset_vf(x, 0) == SUCCESS
        x.vms['v'].received()
        before = x.vmqd.stats('v')['rx_frames']
        assert x.vmqd.vport('v')['status'].startswith('broken: its VF was reset')
        assert x.vmqd.queue('v')['state'].startswith('broken: ')
        x.vms['p'].send(frame(FAR, P, n))
        assert x.vmqd.vport('p')['status'] == 'running'
        x.wire.send(frame(V, FAR, n))
        procs.wait_for(lambda: x.vmqd.stats('v')['drops'].get('rx_not_connected'), 20, 'a frame for the VF dropped')
        assert not x.vms['v'].received() and x.vmqd.stats('v')['rx_frames'] == before
        x.vms['v'].driver_reset()
        x.vmqd.wait_running('v')
        x.vms['p'].drain(0)
    x.vms['p'].drain()
    x.vms['v'].drain()
    x.wire.drain()
    x.host.drain()
    exchange(x)


def test_freed_and_made_again_under_traffic(one):
    """Frames for the VF's VM never stop coming while it goes and comes; nobody else misses one."""
    x = one
    x.vmqd.call('vport.add', name='q', mac=R)
    x.vm('q')
    n, got = 0, []
    for i in range(15):
        for _ in range(8):
            x.wire.send(frame(V, FAR, n := n + 1))
            x.vms['p'].send([frame(V, P, n), frame(R, P, n)])
        x.vmqd.call('vport.del', name='v')
        x.wire.send(frame(V, FAR, n))
        assert vfs(x) == []
        x.vms.pop('v').close()
        x.vmqd.call('vport.add', name='v', mac=V, function='vf', queue_pairs=1 + i % 2)
        x.vm('v')
        got += x.vms['q'].received()
    procs.wait_for(lambda: got.extend(x.vms['q'].received()) or len(got) >= n, 20, 'all that p sent to q')
    assert [frames.number(f) for f in got] == list(range(1, n + 1))
    for place in (x.wire, x.host, x.vms['p'], x.vms['v']):
        place.drain()
    exchange(x)


@pytest.mark.parametrize('workers', [1, 2])
def test_several_queue_pairs(lab, workers):
    """A VF spreads what its VM receives over its queue pairs by itself, also where they share a worker."""
    if len(os.sched_getaffinity(0)) < workers:
        pytest.skip('there is one CPU')
    x = lab(vports=[{'name': 'v', 'mac': V, 'function': 'vf', 'queue_pairs': 2}], cpus=daemon.cpus()[:workers])
    v = x.vm('v', pairs=2)
    assert sorted(q['cpu'] for q in x.vmqd.call('queue.show', vport='v')['queues']) == sorted(x.cpus * (2 // workers))
    for i in range(64):
        ip = bytes.fromhex('4500002800000000401100000a000001') + bytes([10, 0, 1, i])
        x.wire.send(bytes.fromhex(V.replace(':', '') + FAR.replace(':', '') + '0800') + ip + struct.pack('>HHHH', 1000 + i, 7, 20, 0) + bytes(12))
    counts = [0, 0]

    def arrived():
        for i in (0, 1):
            counts[i] += len(v.received(v.queues[2 * i]))
        return sum(counts) >= 64
    procs.wait_for(arrived, 20, 'all frames')
    assert min(counts) > 8, counts


def test_not_without_sriov(lab):
    x = lab(keywords={'*SRIOV': 0})
    with pytest.raises(RpcError) as e:
        x.vmqd.call('vport.add', name='v', mac=V, function='vf')
    assert (e.value.field, e.value.status) == ('function', 'NDIS_STATUS_NOT_SUPPORTED')
    assert vfs(x) == []


def test_a_reset_keeps_a_vm_from_going_on(one):
    """Not even a kick, another descriptor or an enable starts the rings again: they must be set up."""
    x = one
    v = x.vms['v']
    assert reset_vf(x, 0) == SUCCESS
    v.enable(False)
    v.enable(True)
    assert x.vmqd.vport('v')['status'].startswith('broken: ')
    v.reconnect()
    x.vmqd.wait_running('v')
    exchange(x)


def test_asleep_it_moves_nothing(one):
    """D3: what comes for it is dropped and counted as its own, and not given to the host; in D0 it goes on."""
    x = one
    assert power(x, 0, 3) == SUCCESS
    assert vfs(x)[0]['power'] == 'D3' and x.vmqd.vport('v')['state'] == 'activated'
    x.everywhere(quiet=0.05)
    x.wire.send(frame(V, FAR, 1))
    x.vms['p'].send(frame(V, P, 2))
    procs.wait_for(lambda: x.vmqd.stats('v')['drops'].get('rx_not_connected') == 2, 20, 'both frames counted')
    assert x.everywhere() == {}
    # the doctor's command wakes it
    status, said, _ = x.vmqd.vmqctl('doctor', 'vm', check=False)
    assert status == 4 and 'VPort v: its VF 0 is asleep' in said and 'modprobe' not in said
    wake = said.split('mend: vmqctl ')[1].splitlines()[0]
    x.vmqd.vmqctl(*wake.split())
    x.vmqd.wait_running('v')
    assert x.vmqd.vmqctl('doctor', 'vm').strip() == 'checks: 1 ok, 0 note, 0 warning, 0 wrong'
    exchange(x)
    # a reset wakes it; a VM that comes while it sleeps waits
    assert power(x, 0, 1) == SUCCESS
    x.vms.pop('v').close()
    late = VuFront(x.vmqd.path('v'))
    x.vms['v'] = late
    procs.wait_for(lambda: x.vmqd.vport('v')['status'] == 'connected', 20, 'the VM waits')
    assert power(x, 0, 0) == SUCCESS
    x.vmqd.wait_running('v')
    exchange(x)


# ---- queue pairs of VPorts on the PF ----

def test_queue_pairs_change(lab):
    x = lab(vports=[{'name': 'p', 'mac': P}])
    assert x.vmqd.call('vport.set', name='p', queue_pairs=4)['queue_pairs'] == 4
    v = x.vm('p', pairs=4)
    assert [q['state'] for q in x.vmqd.call('queue.show', vport='p')['queues']] == ['running'] * 4
    assert v.get_u64(GET_QUEUE_NUM) == 4
    for fewer in (1, 3):
        with pytest.raises(RpcError) as e:
            x.vmqd.call('vport.set', name='p', queue_pairs=fewer)
        assert e.value.code == 1 and 'VM is connected' in e.value.message
        assert x.vmqd.vport('p')['queue_pairs'] == 4
    x.wire.send(frame(P, FAR, 1))
    assert len(v.recv(1)) == 1
    assert x.vmqd.call('vport.set', name='p', queue_pairs=8)['queue_pairs'] == 8
    assert v.get_u64(GET_QUEUE_NUM) == 8
    x.wire.send(frame(P, FAR, 2))
    assert len(v.recv(1)) == 1
    x.vms.pop('p').close()
    procs.wait_for(lambda: not x.vmqd.vport('p')['connected'], 20, 'the VM is gone')
    assert x.vmqd.call('vport.set', name='p', queue_pairs=1, cpu=x.cpus[-1])['queue_pairs'] == 1
    assert use(x)[2] == 2
    x.vm('p')
    x.wire.send(frame(P, FAR, 3))
    assert len(x.vms['p'].recv(1)) == 1


# ---- a real guest ----

def test_a_real_guest_on_a_vf(lab):
    """It pings; its VF is reset and its driver bound anew; it pings again."""
    x = lab(vports=[{'name': 'g', 'mac': V, 'function': 'vf'}], driver='auto')
    x.far.run('ip', 'addr', 'add', '10.77.0.254/24', 'dev', 'w0')
    g = Guest('g', [Nic(x.vmqd.path('g'), V, '10.77.0.1/24')])

    def ping():
        return ' 0% packet loss' in x.far.run('ping', '-q', '-c', '2', '-i', '0.2', '-W', '3', '10.77.0.1', check=False)
    procs.wait_for(ping, 60, 'the guest answers')
    assert vfs(x)[0]['status'] == 'running'
    assert reset_vf(x, 0) == SUCCESS
    assert x.vmqd.vport('g')['status'].startswith('broken: its VF was reset')
    assert not ping()
    g.sh('d=$(basename $(readlink /sys/class/net/eth0/device)); cd /sys/bus/virtio/drivers/virtio_net; echo $d > unbind; echo $d > bind; '
         'ip link set eth0 up; ip addr add 10.77.0.1/24 dev eth0')
    x.vmqd.wait_running('g')
    procs.wait_for(ping, 60, 'the guest answers again')
    g.stop()
