# SPDX-License-Identifier: BSD-3-Clause
"""Raw requests through the control socket, and what adapters' drivers send up, with their exact bytes."""
import struct

import pytest

from vmqtest import daemon, netns

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
