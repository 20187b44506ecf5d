# SPDX-License-Identifier: BSD-3-Clause
"""Raw requests through the control socket, and what adapters' drivers send up, with their exact bytes."""
import json
import os
import re
import struct
import subprocess

import pytest

from vmqtest import daemon, netns, procs
from vmqtest.guest import ROOT

PCAP = {'adapters': [{'name': 'ext0', 'port': {'driver': 'pcap'}, 'host': {'device': 'vmqo0'}}]}
DEFAULT = 0x80  # NDIS_OBJECT_TYPE_DEFAULT


@pytest.fixture
def vmqd():
    d = daemon.Vmqd(PCAP, netns=netns.NetNS('oid'))
    yield d
    assert d.stop() == 0


def create_vport(cpus, name='raw', pairs=1):
    """NDIS_NIC_SWITCH_VPORT_PARAMETERS by the offsets of spec/20-structures.md §6."""
    b = bytearray(572)
    struct.pack_into('<BBHIIIH', b, 0, DEFAULT, 1, 572, 0, 0, 0, 2 * len(name))
    b[18:18 + 2 * len(name)] = name.encode('utf-16-le')
    struct.pack_into('<HxxIII', b, 532, 0xffff, pairs, 1, 2)
    struct.pack_into('<Q', b, 552, sum(1 << cpu for cpu in cpus))
    return bytes(b)


def oid(d, name, kind, data=b'', out=0, **more):
    return d.call('oid.request', oid=name, type=kind, **{'in': data.hex()}, out_len=out, **more)


def test_rss_of_a_vport(vmqd):
    """The requests that name their VPort beside the buffer: set, read back, refused for VPorts that are not."""
    cpus = daemon.cpus()
    r = oid(vmqd, 'OID_NIC_SWITCH_CREATE_VPORT', 'method', create_vport(cpus, pairs=2), 576)
    assert r['status_name'] == 'NDIS_STATUS_SUCCESS', r
    vport = struct.unpack_from('<I', bytes.fromhex(r['out']), 12)[0]
    table = b''.join(struct.pack('<HBB', 0, cpus[i % len(cpus)], 0) for i in range(4))
    key = bytes(range(40))
    rss = struct.pack('<BBHHHIHxxIHxxIIIIHBB', 0x89, 3, 44, 0, 0, 0x301, 16, 44, 40, 60, 0, 0, 0, 0, cpus[0], 0) + table + key
    r = oid(vmqd, 'OID_GEN_RECEIVE_SCALE_PARAMETERS', 'set', rss, vport_id=vport)
    assert (r['status_name'], r['supported_revision'], r['bytes_read']) == ('NDIS_STATUS_SUCCESS', 3, len(rss)), r
    r = oid(vmqd, 'OID_GEN_RECEIVE_SCALE_PARAMETERS', 'query', out=4096, vport_id=vport)
    out = bytes.fromhex(r['out'])
    assert struct.unpack_from('<I', out, 8)[0] == 0x301
    size, offset = struct.unpack_from('<HxxI', out, 12)
    assert out[offset:offset + size] == table
    assert oid(vmqd, 'OID_GEN_RECEIVE_SCALE_PARAMETERS', 'statistics', out=4096, vport_id=vport)['out'] == r['out']
    for more in ({'vport_id': vport, 'flags': 0}, {}):
        assert oid(vmqd, 'OID_GEN_RECEIVE_SCALE_PARAMETERS', 'set', rss, **more)['status_name'] == 'NDIS_STATUS_NOT_SUPPORTED'
    for more in ({'vport_id': vport + 1}, {'vport_id': vport, 'switch_id': 1}):
        r = oid(vmqd, 'OID_GEN_RECEIVE_SCALE_PARAMETERS', 'set', rss, **more)
        assert r['status_name'] == 'NDIS_STATUS_INVALID_PARAMETER'
    r = oid(vmqd, 'OID_NIC_SWITCH_ENUM_SWITCHES', 'query', out=4096, port_number=1)
    assert (r['status_name'], r['message']) == ('NDIS_STATUS_INVALID_PORT', 'NDIS_OID_REQUEST: PortNumber is 1, there is only port 0')


def test_statistics_is_user_modes_query(vmqd):
    same = [oid(vmqd, 'OID_NIC_SWITCH_ENUM_SWITCHES', kind, out=4096) for kind in ('query', 'statistics')]
    assert same[0] == same[1] and same[0]['status'] == 0
    assert oid(vmqd, 'OID_NIC_SWITCH_DELETE_VPORT', 'statistics')['status_name'] == 'NDIS_STATUS_NOT_SUPPORTED'


def test_a_vfs_blocks_are_invalidated(vmqd):
    """WRITE_VF_CONFIG_BLOCK tells the other side: a monitor gets all blocks that changed, once."""
    vf = bytearray(1632)
    struct.pack_into('<BBH', vf, 0, DEFAULT, 1, 1632)
    struct.pack_into('<H', vf, 1560, 6)
    vf[1562:1568] = vf[1594:1600] = bytes.fromhex('020000000001')
    struct.pack_into('<HI', vf, 1626, 0xffff, 0xffffffff)
    r = oid(vmqd, 'OID_NIC_SWITCH_ALLOCATE_VF', 'method', bytes(vf), 1632)
    assert r['status'] == 0, r
    vf_id = struct.unpack_from('<H', bytes.fromhex(r['out']), 1626)[0]

    def write(block):
        data = struct.pack('<BBHHxxIII', DEFAULT, 1, 20, vf_id, block, 4, 20) + b'ping'
        return oid(vmqd, 'OID_SRIOV_WRITE_VF_CONFIG_BLOCK', 'set', data)
    assert write(0)['status'] == 0  # nobody hears of it, so it is still to be told
    monitor = vmqd.connect()
    monitor.call('monitor.start')
    assert write(2)['status'] == 0
    first = monitor.event()
    assert write(1)['status'] == 0
    told = [{k: e[k] for k in ('event', 'adapter', 'vf', 'block_mask', 'oid', 'buffer')} for e in (first, monitor.event())]
    assert told == [{'event': 'vf_config_invalidated', 'adapter': 'ext0', 'vf': vf_id, 'block_mask': hex(mask), 'oid': 0x00010269,
                     'buffer': struct.pack('<BBHxxxxQ', DEFAULT, 1, 16, mask).hex()} for mask in (5, 2)]
    monitor.close()
    assert oid(vmqd, 'OID_NIC_SWITCH_FREE_VF', 'set', struct.pack('<BBHIHxx', DEFAULT, 1, 12, 0, vf_id))['status'] == 0


# ---- vmqctl oid ----

FIELD = 'FieldParametersArray[0]'
VPORT = ['AttachedFunctionId=0xffff', 'NumQueuePairs=1', 'VPortName=raw ≤', 'VPortState=Deactivated', 'InterruptModeration=Low']
FILTER = ['FilterType=VMQueue', f'{FIELD}.FrameHeader=Mac', f'{FIELD}.ReceiveFilterTest=NdisReceiveFilterTestEqual',
          f'{FIELD}.HeaderField.MacHeaderField=DestinationAddress', f'{FIELD}.FieldValue.FieldByteArrayValue=02:00:00:00:00:07',
          'FieldParametersArray[1].FrameHeader=1', 'FieldParametersArray[1].ReceiveFilterTest=1',
          'FieldParametersArray[1].HeaderField.MacHeaderField=VlanId', 'FieldParametersArray[1].FieldValue.FieldShortValue=100']


def reply(d, *words):
    status, out, err = d.vmqctl('-j', 'oid', *words, check=False)
    assert status == 0, err
    return json.loads(out)['reply']


def test_objects_made_seen_and_removed_by_name(vmqd):
    """A VPort and its filter through all requests of the family, and the same in `vmqctl vport` and `filter`."""
    v = reply(vmqd, 'OID_NIC_SWITCH_CREATE_VPORT', *VPORT, f'ProcessorAffinity.Mask={1 << daemon.cpus()[0]}')['VPortId']
    f = reply(vmqd, 'OID_RECEIVE_FILTER_SET_FILTER', *FILTER, f'VPortId={v}')['FilterId']
    vmqd.vmqctl('oid', 'OID_NIC_SWITCH_VPORT_PARAMETERS', 'set', f'VPortId={v}', 'Flags=0x80000', 'VPortState=Activated')
    p = reply(vmqd, 'OID_NIC_SWITCH_VPORT_PARAMETERS', f'VPortId={v}')
    assert (p['VPortName'], p['VPortState'], p['InterruptModeration'], p['AttachedFunctionId'], p['Header']['Size']) == (
        'raw ≤', 'NdisNicSwitchVPortStateActivated', 'NdisNicSwitchVPortInterruptModerationLow', '0xffff', 572)
    [e] = [e for e in reply(vmqd, 'OID_NIC_SWITCH_ENUM_VPORTS')['Elements'] if e['VPortId'] == v]
    assert (e['NumFilters'], e['ProcessorAffinity']['Mask']) == (1, hex(1 << daemon.cpus()[0]))
    [shown] = [x for x in vmqd.vmqctl_json('vport')['vports'] if x['id'] == v]
    assert (shown['state'], shown['moderation'], shown['filters'], shown['cpu']) == ('activated', 'low', 1, daemon.cpus()[0])
    [e] = reply(vmqd, 'OID_RECEIVE_FILTER_ENUM_FILTERS', f'VPortId={v}', 'Flags=1')['Elements']
    assert e['FilterId'] == f
    fields = reply(vmqd, 'OID_RECEIVE_FILTER_PARAMETERS', f'FilterId={f}')['FieldParametersArray']
    assert fields[0]['FieldValue']['FieldByteArrayValue'][:12] == '020000000007'
    assert fields[1]['FieldValue']['FieldShortValue'] == 100
    [shown] = vmqd.vmqctl_json('filter')['filters']
    assert (shown['id'], shown['vport_id'], shown['mac'], shown['vlan']) == (f, v, '02:00:00:00:00:07', 100)
    vmqd.vmqctl('oid', 'OID_RECEIVE_FILTER_MOVE_FILTER', f'FilterId={f}', f'SourceVPortId={v}', 'DestVPortId=0')
    assert vmqd.vmqctl_json('filter')['filters'][0]['vport'] == 'default'
    status, _, err = vmqd.vmqctl('oid', 'OID_RECEIVE_FILTER_MOVE_FILTER', f'FilterId={f}', f'SourceVPortId={v}', check=False)
    assert status == 1 and err.startswith('vmqctl: OID_RECEIVE_FILTER_MOVE_FILTER: NDIS_STATUS_INVALID_PARAMETER: ')
    vmqd.vmqctl('oid', 'OID_RECEIVE_FILTER_CLEAR_FILTER', f'FilterId={f}')
    vmqd.vmqctl('oid', 'OID_NIC_SWITCH_DELETE_VPORT', f'VPortId={v}')
    assert [x['id'] for x in vmqd.vmqctl_json('vport')['vports']] == [0]


def test_a_vf_by_name(vmqd):
    """Allocated, its configuration read, its RSS and VPort, freed; bytes in and out."""
    mac = ['MacAddressLength=6', 'PermanentMacAddress=02:00:00:00:00:01', 'CurrentMacAddress=02-00-00-00-00-02']
    vf = reply(vmqd, 'OID_NIC_SWITCH_ALLOCATE_VF', 'VFId=0xffff', 'RequestorId=0xffffffff', 'VMName=vm 1', *mac)
    assert vf['CurrentMacAddress'] == '020000000002'.ljust(64, '0')
    on = f'VFId={vf["VFId"]}'
    assert reply(vmqd, 'OID_NIC_SWITCH_ENUM_VFS')['Elements'][0]['VMName'] == 'vm 1'
    ids = reply(vmqd, 'OID_SRIOV_VF_VENDOR_DEVICE_ID', on)
    assert (ids['VendorId'], ids['DeviceId']) == ('0x1af4', '0x1041')
    assert reply(vmqd, 'OID_SRIOV_READ_VF_CONFIG_SPACE', on, 'Length=4')['Buffer'] == 'f41a4110'
    vmqd.vmqctl('oid', 'OID_SRIOV_WRITE_VF_CONFIG_BLOCK', on, 'BlockId=1', 'Buffer=c0ffee')
    assert reply(vmqd, 'OID_SRIOV_READ_VF_CONFIG_BLOCK', on, 'BlockId=1', 'Length=3')['Buffer'] == 'c0ffee'
    out = vmqd.vmqctl('oid', 'OID_NIC_SWITCH_ENUM_VFS', '--hex')
    assert json.loads(vmqd.vmqctl('-j', 'oid', 'OID_NIC_SWITCH_ENUM_VFS', out[:48]))['out'] == out.strip()
    vmqd.vmqctl('oid', 'OID_NIC_SWITCH_FREE_VF', on)
    assert 'Elements' not in reply(vmqd, 'OID_NIC_SWITCH_ENUM_VFS')


def test_rss_by_name(vmqd):
    cpus = daemon.cpus()
    mask = sum(1 << c for c in cpus)
    v = reply(vmqd, 'OID_NIC_SWITCH_CREATE_VPORT', *VPORT, 'NumQueuePairs=2', f'ProcessorAffinity.Mask={mask}')['VPortId']
    rss = ['Flags=0', 'HashInformation=0x301', 'HashSecretKey=' + '6d5a' * 20, f'DefaultProcessorNumber.Number={cpus[0]}',
           *(f'IndirectionTable[{i}].Number={cpus[i % len(cpus)]}' for i in range(8))]
    vmqd.vmqctl('oid', 'OID_GEN_RECEIVE_SCALE_PARAMETERS', 'set', f'Request.VPortId={v}', *rss)
    p = reply(vmqd, 'OID_GEN_RECEIVE_SCALE_PARAMETERS', f'Request.VPortId={v}')
    assert [e['Number'] for e in p['IndirectionTable']] == [cpus[i % len(cpus)] for i in range(8)]
    assert (p['HashSecretKey'], p['HashInformation']) == ('6d5a' * 20, '0x301')
    status, _, err = vmqd.vmqctl('oid', 'OID_GEN_RECEIVE_SCALE_PARAMETERS', 'set', *rss, check=False)
    assert (status, 'VPORT_ID_VALID is not set' in err) == (1, True)


def test_short_buffers_and_wrong_words(vmqd):
    def said(*words):
        status, out, err = vmqd.vmqctl('oid', *words, check=False)
        assert out == ''
        return status, err.strip()
    name = 'OID_NIC_SWITCH_VPORT_PARAMETERS'
    for option, n, what in (('--bytes', 571, ''), ('--in-bytes', 571, ''), ('--in-bytes', 0, '')):
        assert said(name, 'VPortId=0', option, str(n)) == (1, f'vmqctl: {name}: NDIS_STATUS_INVALID_LENGTH, BytesNeeded 572: '
                                                           'NDIS_NIC_SWITCH_VPORT_PARAMETERS: '
                                                           f'the buffer has {n} bytes, 572 are needed')
    assert said('OID_RECEIVE_FILTER_CLEAR_FILTER', '--bytes', '3')[1].startswith(
        'vmqctl: OID_RECEIVE_FILTER_CLEAR_FILTER: NDIS_STATUS_INVALID_LENGTH, BytesNeeded 16')
    assert said(name, 'VPortId=0', 'Header.Type=0')[1].startswith(f'vmqctl: {name}: NDIS_STATUS_INVALID_PARAMETER')
    assert said('0x00010203', 'method')[1].startswith('vmqctl: OID_GEN_RECEIVE_SCALE_CAPABILITIES: NDIS_STATUS_NOT_SUPPORTED')
    assert said('0x12345678', 'query')[1].startswith('vmqctl: 0x12345678: NDIS_STATUS_INVALID_OID')
    for words, error in (((), 'the name of a request is missing'), (('OID_X',), 'neither the name nor the number'),
                         (('0x12345678',), 'say query, set or method'), ((name, 'Foo=1'), 'no such member'),
                         ((name, 'xyz'), 'neither member=value nor pairs of hexadecimal digits: xyz'),
                         ((name, '80', 'VPortId=1'), 'either the buffer'), ((name, '80', '81'), 'neither member=value nor adapter'),
                         ((name, 'Request.Foo=1'), 'the request has Request.VPortId'), (('--list', 'x'), '--list takes no words'),
                         ((name, 'Request.VPortId=x'), 'not a 32-bit number'), (('--bytes', 'x', name), '--bytes: "x" is not')):
        status, err = said(*words)
        assert status == 2 and error in err, err
    status, _, err = vmqd.vmqctl('vport', '--list', check=False)
    assert (status, err) == (2, 'vmqctl: vport has no --list\n')


def test_the_list_is_the_contracts(vmqd):
    """Every request that docs/contract.md says is served, with its types, and our own."""
    kinds = {'Q': 'query', 'S': 'set', 'M': 'method'}
    with open(os.path.join(ROOT, 'docs/contract.md')) as f:
        served = {(oid, kinds[k]) for oid, k in re.findall(r'^\| `(OID_\w+)` \| ([QSM]) \|', f.read(), re.M)}
    listed = vmqd.vmqctl_json('oid', '--list')
    both = {(x['oid'], x['type']) for x in listed}
    ours = {x for x in both if x[0].startswith('OID_VMQ_')}
    assert both - ours == served and ('OID_VMQ_VPORT_POLICY', 'set') in ours
    table = vmqd.vmqctl('oid', '--list').splitlines()
    assert table[1].split() == [listed[0]['oid'], f'0x{listed[0]["number"]:08X}', listed[0]['type'], listed[0]['structure']]


def test_monitor_reads_what_the_driver_sends(vmqd, tmp_path):
    vf = reply(vmqd, 'OID_NIC_SWITCH_ALLOCATE_VF', 'VFId=0xffff', 'RequestorId=0xffffffff', 'MacAddressLength=6',
               'PermanentMacAddress=020000000001', 'CurrentMacAddress=020000000001')['VFId']
    vmqd.vmqctl('oid', 'OID_SRIOV_WRITE_VF_CONFIG_BLOCK', f'VFId={vf}', 'BlockId=3', 'Buffer=01')
    seen = tmp_path / 'monitor'
    with open(seen, 'w') as f:
        m = subprocess.Popen([daemon.program('vmqctl'), '--socket', vmqd.socket, 'monitor'], stdout=f)

    def told():
        vmqd.vmqctl('oid', 'OID_SRIOV_WRITE_VF_CONFIG_BLOCK', f'VFId={vf}', 'BlockId=2', 'Buffer=01')
        return seen.read_text().splitlines()
    try:
        lines = procs.wait_for(told, 30, 'an event')
        # the first one has what happened before anybody listened
        assert lines[0].endswith(f'vf_config_invalidated adapter ext0 vf {int(vf, 16)} BlockMask 0xc')
    finally:
        m.terminate()
        m.wait(10)


# ---- a program that knows the contract from mingw-w64's header ----

CLIENT = os.path.join(daemon.BUILD, 'examples/oid_client')


@pytest.mark.skipif(not os.path.exists('/usr/share/mingw-w64/include/ntddndis.h'), reason='mingw-w64-common is not installed')
def test_a_program_of_ntddndis_h_drives_the_switch(vmqd):
    """Every step, and after it what vmqctl says."""
    def client(*words, status=0):
        p = subprocess.run([CLIENT, *map(str, words)], capture_output=True, text=True, timeout=30,
                           env=dict(os.environ, VMQ_SOCKET=vmqd.socket))
        assert p.returncode == status, p.stderr
        return p.stdout + p.stderr

    def by_id(verb):
        return {x['id']: x for x in vmqd.vmqctl_json(verb)[verb + 's']}
    cpu = daemon.cpus()[-1]
    a, b = (int(client('create', name, cpu).removeprefix('VPortId ')) for name in ('alpha', 'beta'))
    for vport in (a, b):
        v = by_id('vport')[vport]
        assert (v['name'], v['state'], v['moderation'], v['cpu'], v['queue_pairs']) == (
            'alpha' if vport == a else 'beta', 'activated', 'medium', cpu, 1)
    f = int(client('filter', a, '02:00:00:00:00:0a', 100).removeprefix('FilterId '))
    g = int(client('filter', b, '02:00:00:00:00:0b').removeprefix('FilterId '))
    shown = by_id('filter')
    assert [(shown[i]['vport_id'], shown[i]['mac'], shown[i]['vlan']) for i in (f, g)] == [
        (a, '02:00:00:00:00:0a', 100), (b, '02:00:00:00:00:0b', 'untagged')]
    affinity = f'{cpu // 64}:{1 << cpu % 64:#x}'

    def line(vport, name, filters):
        return (f'VPortId {vport} VPortName {name} VPortState 1 InterruptModeration 200 NumQueuePairs 1 '
                f'ProcessorAffinity {affinity} NumFilters {filters}')
    listed = client('list').splitlines()
    assert listed[1:] == [line(a, 'alpha', 1), f'FilterId {f} VPortId {a}', line(b, 'beta', 1), f'FilterId {g} VPortId {b}']
    assert listed[0].startswith('VPortId 0 ')
    client('move', f, a, b)
    assert [x['vport_id'] for x in by_id('filter').values()] == [b, b]
    listed = client('list').splitlines()[1:]
    assert listed[:2] == [line(a, 'alpha', 0), line(b, 'beta', 2)]
    assert sorted(listed[2:]) == sorted(f'FilterId {i} VPortId {b}' for i in (f, g))
    assert 'status 0xC001001B: ' in client('clear', 4711, status=1)
    assert 'status 0xC000000D: ' in client('delete', b, status=1)
    for i in (f, g):
        client('clear', i)
    assert by_id('filter') == {}
    client('delete', a)
    client('delete', b)
    assert list(by_id('vport')) == [0]
    assert client('nonsense', status=2).startswith('usage: ')


def test_a_queues_dma_stops_is_told(tmp_path):
    """In mode VMQ: a queue's life by requests, and NDIS_STATUS_RECEIVE_QUEUE_STATE with its bytes when it is freed."""
    config = {'adapters': [{**PCAP['adapters'][0], 'keywords': {'*SRIOV': 0}}]}
    d = daemon.Vmqd(config, netns=netns.NetNS('oidq'))
    monitor = d.connect()
    monitor.call('monitor.start')
    q = reply(d, 'OID_RECEIVE_FILTER_ALLOCATE_QUEUE', 'QueueType=VMQueue', f'ProcessorAffinity.Mask={1 << daemon.cpus()[0]}',
              'VmName=vm', 'QueueName=q')['QueueId']
    done = reply(d, 'OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE', f'Elements[0].QueueId={q}')['Elements']
    assert [(e['QueueId'], e['CompletionStatus']) for e in done] == [(q, 'NDIS_STATUS_SUCCESS')]
    f = reply(d, 'OID_RECEIVE_FILTER_SET_FILTER', *FILTER, f'QueueId={q}')['FilterId']
    [e] = [e for e in reply(d, 'OID_RECEIVE_FILTER_ENUM_QUEUES')['Elements'] if e['QueueId'] == q]
    assert (e['QueueState'], e['NumFilters']) == ('NdisReceiveQueueOperationalStateRunning', 1)
    d.vmqctl('oid', 'OID_RECEIVE_FILTER_CLEAR_FILTER', f'QueueId={q}', f'FilterId={f}')
    d.vmqctl('oid', 'OID_RECEIVE_FILTER_FREE_QUEUE', f'QueueId={q}')
    e = monitor.event(20)
    assert (e['event'], e['status_name'], e['buffer']) == ('status_indication', 'NDIS_STATUS_RECEIVE_QUEUE_STATE',
                                                          struct.pack('<BBHIII', DEFAULT, 1, 16, 0, q, 3).hex())
    assert d.stop() == 0
