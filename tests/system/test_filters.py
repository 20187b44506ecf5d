# SPDX-License-Identifier: BSD-3-Clause
"""Filters, VPorts and CPUs change while frames flow: each frame is there exactly once, whatever changes meanwhile."""
import time

import pytest

from vmqtest import frames
from vmqtest.frames import frame, tagged
from vmqtest.rpc import RpcError
from vmqtest.sender import Sender

A, B, C, M = (f'52:54:00:00:00:{i}' for i in ('01', '02', '03', 'aa'))
FAR = '52:54:00:00:0f:01'


BOTH = pytest.mark.parametrize('three', ['vports', 'queues'], indirect=True)


@pytest.fixture
def three(lab, request):
    """Three VMs; with parameter `queues` they have VM queues instead of VPorts."""
    mode = {'keywords': {'*SRIOV': 0}} if getattr(request, 'param', None) == 'queues' else {}
    x = lab(vports=[{'name': n, 'mac': m} for n, m in (('a', A), ('b', B), ('c', C))], **mode)
    x.plug('a', 'b', 'c')
    return x


@pytest.mark.parametrize('source', ['wire', 'vm'])
def test_a_filter_moves_while_traffic_runs(three, source):
    x = three
    f = x.vmqd.call('filter.add', vport='b', mac=M, broadcast=False)['filters'][0]

    def send(numbers):
        if source == 'wire':
            for n in numbers:
                x.wire.send(frame(M, FAR, n))
        else:
            x.vms['a'].send([frame(M, A, n) for n in numbers])
    s = Sender(send, [x.vms['b'], x.vms['c']])
    moves = 0
    while s.next < 8000:
        s.turn()
        if s.next // 40 > moves:
            moves += 1
            x.vmqd.call('filter.move', id=f['id'], to='bc'[moves % 2])
    s.finish()
    assert all(len(seen) > 1000 for seen in s.got.values())
    assert not x.host.drain(0.1), 'a frame fell to the default VPort'


@BOTH
def test_the_receiver_changes_its_cpu_while_traffic_runs(three):
    x = three
    s = Sender(lambda numbers: x.vms['a'].send([frame(B, A, n) for n in numbers]), [x.vms['b']])
    turns = 0
    while s.next < 6000:
        s.turn()
        if s.next // 50 > turns:
            turns += 1
            x.vmqd.call('vport.set', name='b', cpu=x.cpus[turns % len(x.cpus)])
    s.finish()
    assert x.vmqd.queue('b')['cpu'] == x.cpus[turns % len(x.cpus)]


def test_the_sender_changes_its_cpu_while_traffic_runs(three):
    x = three
    s = Sender(lambda numbers: x.vms['a'].send([frame(B, A, n) for n in numbers]), [x.vms['b']])
    turns = 0
    while s.next < 6000:
        s.turn()
        if s.next // 50 > turns:
            turns += 1
            x.vmqd.call('vport.set', name='a', cpu=x.cpus[turns % len(x.cpus)])
    s.finish()


@BOTH
def test_other_vports_and_filters_come_and_go_while_traffic_runs(three):
    x = three
    s = Sender(lambda numbers: x.vms['a'].send([frame(B, A, n) for n in numbers]), [x.vms['b']])
    n = 0
    while n < 60:
        s.turn()
        if s.next < 40 * n:
            continue
        name = f'x{n}'
        x.vmqd.call('vport.add', name=name, mac=f'52:54:00:00:01:{n:02x}', vlan=n + 1, cpu=x.cpus[n % len(x.cpus)])
        v = x.vm(name)
        extra = x.vmqd.call('filter.add', vport=name, mac=f'52:54:00:00:02:{n:02x}')['filters']
        s.turn()
        x.vms['c'].send(frame(f'52:54:00:00:02:{n:02x}', C, 1))
        assert len(v.recv(1)) == 1
        x.vmqd.call('filter.del', id=extra[0]['id'])  # with it goes the broadcast filter it brought
        s.turn()
        x.vmqd.call('vport.del', name=name)
        x.vms.pop(name).close()
        n += 1
    s.finish()
    assert len(x.vmqd.call('vport.show')['vports']) == 4


@BOTH
def test_a_deleted_vports_frames_go_to_the_default_vport(three):
    x = three
    x.vmqd.call('vport.del', name='c')
    x.vms.pop('c').close()
    x.vms['a'].send(frame(C, A, 1))
    assert set(x.everywhere(2)) == {'wire', 'host'}


def test_most_specific_filter_wins(lab):
    """Q22: MAC + VLAN before untagged-or-zero before any VLAN, whatever the order in which they were set."""
    x = lab(vports=[{'name': 'any', 'mac': M, 'vlan': 'any'}, {'name': 'plain', 'mac': M},
                    {'name': 'seven', 'mac': M, 'vlan': 7}])
    x.plug('any', 'plain', 'seven')
    plain = frame(M, FAR, 1)
    for tag, who in ((None, 'plain'), (7, 'seven'), (8, 'any'), (0, 'plain')):
        x.wire.send(plain if tag is None else tagged(plain, tag))
        assert x.everywhere(1) == {who: [plain]}
    for name in ('plain', 'seven'):
        x.vmqd.call('vport.del', name=name)
        x.vms.pop(name).close()
    for tag in (None, 7, 8):
        x.wire.send(plain if tag is None else tagged(plain, tag))
        assert x.everywhere(1) == {'any': [plain]}


@BOTH
def test_a_cleared_filter_claims_nothing_more(three):
    x = three
    f = x.vmqd.call('filter.add', vport='b', mac=M, broadcast=False)['filters'][0]
    x.vms['a'].send(frame(M, A, 1))
    assert set(x.everywhere(1)) == {'b'}
    x.vmqd.call('filter.del', id=f['id'])
    x.vms['a'].send(frame(M, A, 2))
    assert set(x.everywhere(2)) == {'wire', 'host'}
    with pytest.raises(RpcError) as e:
        x.vmqd.call('filter.del', id=f['id'])
    assert e.value.code == 2


@pytest.mark.parametrize('params, field', [
    ({'vport': 'b', 'mac': 'zz:54:00:00:00:01'}, 'mac'),
    ({'vport': 'b', 'mac': M, 'vlan': 0}, 'vlan'),
    ({'vport': 'b', 'mac': M, 'vlan': 4095}, 'vlan'),
    ({'vport': 'b', 'mac': M, 'vlan': 'none'}, 'vlan'),
    ({'vport': 'nobody', 'mac': M}, 'vport'),
    ({'vport': 'b'}, 'mac'),
    ({'vport': 'b', 'mac': M, 'vlna': 7}, 'vlna'),
], ids=str)
def test_a_bad_filter_is_refused_by_name_and_changes_nothing(three, params, field):
    before = three.vmqd.call('filter.show')
    with pytest.raises(RpcError) as e:
        three.vmqd.call('filter.add', **params)
    assert e.value.field == field and field in e.value.message
    assert three.vmqd.call('filter.show') == before


def test_the_same_filter_twice_is_refused(three):
    with pytest.raises(RpcError) as e:
        three.vmqd.call('filter.add', vport='b', mac=A)
    assert e.value.status == 'NDIS_STATUS_INVALID_PARAMETER' or e.value.code == 3


def test_a_thousand_filters(three):
    """All are found: the table grows without a frame being lost."""
    x = three
    macs = [f'52:54:01:00:{i >> 8:02x}:{i & 255:02x}' for i in range(1000)]
    for i, m in enumerate(macs):
        x.vmqd.call('filter.add', vport='bc'[i % 2], mac=m, vlan=1 + i % 4094, broadcast=False)
    for i in range(0, 1000, 37):
        x.wire.send(frame(macs[i], FAR, i, vlan=1 + i % 4094))
        got = x.everywhere(1, quiet=0.03)
        assert {k: [frames.number(f) for f in v] for k, v in got.items()} == {'bc'[i % 2]: [i]}


def test_so_many_addresses_are_shown(lab):
    x = lab(vports=[{'name': 'a', 'mac': A, 'filters': [{'mac': f'52:54:00:00:02:{i:02x}'} for i in range(5)]}])
    for method, key, items in (('vport.show', 'name', 'vports'), ('queue.show', 'vport', 'queues')):
        everything = x.vmqd.call(method, **{key: 'a'})[items][0]['macs']
        assert len(everything) == 6
        for n in (0, 3, 6, 65536):
            assert x.vmqd.call(method, **{key: 'a'}, macs_max=n)[items][0]['macs'] == everything[:n]
    assert x.vmqd.call('vport.show', name='a', macs_max=0)['vports'][0]['filters'] == 7
    with pytest.raises(RpcError, match='macs_max'):
        x.vmqd.call('vport.show', macs_max=-1)
