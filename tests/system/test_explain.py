# SPDX-License-Identifier: BSD-3-Clause
"""What explain says of a frame is what becomes of it: every case of the rules is asked and then checked against where the
rules say it goes."""
import pytest

from test_vlan_rules import FROM_HOST, FROM_VMS, FROM_WIRE, MACS, PLACES, VPORTS
from vmqtest.rpc import RpcError


@pytest.fixture
def switch(lab):
    x = lab(vports=VPORTS)
    x.plug(*PLACES)
    return x


def ask(x, source, dst, tag):
    params = {'from': 'default' if source == 'host' else source, 'dst': dst}
    if source in PLACES:
        params['src'] = MACS[source]
    if tag is not None:
        params['vlan'], params['priority'] = tag if isinstance(tag, tuple) else (tag, 0)
    return x.vmqd.call('explain', **params)


def test_explain_agrees_with_the_rules(switch):
    cases = ([(t, 'wire', *rest) for t, *rest in FROM_WIRE] + FROM_VMS + [(t, 'host', *rest) for t, *rest in FROM_HOST])
    wrong = []
    for title, source, dst, tag, expected in cases:
        answer = ask(switch, source, dst, tag)
        places = sorted('wire' if d['fate'] == 'wire' else 'host' if d['vport'] == 'default' else d['vport']
                        for d in answer['destinations'] if d['fate'] != 'drop')
        if places != sorted(expected):
            wrong.append(f'{title}: rules say {sorted(expected)}, explain says {places}: {answer["text"]}')
    assert not wrong, '\n'.join(wrong)


def test_explain_names_filter_queue_and_cpu(switch):
    f = [f for f in switch.vmqd.call('filter.show', vport='b')['filters'] if f['mac'] == MACS['b']][0]
    d, = ask(switch, 'wire', MACS['b'], 100)['destinations']
    assert (d['fate'], d['vport'], d['filter'], d['queue'], d['tag']) == ('deliver', 'b', f['id'], 0, 'stripped')
    assert d['cpu'] == switch.vmqd.queue('b')['cpu']
    d = [d for d in ask(switch, 'b', MACS['wire'], None)['destinations'] if d['fate'] == 'wire'][0]
    assert d['tag'] == 'inserted'


def rule(x, source, dst, tag):
    return [s['text'] for s in ask(x, source, dst, tag)['steps'] if s['step'] == 'rule']


def test_two_that_talk_past_each_other(switch):
    """Where a frame goes outside because its address is a VPort's in another VLAN, that is said: no counter shows it. Not of one
    that was looked at, which is not active."""
    x = switch.vmqd
    x.call('vport.add', name='p', mac='52:54:00:00:77:01', vlan=701)
    x.call('vport.add', name='q', mac='52:54:00:00:77:02', vlan=702)
    x.call('vport.add', name='u', mac='52:54:00:00:77:03')
    q, u = (x.call('filter.show', vport=n)['filters'][0]['id'] for n in 'qu')
    for host in (False, True):  # whether or not the default VPort takes it, too
        switch.host_ns.run('ip', 'link', 'set', 'vmq0', 'promisc', 'on' if host else 'off')
        [said] = rule(switch, 'p', '52:54:00:00:77:02', None)
        assert said.startswith('no filter claims it: outside') and said.endswith(f"; its address is q's, in VLAN 702 (filter {q})")
    [said] = rule(switch, 'wire', '52:54:00:00:77:03', 701)
    assert said.endswith(f"; its address is u's, untagged (filter {u})")
    [said] = rule(switch, 'p', '52:54:00:00:77:04', None)
    assert said.startswith('no filter claims it: outside') and 'address' not in said
    assert rule(switch, 'wire', '52:54:00:00:77:02', 702) == []
    x.call('migrate.import', vport={'format': 1, 'name': 'w', 'features': [], 'filters': [{'mac': '52:54:00:00:77:05', 'vlan': 701}]})
    [said] = rule(switch, 'p', '52:54:00:00:77:05', None)
    assert said.startswith('no filter claims it: outside') and 'address' not in said


def test_explain_refuses_what_cannot_be(switch):
    for params, field in (({'from': 'nobody', 'dst': MACS['a']}, 'from'), ({'from': 'wire', 'dst': '1'}, 'dst'),
                          ({'from': 'wire', 'dst': MACS['a'], 'vlan': 4095}, 'vlan'), ({'dst': MACS['a']}, 'from')):
        with pytest.raises(RpcError) as e:
            switch.vmqd.call('explain', **params)
        assert e.value.field == field
