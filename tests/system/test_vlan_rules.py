# SPDX-License-Identifier: BSD-3-Clause
"""The data-path rules (spec/40-datapath.md §1 to §3 as spec/70-open-questions.md Q21 to Q33 settle them), frame by frame:
who gets a frame, and with which tag. Each case sends one numbered frame and looks everywhere."""
import pytest

from vmqtest import frames, procs, rpc
from vmqtest.frames import BROADCAST, frame, tagged

A, B, C, D, E = (f'52:54:00:00:00:0{i}' for i in (1, 2, 3, 4, 5))
FAR, UNKNOWN = '52:54:00:00:0f:01', '52:54:00:00:0f:02'
GROUP = '01:00:5e:01:02:03'

VPORTS = [
    {'name': 'a', 'mac': A, 'vlan': 'untagged'},
    {'name': 'b', 'mac': B, 'vlan': 100},
    {'name': 'c', 'mac': C, 'vlan': 'any'},
    {'name': 'd', 'mac': D, 'vlan': 100},
    {'name': 'e', 'mac': A, 'vlan': 200},
]
MACS = {'a': A, 'b': B, 'c': C, 'd': D, 'e': A, 'wire': FAR, 'host': UNKNOWN}
PLACES = 'abcde'

# (from, destination, tag sent: None, VID or (VID, priority), {place: tag seen there})
FROM_WIRE = [
    ('untagged', A, None, {'a': None}),
    ('priority-tagged, priority 0', A, (0, 0), {'a': None}),
    ('priority-tagged, priority 5', A, (0, 5), {'a': None}),
    ('another VLAN than untagged-or-zero', A, 100, {'host': 100}),
    ('same MAC, VLAN of another VPort', A, 200, {'e': None}),
    ('MAC + VLAN', B, 100, {'b': None}),
    ('MAC + VLAN with a priority', B, (100, 3), {'b': None}),
    ('MAC + VLAN, frame untagged', B, None, {'host': None}),
    ('MAC + VLAN, frame priority-tagged', B, (0, 0), {'host': (0, 0)}),
    ('MAC + VLAN, another VLAN', B, 101, {'host': 101}),
    ('any VLAN, untagged', C, None, {'c': None}),
    ('any VLAN, priority-tagged', C, (0, 2), {'c': None}),
    ('any VLAN, tagged', C, 77, {'c': None}),
    ('any VLAN, highest VID', C, 4094, {'c': None}),
    ('claimed by nobody', UNKNOWN, None, {'host': None}),
    ('claimed by nobody, tagged', UNKNOWN, 100, {'host': 100}),
    ('broadcast untagged', BROADCAST, None, {'host': None, 'a': None, 'c': None}),
    ('broadcast in VLAN 100', BROADCAST, 100, {'host': 100, 'b': None, 'c': None, 'd': None}),
    ('broadcast in VLAN 200', BROADCAST, 200, {'host': 200, 'c': None, 'e': None}),
    ('broadcast in a VLAN of nobody', BROADCAST, 300, {'host': 300, 'c': None}),
    ('multicast untagged', GROUP, None, {'host': None, 'a': None, 'c': None}),
    ('multicast in VLAN 100', GROUP, 100, {'host': 100, 'b': None, 'c': None, 'd': None}),
]
FROM_VMS = [
    ('untagged VM to a MAC outside', 'a', FAR, None, {'wire': None, 'host': None}),
    ('VLAN VM to a MAC outside', 'b', FAR, None, {'wire': 100, 'host': 100}),
    ('VM to VM in one VLAN', 'b', D, None, {'d': None}),
    ('VM to VM in one VLAN, back', 'd', B, None, {'b': None}),
    ('VM to VM in different VLANs', 'b', A, None, {'wire': 100, 'host': 100}),
    ('untagged VM to a VM in a VLAN', 'a', B, None, {'wire': None, 'host': None}),
    ('VLAN VM to the any-VLAN VM', 'b', C, None, {'c': None}),
    ('untagged VM to the any-VLAN VM', 'a', C, None, {'c': None}),
    ('any-VLAN VM sends untagged', 'c', A, None, {'a': None}),
    ('any-VLAN VM sends tagged', 'c', B, 100, {'b': None}),
    ('any-VLAN VM sends tagged to the outside', 'c', FAR, (300, 4), {'wire': (300, 4), 'host': (300, 4)}),
    ('broadcast of an untagged VM', 'a', BROADCAST, None, {'wire': None, 'host': None, 'c': None}),
    ('broadcast of a VLAN VM', 'b', BROADCAST, None, {'wire': 100, 'host': 100, 'c': None, 'd': None}),
    ('multicast of a VLAN VM', 'd', GROUP, None, {'wire': 100, 'host': 100, 'b': None, 'c': None}),
    ('multicast of an untagged VM', 'a', GROUP, None, {'wire': None, 'host': None, 'c': None}),
]
FROM_HOST = [
    ('host to an untagged VM', A, None, {'a': None}),
    ('host to a VM in a VLAN', B, 100, {'b': None}),
    ('host to the same MAC in another VLAN', B, 101, {'wire': 101}),
    ('host to the outside', FAR, None, {'wire': None}),
    ('host to the outside, tagged', FAR, (55, 6), {'wire': (55, 6)}),
    ('broadcast of the host', BROADCAST, None, {'wire': None, 'a': None, 'c': None}),
    ('broadcast of the host in VLAN 100', BROADCAST, 100, {'wire': 100, 'b': None, 'c': None, 'd': None}),
]


def with_tag(f, tag):
    if tag is None:
        return f
    return tagged(f, *tag) if isinstance(tag, tuple) else tagged(f, tag)


def check(x, cases, send):
    """Sends each case's frame and compares what arrived everywhere with what should have, to the byte."""
    wrong = []
    for seq, (title, source, dst, tag, expected) in enumerate(cases):
        plain = frame(dst, MACS[source], seq)
        send(source, with_tag(plain, tag))
        got = x.everywhere(len(expected), quiet=0.03)
        want = {place: [with_tag(plain, t)] for place, t in expected.items()}
        if got != want:
            def show(r):
                return {k: [(frames.mac(f), frames.tag_of(f), frames.number(f), len(f)) for f in v] for k, v in r.items()}
            wrong.append(f'{title}: expected {show(want)}, got {show(got)}')
    late = x.everywhere(quiet=0.3)
    for v in x.vms.values():
        v.sent()  # every transmit descriptor has come back, and only once
    assert not wrong and not late, '\n'.join([*wrong, f'and then: {late}'])


QUEUES = {'keywords': {'*SRIOV': 0}}  # VM queues instead of VPorts: the same rules


@pytest.fixture(params=['packet', 'xdp', 'packet-queues'])
def switch(lab, request):
    driver, _, queues = request.param.partition('-')
    x = lab(vports=VPORTS, driver=driver, **(QUEUES if queues else {}))
    x.plug(*PLACES)
    return x


def test_from_the_wire(switch):
    check(switch, [(t, 'wire', *rest) for t, *rest in FROM_WIRE], lambda _s, f: switch.wire.send(f))


def test_from_virtual_machines(switch):
    check(switch, FROM_VMS, lambda s, f: switch.vms[s].send(f))


def test_from_the_host(switch):
    check(switch, [(t, 'host', *rest) for t, *rest in FROM_HOST], lambda _s, f: switch.host.send(f))


@pytest.mark.parametrize('mode', [{}, QUEUES], ids=['vports', 'queues'])
def test_never_back_to_the_sender(lab, mode):
    x = lab(vports=VPORTS, **mode)
    x.plug(*PLACES)
    # (sender, destination, how many others get it)
    for seq, (who, dst, others) in enumerate([('a', A, 0), ('b', B, 0), ('c', C, 0), ('a', BROADCAST, 3), ('c', BROADCAST, 3),
                                              ('c', GROUP, 3)]):
        x.vms[who].send(frame(dst, MACS[who], seq))
        got = x.everywhere(others)
        assert who not in got and len(got) == others
    x.wire.send(frame(UNKNOWN, FAR))
    assert set(x.everywhere(1)) == {'host'}


def test_outer_tag_only(lab):
    """Q32: the outer tag decides and is taken off, the inner one stays in the data."""
    x = lab(vports=VPORTS)
    x.plug('b')
    f = frame(B, FAR, 1, vlan=100, inner_vlan=7)
    x.wire.send(f)
    assert x.everywhere(1) == {'b': [frames.untagged(f)]}


def test_service_tag_is_not_a_vlan_tag(lab):
    """Q32: 802.1ad's outer type does not count as a VLAN: such a frame is untagged to the filters."""
    x = lab(vports=VPORTS)
    x.plug('a', 'b')
    f = frame(A, FAR, 1)
    qinq = f[:12] + b'\x88\xa8\x00\x64' + f[12:]
    x.vms['b'].send(frame(D, B))  # d has no VM: the frame ends there
    x.wire.send(qinq)
    assert x.everywhere(1) == {'a': [qinq]}


@pytest.mark.parametrize('mode', [{}, QUEUES], ids=['vports', 'queues'])
def test_vlan_check(lab, mode):
    """What the VM of an access VPort may put on by itself: its own VLAN or a priority, no other VLAN."""
    x = lab(vports=VPORTS, **mode)
    x.plug('b', 'd')
    x.vms['b'].send(frame(D, B, 1, vlan=200))
    procs.wait_for(lambda: x.vmqd.stats('b')['drops']['tx_vlan'] == 1, 5, 'a counted drop')
    assert x.everywhere() == {}
    x.vms['b'].send(frame(D, B, 2, vlan=100))
    assert x.everywhere(1) == {'d': [frame(D, B, 2)]}
    f = frame(FAR, B, 3, vlan=0, priority=5)
    x.vms['b'].send(f)
    assert x.everywhere(2)['wire'] == [tagged(frames.untagged(f), 100, 5)]


@pytest.mark.parametrize('mode', [{}, QUEUES], ids=['vports', 'queues'])
def test_trunk(lab, mode):
    """The VM sees tags, of its VLANs only; what it sends for others is dropped and counted, and so is what comes for others."""
    x = lab(vports=[{'name': 't', 'mac': A, 'trunk': '10,20,100-199'}, {'name': 'b', 'mac': B, 'vlan': 10}], host_promiscuous=False,
            **mode)
    t, b = x.plug('t', 'b')
    assert x.vmqd.vport('t')['trunk'] and not x.vmqd.vport('b')['trunk']
    for n, (vid, priority) in enumerate([(10, 0), (20, 5), (100, 0), (199, 7)]):
        f = tagged(frame(A, FAR, n), vid, priority)
        x.wire.send(f)
        assert x.everywhere(1) == {'t': [f]}
        f = tagged(frame(FAR, A, n), vid, priority)
        t.send(f)
        assert x.everywhere(1) == {'wire': [f]}
    x.wire.send(frame(BROADCAST, FAR, 50, vlan=10))
    assert x.everywhere(3) == {'t': [frame(BROADCAST, FAR, 50, vlan=10)], 'b': [frame(BROADCAST, FAR, 50)],
                               'host': [frame(BROADCAST, FAR, 50, vlan=10)]}
    t.send(frame(B, A, 51, vlan=10, priority=3))
    assert x.everywhere(1) == {'b': [frame(B, A, 51)]}
    b.send(frame(A, B, 52))
    assert x.everywhere(1) == {'t': [frame(A, B, 52, vlan=10)]}
    lost = [None, 0, 30, 99, 200]
    for n, vid in enumerate(lost):
        x.wire.send(frame(A, FAR, 60 + n, vlan=vid))
        t.send(frame(FAR, A, 60 + n, vlan=vid))
    procs.soon_equal(lambda: (x.vmqd.wire()['drops']['rx_not_accepted'], x.vmqd.stats('t')['drops']['tx_vlan']), (len(lost), len(lost)))
    assert x.everywhere() == {}


def explained(x, **frame):
    return [(d['fate'], d.get('vport'), d.get('tag'), d.get('drop')) for d in x.vmqd.call('explain', **frame)['destinations']]


def test_trunk_is_changed_under_traffic(lab):
    x = lab(vports=[{'name': 't', 'mac': A, 'vlan': 20}, {'name': 'o', 'mac': A, 'vlan': 40}], host_promiscuous=False)
    [t] = x.plug('t')
    said = x.vmqd.vmqctl('vport', 'set', 't', 'trunk', 'untagged,20')
    assert 'trunk yes' in said and 'vlan untagged' in said
    for n, vid in enumerate([None, 0, 20]):  # a priority tag is seen as it came
        f = frame(A, FAR, n, vlan=vid, priority=4 if vid is not None else 0)
        x.wire.send(f)
        assert x.everywhere(1) == {'t': [f]}
        f = frame(FAR, A, n, vlan=vid, priority=4 if vid is not None else 0)
        t.send(f)
        assert x.everywhere(1) == {'wire': [f]}
    assert explained(x, **{'from': 'wire'}, dst=A, vlan=20) == [('deliver', 't', 'kept', None)]
    assert explained(x, **{'from': 't'}, dst=FAR, vlan=30) == [('drop', None, 'none', 'tx_vlan')]

    def filters():
        return [(f['id'], f['mac'], f['vlan'], f['companion']) for f in x.vmqd.call('filter.show', vport='t')['filters']]
    before = filters()
    with pytest.raises(rpc.RpcError) as e:
        x.vmqd.call('vport.set', name='t', trunk='10-39,40,41', moderation='low', vlan_check=False)
    assert e.value.field == 'mac' and 'VPort o' in str(e.value)
    assert (filters(), x.vmqd.vport('t')['moderation'], x.vmqd.vport('t')['vlan_check']) == (before, 'adaptive', True)
    # frames of a VLAN that stays are not lost while the list changes
    sent, got = [frame(A, FAR, n, vlan=20) for n in range(400)], []
    for n in range(0, 400, 20):
        for f in sent[n:n + 20]:
            x.wire.send(f)
        x.vmqd.call('vport.set', name='t', trunk='20,' + ('50-79' if n % 40 else '80-99'))
        got += t.recv(20, 5)
    assert got == sent
    assert {f[2] for f in filters()} == {20, *range(50, 80)}
    # any: all that no other VPort has
    x.vmqd.call('vport.set', name='t', trunk='any')
    x.wire.send(frame(A, FAR, 1, vlan=777))
    assert x.everywhere(1) == {'t': [frame(A, FAR, 1, vlan=777)]}
    # off: the tags go, the filters stay
    x.vmqd.call('vport.set', name='t', trunk=False)
    x.wire.send(frame(A, FAR, 2, vlan=777))
    assert x.everywhere(1) == {'t': [frame(A, FAR, 2)]}


def test_trunk_refused(lab):
    x = lab(vports=[{'name': 't', 'mac': A}])

    def refused(method, field, words, **params):
        with pytest.raises(rpc.RpcError) as e:
            x.vmqd.call(method, **params)
        assert e.value.field == field and words in str(e.value), params
    for wrong in ('', '0', '4095', '10-', '10-5', '-1', '1,,2', 'any,x', '10 ', '99999999999', '1-2-3', 'on', ',', 0, 4095, 1.5, [10], None):
        refused('vport.set', 'trunk', 'list of VLANs', name='t', trunk=wrong)
    refused('vport.add', 'trunk', 'needs mac', name='n', trunk='10')
    refused('vport.add', 'vlan', 'no place', name='n', trunk='10', mac=C, vlan=5)
    x.vmqd.call('vport.add', name='n', trunk=True)
    refused('vport.set', 'trunk', 'no filter', name='n', trunk='10')
    assert [f['vlan'] for f in x.vmqd.call('filter.show')['filters']] == ['untagged'] * 2
    x.vmqd.call('vport.set', name='t', trunk='1-4094')  # all there are
    assert len(x.vmqd.call('filter.show', vport='t')['filters']) == 2 * 4094
    x.vmqd.call('vport.set', name='t', trunk=7)
    assert [f['vlan'] for f in x.vmqd.call('filter.show')['filters']] == [7, 7]


def test_source_check(lab):
    x = lab(vports=[{'name': 'a', 'mac': A, 'source_check': True}, {'name': 'c', 'mac': C}])
    x.plug('a', 'c')
    x.vms['a'].send(frame(C, E, 1))
    procs.wait_for(lambda: x.vmqd.stats('a')['drops']['tx_source_mac'] == 1, 5, 'a counted drop')
    assert x.everywhere() == {}
    x.vms['a'].send(frame(C, A, 2))
    assert x.everywhere(1) == {'c': [frame(C, A, 2)]}
    x.vmqd.call('vport.set', name='a', source_check=False)
    x.vms['a'].send(frame(C, E, 3))
    assert x.everywhere(1) == {'c': [frame(C, E, 3)]}


def test_groups_only_by_filter_without_all_multicast(lab):
    x = lab(vports=[{'name': 'a', 'mac': A, 'all_multicast': False}, {'name': 'c', 'mac': C, 'broadcast': False,
                                                                      'all_multicast': False}])
    x.plug('a', 'c')
    x.wire.send(frame(GROUP, FAR, 1))
    assert set(x.everywhere(1)) == {'host'}
    x.wire.send(frame(BROADCAST, FAR, 2))
    assert set(x.everywhere(2)) == {'host', 'a'}
    x.vmqd.call('filter.add', vport='c', mac=GROUP)
    x.wire.send(frame(GROUP, FAR, 3))
    assert set(x.everywhere(2)) == {'host', 'c'}


@pytest.mark.parametrize('driver', ['packet', 'xdp'])
@pytest.mark.parametrize('ethertype', [0x8906, 0x8914, 0x88cc, 0x0800, 0x86dd, 0x88f7], ids=hex)
def test_any_ethertype_passes_untouched(lab, driver, ethertype):
    """FCoE, FIP, LLDP and others: nothing but addresses and tags is looked at."""
    x = lab(vports=VPORTS, driver=driver)
    x.plug('a', 'b')
    f = frame(A, FAR, 1, ethertype=ethertype, size=1400)
    x.wire.send(f)
    assert x.everywhere(1) == {'a': [f]}
    x.wire.send(tagged(frame(B, FAR, 2, ethertype=ethertype), 100, 3))
    assert x.everywhere(1) == {'b': [frame(B, FAR, 2, ethertype=ethertype)]}
    f = frame(FAR, B, 3, ethertype=ethertype)
    x.vms['b'].send(f)
    assert x.everywhere(2) == {'wire': [tagged(f, 100)], 'host': [tagged(f, 100)]}


@pytest.mark.parametrize('driver', ['packet', 'xdp'])
def test_tags_on_frames_of_any_size(lab, driver):
    """A tag is put in or taken off without a byte of the rest being moved or lost, wherever the frame is cut."""
    x = lab(vports=VPORTS, driver=driver)
    x.plug('b', 'c', 'd')
    sizes = [46, 47, 48, 49, 50, 51, 64, 100, 1000, 1485, 1486]
    for n, size in enumerate(sizes):
        to_b, to_far = frame(B, FAR, n, size=size), frame(FAR, B, n, size=size)
        x.wire.send(tagged(to_b, 100, 1))
        assert x.everywhere(1, quiet=0) == {'b': [to_b]}
        x.host.send(tagged(to_b, 100, 7))
        assert x.everywhere(1, quiet=0) == {'b': [to_b]}
        for pieces in (None, [12, 14], [12, 12, 2, 2, 2], [12, 60, 6]):
            x.vms['c'].send(tagged(to_b, 100), pieces=pieces)
            assert x.everywhere(1, quiet=0) == {'b': [to_b]}
            x.vms['b'].send(to_far, pieces=pieces)
            assert x.everywhere(2, quiet=0) == {'wire': [tagged(to_far, 100)], 'host': [tagged(to_far, 100)]}
            x.vms['b'].send(frame(D, B, n, size=size), pieces=pieces)
            assert x.everywhere(1, quiet=0) == {'d': [frame(D, B, n, size=size)]}
    assert x.everywhere() == {}


def test_link_local_groups_pass(lab):
    """LLDP's group address is an address like any other to this switch."""
    x = lab(vports=VPORTS)
    x.plug('a')
    f = frame('01:80:c2:00:00:0e', FAR, 1, ethertype=0x88cc)
    x.wire.send(f)
    assert x.everywhere(2) == {'a': [f], 'host': [f]}
