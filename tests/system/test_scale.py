# SPDX-License-Identifier: BSD-3-Clause
"""A thousand VPorts with 64 filters each, through the control socket in batches: all of it is made, shown, enumerated with exact bytes,
moved and removed. The most there can be, through a file: applied, compared, saved. How long it takes is measured by bench/run (case `control`), not here."""
import copy
import json
import struct

import pytest
import yaml

from vmqtest import daemon, netns

VPORTS, FILTERS, LINE, BATCH = 1000, 64, 1 << 20, 4096


@pytest.fixture
def vmqd():
    config = {'adapters': [{'name': 'ext0', 'port': {'driver': 'pcap'}, 'host': {'device': 'vmqs0'}}]}
    d = daemon.Vmqd(config, netns=netns.NetNS('scale'))
    d.client.sock.settimeout(120)
    yield d
    assert d.stop() == 0


def batch(d, requests):
    """Their results, in lines as long as the daemon takes."""
    texts = [json.dumps({'jsonrpc': '2.0', 'id': i, 'method': m, 'params': p}, separators=(',', ':'))
             for i, (m, p) in enumerate(requests)]
    results = []
    while texts:
        n, size = 0, 3
        while n < min(len(texts), BATCH) and size + len(texts[n]) + 1 < LINE:
            size += len(texts[n]) + 1
            n += 1
        answers = d.client.raw(b'[' + ','.join(texts[:n]).encode() + b']\n')
        assert [a['id'] for a in answers] == list(range(len(results), len(results) + n))
        assert not any('error' in a for a in answers), next(a for a in answers if 'error' in a)
        results += [a['result'] for a in answers]
        del texts[:n]
    return results


def mac(vport, k):
    return f'02:02:{vport >> 8:02x}:{vport & 255:02x}:00:{k:02x}'


def test_a_thousand_vports_with_64_filters_each(vmqd):
    made = batch(vmqd, [('vport.add', {'name': f'v{i}'}) for i in range(VPORTS)])
    ids = [v['id'] for v in made]
    assert len(set(ids)) == VPORTS and all(v['macs'] == [] for v in made)
    filters = batch(vmqd, [('filter.add', {'vport': f'v{i}', 'mac': mac(i, k), 'broadcast': False})
                           for i in range(VPORTS) for k in range(FILTERS)])
    filters = [f for r in filters for f in r['filters']]
    shown = vmqd.call('filter.show')['filters']
    assert [f['id'] for f in shown] == sorted(f['id'] for f in filters)
    assert sorted(shown, key=lambda f: f['mac']) == filters
    for v in vmqd.call('vport.show')['vports'][1:]:
        i = int(v['name'][1:])
        assert (v['id'], v['filters'], [m['mac'] for m in v['macs']]) == (ids[i], FILTERS, [mac(i, k) for k in range(FILTERS)])
    # the contract's own lists
    out = bytes.fromhex(vmqd.call('oid.request', oid='OID_RECEIVE_FILTER_ENUM_FILTERS', type='method', out_len=4 << 20,
                                  **{'in': struct.pack('<BBHIIIIII', 0x80, 2, 28, 0, 0, 0, 0, 0, 0).hex()})['out'])
    first, n, step = struct.unpack_from('<III', out, 8)
    assert sorted(struct.unpack_from('<I', out, first + i * step + 12)[0] for i in range(n)) == [f['id'] for f in shown]
    out = bytes.fromhex(vmqd.call('oid.request', oid='OID_NIC_SWITCH_ENUM_VPORTS', type='method', out_len=4 << 20,
                                  **{'in': struct.pack('<BBHIIHxxIII', 0x80, 1, 28, 0, 0, 0, 0, 0, 0).hex()})['out'])
    first, n, step = struct.unpack_from('<III', out, 16)
    listed = {struct.unpack_from('<I', out, at + 4)[0]: struct.unpack_from('<I', out, at + 572)[0]
              for at in range(first, first + n * step, step)}
    assert listed == {0: 0, **{i: FILTERS for i in ids}}
    # one filter moved, one VPort renamed and found again by its new name only, everything removed
    moved = vmqd.call('filter.move', id=filters[0]['id'], to='v999')
    assert (moved['vport'], moved['mac']) == ('v999', mac(0, 0))
    vmqd.call('vport.set', name='v1', new_name='other')
    assert vmqd.vport('other')['id'] == ids[1]
    with pytest.raises(Exception, match='there is no VPort v1'):
        vmqd.vport('v1')
    batch(vmqd, [('vport.del', {'name': n}) for n in ['other', 'v0', *(f'v{i}' for i in range(2, VPORTS))]])
    s = vmqd.call('switch.show')['switches'][0]
    assert (s['num_vports'], s['num_filters']) == (1, 0)


def test_the_most_there_can_be_is_applied_and_saved(vmqd):
    """1,023 VPorts and 65,536 filters: made anew, saved to a file that says the same, and given to VPorts that are there."""
    config = copy.deepcopy(vmqd.config)
    config['adapters'][0]['vports'] = vports = [
        {'name': f'a-rather-long-name-{i}', 'filters': [{'mac': mac(i, k), 'vlan': 100 + k, 'broadcast': False} for k in range(64 + (i < 64))]}
        for i in range(1023)]

    def written(name):
        with open(f'{vmqd.dir}/{name}', 'w') as f:
            yaml.dump(config, f, getattr(yaml, 'CSafeDumper', yaml.SafeDumper))
        return f.name

    def count():
        s = vmqd.call('switch.show')['switches'][0]
        return s['num_vports'], s['num_filters']
    full, saved = written('full.yaml'), vmqd.dir + '/saved.yaml'
    vmqd.vmqctl('config', 'apply', full)
    assert count() == (1024, 65536)
    vmqd.vmqctl('config', 'save', saved)
    for file in (full, saved):
        assert vmqd.vmqctl('config', 'diff', file) == ''
    for v in vports:
        del v['filters']
    vmqd.vmqctl('config', 'apply', written('empty.yaml'))
    assert count() == (1024, 0)
    vmqd.vmqctl('config', 'apply', saved)
    assert count() == (1024, 65536)
    assert vmqd.vmqctl('config', 'diff', saved) == ''
