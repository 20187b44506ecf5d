# SPDX-License-Identifier: BSD-3-Clause
"""vmqd in each mode that the standardized keywords choose (spec/60-config-and-migration.md §2, spec/30-states.md §2): what it
gives VMs, that their traffic flows, what is refused and with which sentence. And the limits, which have a name each."""
import os
import struct
import subprocess

import pytest

from test_filters import Sender
from vmqtest import daemon, netns, procs
from vmqtest.frames import BROADCAST, frame, tagged
from vmqtest.rpc import RpcError

A, B, C = (f'52:54:00:00:00:0{i}' for i in (1, 2, 3))
FAR, UNKNOWN = '52:54:00:00:0f:01', '52:54:00:00:0f:02'
QUEUES = {'*SRIOV': 0}
NONE = {'*SRIOV': 0, '*VMQ': 0}
RSS = {'*SriovPreferred': 0, '*RssOrVmqPreference': 0}
DMA_STOPPED = 3


def refused(call, *args, **params):
    with pytest.raises(RpcError) as e:
        call(*args, **params)
    return e.value


def two_vms(lab, vlan, **mode):
    x = lab(vports=[{'name': 'a', 'mac': A, 'vlan': vlan}, {'name': 'b', 'mac': B, 'vlan': vlan}], **mode)
    x.plug('a', 'b')
    return x


def carries(x, vlan):
    """From the wire, to the wire, from VM to VM, to everybody, and what is for nobody."""
    def out(f):
        return f if vlan == 'untagged' else tagged(f, vlan)
    for seq, (name, mac, other) in enumerate((('a', A, B), ('b', B, A))):
        x.wire.send(out(frame(mac, FAR, seq)))
        assert x.everywhere(1) == {name: [frame(mac, FAR, seq)]}
        x.vms[name].send(frame(other, mac, seq))
        assert x.everywhere(1) == {'ab'[seq == 0]: [frame(other, mac, seq)]}
        x.vms[name].send(frame(FAR, mac, seq))
        got = x.everywhere(2)
        assert got == {'wire': [out(frame(FAR, mac, seq))], 'host': [out(frame(FAR, mac, seq))]}
    x.wire.send(out(frame(BROADCAST, FAR, 7)))
    assert set(x.everywhere(3)) == {'a', 'b', 'host'}
    x.wire.send(frame(A, FAR, 8, vlan=77))
    assert set(x.everywhere(1)) == {'host'}


# ---- the modes ----

@pytest.mark.parametrize('vlan', ['untagged', 100])
def test_without_keywords_it_is_a_nic_switch(lab, vlan):
    x = two_vms(lab, vlan)
    s = x.switch()
    assert (s['mode'], s['holds'], s['num_vports']) == ('SR-IOV', 'switch', 3)
    assert s['mode_reason'].startswith('*SriovPreferred is 1 and *SRIOV is 1')
    carries(x, vlan)
    assert {v['object'] for v in x.vmqd.call('vport.show')['vports']} == {'VPort'}


@pytest.mark.parametrize('limits', [{}, {'switch_without_sriov': False}], ids=['neutral', 'queues-only'])
@pytest.mark.parametrize('vlan', ['untagged', 100])
def test_vm_queues_carry_the_traffic(lab, vlan, limits):
    x = two_vms(lab, vlan, keywords=QUEUES, limits=limits)
    s = x.switch()
    assert (s['mode'], s['holds'], s['num_queues'], s['max_queues']) == ('VMQ', 'VM queues', 2, 1023)
    assert '*SRIOV is 0' in s['mode_reason'] and 'id' not in s
    carries(x, vlan)
    assert [(v['object'], v['id'], v['state']) for v in x.vmqd.call('vport.show')['vports']] == [
        ('default queue', 0, 'running'), ('VM queue', 1, 'running'), ('VM queue', 2, 'running')]
    q = x.vmqd.queue('b')
    assert (q['queue'], q['state'], q['macs'][0]['mac']) == (2, 'running', B) and 'vport_id' not in q
    assert q['rx_frames'] == x.vmqd.stats('b')['rx_frames'] > 2
    assert {f['queue_id'] for f in x.vmqd.call('filter.show')['filters']} == {1, 2}
    text = x.vmqd.vmqctl('explain', 'from', 'wire', 'dst', B, *(['vlan', str(vlan)] if vlan == 100 else []))
    assert 'to VM queue 2, of b' in text
    assert x.vmqd.vmqctl('stats').split()[:2] == ['QUEUE', 'NAME']
    assert x.vmqd.call('cpu.plan.show') is not None
    # the requests of the other model are refused by the contract, too
    for name, kind in (('OID_NIC_SWITCH_ENUM_SWITCHES', 'query'), ('OID_NIC_SWITCH_CURRENT_CAPABILITIES', 'query')):
        r = x.vmqd.call('oid.request', oid=name, type=kind, out_len=1024)
        assert r['status_name'] == ('NDIS_STATUS_NOT_SUPPORTED' if limits else 'NDIS_STATUS_SUCCESS')


@pytest.mark.parametrize('keywords, mode, word', [
    (NONE, 'none', '*VMQ is 0'), (RSS, 'RSS', '*RSS is 1'), ({**RSS, '*RSS': 0}, 'none', '*RSS is 0'),
], ids=['none', 'rss', 'rss-off'])
def test_the_host_alone_has_the_adapter(lab, keywords, mode, word):
    x = lab(keywords=keywords)
    s = x.switch()
    assert s['mode'] == mode and word in s['mode_reason'] and s['holds'] in ('off', 'RSS')
    x.wire.send(frame(A, FAR, 1))
    assert set(x.everywhere(1)) == {'host'}
    x.host.send(frame(FAR, A, 2))
    assert set(x.everywhere(1)) == {'wire'}
    status, _out, err = x.vmqd.vmqctl('vport', 'add', 'a', 'mac', A, check=False)
    assert status == 1 and word in err
    assert word in refused(x.vmqd.call, 'filter.add', vport='default', mac=A).message
    assert word in refused(x.vmqd.call, 'switch.add').message
    assert len(x.vmqd.call('queue.show')['queues']) == len(x.vmqd.call('stats.show')['vports']) == 1
    assert x.vmqd.call('filter.show')['filters'] == []
    assert '\n\ndefault queue 0: name default' in x.vmqd.vmqctl('-d', 'vport')
    [row] = x.vmqd.vmqctl_json('vmq')
    assert (row['Name'], row['Enabled'], row['NumberOfReceiveQueues']) == ('ext0', False, None)
    assert 'to the default queue' in x.vmqd.vmqctl('explain', 'from', 'wire', 'dst', A)


def allocate_queue(x):
    """ALLOCATE_QUEUE as a driver beside the stack; revision 2."""
    p = bytearray(1092)
    struct.pack_into('<BBH', p, 0, 0x80, 2, 1092)
    struct.pack_into('<II', p, 8, 1, 0)  # QueueType, QueueId
    struct.pack_into('<Q', p, 24, 1 << x.cpus[0])
    return x.vmqd.call('oid.request', oid='OID_RECEIVE_FILTER_ALLOCATE_QUEUE', type='method', out_len=1092, **{'in': p.hex()})


def test_neutral_until_the_first_object(lab):
    x = lab(keywords=QUEUES)
    assert x.switch()['holds'] == 'neutral'
    # the switch first
    s = x.vmqd.call('switch.add')
    assert (s['mode'], s['holds'], s['id'], s['num_vports']) == ('VMQ', 'switch', 0, 1)
    assert allocate_queue(x)['status_name'] == 'NDIS_STATUS_FAILURE'  # spec/70 Q40
    v = x.vmqd.call('vport.add', name='a', mac=A, vlan=100, queue_pairs=2, moderation='low')
    assert (v['object'], v['queue_pairs']) == ('VPort', 2)
    x.vm('a', pairs=2)
    x.wire.send(tagged(frame(A, FAR, 1), 100))
    assert set(x.everywhere(1)) == {'a'}
    assert 'go first' in refused(x.vmqd.call, 'switch.del').message
    x.vmqd.call('vport.del', name='a')
    x.vms.pop('a').close()
    assert x.vmqd.call('switch.del')['holds'] == 'neutral'
    # the default queue is the default VPort that was
    x.wire.send(frame(A, FAR, 2))
    assert set(x.everywhere(1)) == {'host'}
    # then a queue
    v = x.vmqd.call('vport.add', name='a', mac=A, vlan=100)
    assert v['object'] == 'VM queue'
    e = refused(x.vmqd.call, 'switch.add')
    assert (e.code, e.status) == (1, 'NDIS_STATUS_NOT_SUPPORTED') and '1 VM queues' in e.message
    x.vm('a')
    x.wire.send(tagged(frame(A, FAR, 3), 100))
    assert set(x.everywhere(1)) == {'a'}
    x.vmqd.call('vport.del', name='a')
    x.vms.pop('a').close()
    assert x.switch()['holds'] == 'neutral'


def test_create_switch_at_start(lab):
    x = two_vms(lab, 100, keywords=QUEUES, create_switch=True)
    assert (x.switch()['mode'], x.switch()['holds']) == ('VMQ', 'switch')
    carries(x, 100)
    r = x.vmqd.call('oid.request', oid='OID_SRIOV_CURRENT_CAPABILITIES', type='query', out_len=12)
    assert r['status_name'] == 'NDIS_STATUS_NOT_SUPPORTED'


def test_the_switch_of_sriov_is_not_to_be_deleted(lab):
    x = lab()
    for verb in ('add', 'del'):
        status, _out, err = x.vmqd.vmqctl('switch', verb, check=False)
        assert status == 1 and '*SRIOV is 1' in err


# ---- VM queues under traffic ----

def test_a_queue_is_freed_under_traffic(lab):
    """The other queue loses nothing; DMA is said to have stopped; afterwards its frames go to the default queue, until there
    is a queue for them again."""
    x = two_vms(lab, 'untagged', keywords=QUEUES)
    monitor = x.vmqd.connect()
    monitor.call('monitor.start')

    def send(numbers):
        for n in numbers:
            x.wire.send(frame(B, FAR, n))
            x.wire.send(frame(A, FAR, n))
    s = Sender(send, [x.vms['b']])
    while s.next < 400:
        s.turn()
        x.vms['a'].received()
    x.vmqd.call('vport.del', name='a')
    while s.next < 800:
        s.turn()
    s.finish()
    x.vms.pop('a').close()
    stopped = None
    while stopped is None:
        e = monitor.event(30)
        assert e, 'no indication'
        if e['event'] == 'status_indication':
            stopped = e
    assert stopped['status_name'] == 'NDIS_STATUS_RECEIVE_QUEUE_STATE'
    queue, state = struct.unpack_from('<II', bytes.fromhex(stopped['buffer']), 8)
    assert (queue, state) == (1, DMA_STOPPED)
    monitor.close()
    x.everywhere()
    x.wire.send(frame(A, FAR, 1))
    assert set(x.everywhere(1)) == {'host'}
    assert x.vmqd.call('vport.add', name='a', mac=A)['id'] == 3  # round-robin, spec/70 Q53
    x.vm('a')
    x.wire.send(frame(A, FAR, 2))
    assert set(x.everywhere(1)) == {'a'}


def test_a_queue_gets_another_cpu_name_and_policy(lab):
    x = two_vms(lab, 'untagged', keywords=QUEUES)
    cpu = x.cpus[-1]
    v = x.vmqd.call('vport.set', name='a', cpu=cpu, new_name='web', source_check=True, moderation='adaptive')
    assert (v['name'], v['cpu'], v['source_check'], v['object']) == ('web', cpu, True, 'VM queue')
    v = x.vmqd.call('vport.set', name='web', moderation_us=50, max_rx_frames_per_s=100000)
    assert (v['moderation'], v['moderation_us'], v['max_rx_frames_per_s']) == ('adaptive', 50, 100000)
    x.vms['a'].send(frame(B, C, 1))
    procs.wait_for(lambda: x.vmqd.stats('web')['drops']['tx_source_mac'] == 1, 30, 'a counted drop')
    assert x.everywhere() == {}


def test_what_a_queue_is_not_is_said(lab):
    x = two_vms(lab, 100, keywords=QUEUES)
    before = x.vmqd.call('vport.show')
    f = x.vmqd.call('filter.show', vport='a')['filters'][0]
    for field, words, call in (
            ('id', 'do not move', ('filter.move', {'id': f['id'], 'to': 'b'})),
            ('queue_pairs', 'one receive queue', ('vport.add', {'name': 'c', 'queue_pairs': 2})),
            ('moderation', 'no interrupt moderation of its own', ('vport.add', {'name': 'c', 'moderation': 'low'})),
            ('moderation', 'no interrupt moderation of its own', ('vport.set', {'name': 'a', 'moderation': 'off'})),
            ('queue_pairs', 'one receive queue', ('vport.set', {'name': 'a', 'queue_pairs': 2})),
            ('function', '*SRIOV is 0', ('vport.add', {'name': 'c', 'mac': C, 'function': 'vf'}))):
        e = refused(x.vmqd.call, call[0], **call[1])
        assert e.code == 1 and e.field == field and words in e.message, call
    if len(x.cpus) > 1:
        assert refused(x.vmqd.call, 'vport.set', name='default', cpu=x.cpus[1]).field == 'cpu'
    assert 'default queue stays' in refused(x.vmqd.call, 'vport.del', name='default').message
    assert x.vmqd.call('vport.show') == before
    carries(x, 100)


def test_a_vport_travels_to_an_adapter_of_queues_if_it_fits(lab):
    """The same document, whatever gave the VM its frames before."""
    x = lab(vports=[{'name': 'a', 'mac': A, 'vlan': 100}, {'name': 'b', 'mac': B, 'moderation': 'low'}])
    fits, low = (x.vmqd.call('migrate.export', name=n) for n in 'ab')
    assert x.stop() == 0
    x = lab(keywords=QUEUES)
    assert x.vmqd.call('migrate.check', vport=low)['lacks'][0]['what'] == 'moderation'
    assert refused(x.vmqd.call, 'migrate.import', vport=low).code == 1
    two = {**fits, 'queue_pairs': 2}
    assert [w['what'] for w in x.vmqd.call('migrate.check', vport=two)['lacks']] == ['queue pairs']
    assert x.vmqd.call('migrate.import', vport=fits)['object'] == 'VM queue'
    x.vm('a')
    x.wire.send(tagged(frame(A, FAR, 1), 100))
    assert set(x.everywhere(1)) == {'a'}
    assert x.vmqd.call('migrate.export', name='a')['filters'] == fits['filters']


def test_vlan_filtering_off(lab):
    x = lab(vports=[{'name': 'a', 'mac': A}], keywords={**QUEUES, '*VMQVlanFiltering': 0})
    x.plug('a')
    assert 'VLAN filtering is not enabled' in refused(x.vmqd.call, 'filter.add', vport='a', mac=A, vlan=100).message
    x.wire.send(frame(A, FAR, 1))
    assert set(x.everywhere(1)) == {'a'}


# ---- the configuration ----

def start_refused(lab, **adapter):
    """The sentence with which vmqd does not start, without the file's name."""
    x = lab(start=False, **adapter)
    p = subprocess.run(['nsenter', f'--net={x.sw.path}', daemon.program('vmqd'), '--config', x.vmqd.config_path],
                       capture_output=True, text=True, timeout=60)
    assert p.returncode == 1 and not os.path.exists(x.vmqd.socket)
    return p.stderr.strip().splitlines()[-1].split(os.path.basename(x.vmqd.config_path) + ':', 1)[1]


@pytest.mark.parametrize('adapter, key, word', [
    ({'keywords': NONE, 'vports': [{'name': 'a'}]}, 'vports[0]', '*VMQ is 0'),
    ({'keywords': QUEUES, 'vports': [{'name': 'a', 'queue_pairs': 2}]}, 'vports[0].queue_pairs', 'one receive queue'),
    ({'keywords': {'*VMQVlanFiltering': 0}, 'vports': [{'name': 'a', 'mac': A, 'vlan': 7}]}, 'vports[0]', 'VLAN filtering'),
    ({'limits': {'vports': 2, 'vfs': 0}, 'vports': [{'name': 'a'}, {'name': 'b'}]}, 'vports[1]', 'MaxNumVPorts is 2'),
    ({'keywords': {'*SRIOV': 2}}, 'keywords.*SRIOV', '0 to 1 is right'),
    ({'limits': {'queue_pairs': 7}}, 'limits.queue_pairs', 'at least one for each VPort'),
], ids=lambda p: p if isinstance(p, str) else '')
def test_a_start_that_is_refused_names_line_and_key(lab, adapter, key, word):
    said = start_refused(lab, **adapter)
    assert f': adapters[0].{key}: ' in said and word in said
    assert int(said.split(':', 1)[0]) > 1


@pytest.mark.parametrize('limits, keywords, steps, words', [
    ({'vports': 3, 'vfs': 0}, {}, [{'name': 'a'}, {'name': 'b'}, {'name': 'c'}], 'MaxNumVPorts is 3'),
    ({'vports': 4, 'vfs': 2, 'single_vport_pool': False}, {}, [{'name': 'a'}, {'name': 'b'}], '2 are reserved for VFs'),
    ({'vports': 4, 'vfs': 2}, {}, [{'name': n} for n in 'abcd'], 'MaxNumVPorts is 4'),
    ({'vfs': 1}, {}, [{'name': n, 'mac': m, 'function': 'vf'} for n, m in zip('ab', (A, B))], 'no VF is left'),
    ({}, {'*NumVFs': 1}, [{'name': n, 'mac': m, 'function': 'vf'} for n, m in zip('ab', (A, B))], 'no VF is left'),
    ({'vports': 2, 'vfs': 1}, {}, [{'name': 'a'}, {'name': 'b', 'mac': B, 'function': 'vf'}], 'MaxNumVPorts is 2'),
    ({'vports': 4, 'queue_pairs': 6}, {}, [{'name': 'a', 'queue_pairs': 4}, {'name': 'b', 'queue_pairs': 2}], 'MaxNumQueuePairs (6)'),
    ({'queue_pairs_per_vport': 2}, {}, [{'name': 'a', 'queue_pairs': 4}], '1 to 2 is right'),
    ({'asymmetric_queue_pairs': False}, {}, [{'name': 'a', 'queue_pairs': 2}, {'name': 'b', 'queue_pairs': 1}], 'asymmetric'),
    ({'vm_queues': 2}, QUEUES, [{'name': n} for n in 'abc'], 'NumQueues is 2'),
    ({'vports': 4, 'filters': 4}, {}, [{'name': n, 'mac': m} for n, m in zip('abc', (A, B, C))], 'MaxMacHeaderFilters is 4'),
    ({'mac_addresses_per_vport': 1}, QUEUES, [{'name': 'a', 'mac': A}, {'vport': 'a', 'mac': B}], 'NumMacAddressesPerPort'),
    ({'mac_addresses_per_vport': 1}, {}, [{'name': 'a', 'mac': A}, {'vport': 'a', 'mac': B}], 'NumMacAddressesPerPort'),
    ({'vlans_per_vport': 1}, {}, [{'name': 'a', 'mac': A, 'vlan': 1}, {'vport': 'a', 'mac': A, 'vlan': 2}], 'NumVlansPerPort'),
    ({'vports': 2, 'vfs': 1, 'mac_addresses': 2}, {},
     [{'name': 'a'}, *({'vport': 'a', 'mac': m} for m in (A, B, C))], 'MaxNumMacAddresses is 2'),
], ids=lambda p: '-'.join(p) if isinstance(p, dict) and 'name' not in p else '')
def test_what_is_used_up_is_said_by_name(lab, limits, keywords, steps, words):
    x = lab(limits=limits, keywords=keywords)

    def do(step):
        words = [w for k, v in step.items() if k not in ('name', 'vport') for w in (k, str(v))]
        if 'name' in step:
            return x.vmqd.vmqctl('vport', 'add', step['name'], *words, check=False)
        return x.vmqd.vmqctl('filter', 'add', step['vport'], *words, check=False)
    *good, last = steps
    for step in good:
        status, _out, err = do(step)
        assert status == 0, err
    before = x.vmqd.call('vport.show')
    status, _out, err = do(last)
    assert status == 1 and words in err
    assert x.vmqd.call('vport.show') == before


def test_two_adapters_differ(tmp_path):
    """Each has its own keywords and limits; what is shown of both says which is which."""
    d = daemon.Vmqd({'adapters': [
        {'name': 'one', 'port': {'driver': 'pcap', 'out': str(tmp_path / 'one')}, 'host': {'device': 'vmqt0'},
         'limits': {'vports': 8}, 'vports': [{'name': 'a', 'mac': A}]},
        {'name': 'two', 'port': {'driver': 'pcap', 'out': str(tmp_path / 'two')}, 'host': {'device': 'vmqt1'},
         'keywords': QUEUES, 'limits': {'vm_queues': 5}, 'vports': [{'name': 'b', 'mac': A}]},
    ]}, netns=netns.NetNS('two'))
    one, two = d.call('switch.show')['switches']
    assert (one['mode'], one['max_vports']) == ('SR-IOV', 8)
    assert (two['mode'], two['max_queues']) == ('VMQ', 5)
    assert [v['object'] for v in d.call('vport.show')['vports']] == ['VPort'] * 2 + ['default queue', 'VM queue']
    rows = [line.split() for line in d.vmqctl('filter').splitlines()]
    assert rows[0] == ['ID', 'MAC', 'VLAN', 'VPORT', 'QUEUE', 'NAME', 'ADAPTER']
    assert ['1', A, 'untagged', '1', '-', 'a', 'one'] in rows and ['1', A, 'untagged', '-', '1', 'b', 'two'] in rows
    assert refused(d.call, 'switch.add', adapter='one').field == 'adapter'
    d.call('vport.del', name='b')
    assert d.call('switch.add', adapter='two')['max_vports'] == 1024
    assert d.stop() == 0
