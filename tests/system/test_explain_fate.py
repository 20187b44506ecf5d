# SPDX-License-Identifier: BSD-3-Clause
"""What explain says of a frame is what happens to it: a table of frames, made at random from all that decides, is asked about,
then sent, and what was delivered, dropped and counted is compared. And explain of frames in files."""
import itertools
import random
import struct

import pytest
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from test_vlan_rules import A, B, BROADCAST, C, D, E, FAR, GROUP, MACS, UNKNOWN, VPORTS, with_tag
from vmqtest import frames, procs
from vmqtest.frames import frame
from vmqtest.rpc import RpcError

CHECKED = [dict(v, source_check=True) if v['name'] in 'bc' else v for v in VPORTS] + [
    {'name': 'f', 'mac': E, 'vlan': 100, 'vlan_check': False, 'all_multicast': False},
    {'name': 'g', 'mac': '52:54:00:00:00:07', 'vlan': 300, 'filters': [{'mac': '52:54:00:00:00:08', 'vlan': 'untagged'}]}]
RUNNING = 'abcfg'  # nobody is at d and e
SOURCES = ['wire', 'host', *RUNNING]
DESTINATIONS = [A, B, C, D, E, '52:54:00:00:00:07', '52:54:00:00:00:08', FAR, UNKNOWN, BROADCAST, GROUP]
TAGS = [None, (0, 0), (0, 5), 100, (100, 3), 200, 300, 77, 4094]


def table(n):
    """n questions: (source, destination, source address, tag). All sources × destinations untagged, then at random."""
    rnd = random.Random(7)
    own = dict(MACS, f=E, g='52:54:00:00:00:07')
    sure = [(s, d, own[s], None) for s, d in itertools.product(SOURCES, DESTINATIONS)]
    return sure + [(s := rnd.choice(SOURCES), rnd.choice(DESTINATIONS), own[s] if rnd.random() < 0.7 else UNKNOWN, rnd.choice(TAGS))
                   for _ in range(n - len(sure))]


def drops(x):
    """{(place, reason): count} of all places."""
    s = x.vmqd.call('stats.show')
    places = [(v['name'], v['drops']) for v in s['vports']] + [('wire', w['drops']) for w in s['wires']]
    return {(name, why): n for name, d in places for why, n in d.items()}


def said(x, source, f):
    """Where explain says the frame goes, and which drops it will count."""
    answer = x.vmqd.call('explain', **{'from': 'default' if source == 'host' else source}, frame=f.hex())
    to, lost = [], []
    for d in answer['destinations']:
        if d['fate'] == 'drop':
            where = d.get('vport') or ('wire' if source == 'wire' else 'default' if source == 'host' else source)
            lost.append((where, d['drop']))
        else:
            to.append('wire' if d['fate'] == 'wire' else 'host' if d['vport'] == 'default' else d['vport'])
    return answer, sorted(to), sorted(lost)


@pytest.mark.parametrize('promiscuous', [True, False])
def test_what_explain_says_is_what_happens(lab, promiscuous):
    x = lab(vports=CHECKED, host_promiscuous=promiscuous)
    x.plug(*RUNNING)
    before, wrong, fates = drops(x), [], set()
    for seq, (source, dst, src, tag) in enumerate(table(250)):
        f = with_tag(frame(dst, src, seq), tag)
        answer, to, lost = said(x, source, f)
        {'wire': x.wire, 'host': x.host}.get(source, x.vms.get(source)).send(f)
        got = x.everywhere(len(to), quiet=0 if to else 0.01)
        counted = []
        if lost:
            try:
                procs.wait_for(lambda b=before, k=len(lost): sum(drops(x).values()) - sum(b.values()) >= k, 10)
            except TimeoutError:
                pass
        after = drops(x)
        counted = sorted(k for k in after for _ in range(after[k] - before.get(k, 0)))
        before = after
        is_there = sorted(p for p, fs in got.items() for _ in fs)
        if is_there != to or counted != lost or any(frames.number(g) != seq for fs in got.values() for g in fs):
            wrong.append(f'{source} {src} > {dst} {tag}: said {to} {lost}, is {is_there} {counted}: {answer["text"]}')
        tags = {d.get('vport', 'wire'): d['tag'] for d in answer['destinations'] if d['fate'] != 'drop'}
        for place, fs in got.items():
            seen, sent = frames.tag_of(fs[0]) is not None, tag is not None
            word = 'kept' if seen and sent else 'stripped' if sent else 'inserted' if seen else 'none'
            if tags['default' if place == 'host' else place] != word:
                wrong.append(f'{source} > {dst} {tag} at {place}: the tag is {word}, explain says {tags}')
        fates |= {why for _place, why in lost} | {answer['destinations'][0]['fate'] if answer['destinations'] else 'nowhere'}
    late = x.everywhere(quiet=0.2)
    assert not wrong and not late, '\n'.join(wrong) + str(late)
    assert {'deliver', 'wire', 'rx_not_connected', 'tx_hairpin', 'tx_vlan', 'tx_source_mac'} <= fates
    assert promiscuous or 'rx_not_accepted' in fates


def steps(answer):
    return [(s['step'], s['result']) for s in answer['steps']]


def test_the_steps(lab):
    x = lab(vports=CHECKED)
    x.plug(*RUNNING)
    answer = x.vmqd.call('explain', **{'from': 'b', 'dst': D})
    assert steps(answer) == [('sender', 'pass'), ('vlan', 'pass'), ('vlan_check', 'pass'), ('source_check', 'pass'), ('filter', 'pass')]
    assert answer['steps'][-1]['text'] == f'filters for the address, VLAN 100: filter {answer["destinations"][0]["filter"]} of d'
    answer = x.vmqd.call('explain', **{'from': 'b', 'dst': D, 'src': UNKNOWN})
    assert steps(answer)[-1] == ('source_check', 'fail') and answer['destinations'][0]['drop'] == 'tx_source_mac'
    answer = x.vmqd.call('explain', **{'from': 'wire', 'dst': UNKNOWN, 'vlan': 5})
    assert steps(answer) == [('filter', 'fail'), ('filter', 'fail'), ('rule', 'pass')]
    answer = x.vmqd.call('explain', **{'from': 'f', 'dst': BROADCAST, 'vlan': 7})
    assert steps(answer)[:3] == [('sender', 'pass'), ('vlan_check', 'off'), ('source_check', 'off')]
    assert answer['steps'][1]['text'] == 'VLAN check, VLAN 7: off'
    # c has a filter for any VLAN, and the check is on: it has nothing to refuse, which is not the same as off.
    for on, said in ((True, ('pass', 'VLAN check, VLAN 7: passed, as c has a filter for any VLAN')), (False, ('off', 'VLAN check, VLAN 7: off'))):
        x.vmqd.call('vport.set', name='c', vlan_check=on)
        check = x.vmqd.call('explain', **{'from': 'c', 'dst': BROADCAST, 'vlan': 7})['steps'][1]
        assert (check['step'], check['result'], check['text']) == ('vlan_check', *said)
    x.vmqd.call('vport.set', name='a', bypass=True)
    assert ('bypass', 'pass') in steps(x.vmqd.call('explain', **{'from': 'wire', 'dst': A}))


def ipv4(dst, src_port):
    head = bytes.fromhex(dst.replace(':', '') + FAR.replace(':', '')) + b'\x08\x00'
    ip = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 46, 1, 0, 64, 17, 0, b'\x0a\0\0\1', b'\x0a\0\0\2')
    return head + ip + struct.pack('!HHHH', src_port, 80, 26, 0) + bytes(18)


def test_a_frame_of_a_file_and_its_queue(lab, tmp_path):
    """The queue that the hash of a captured frame leads to is the one that gets it."""
    x = lab(vports=[{'name': 'a', 'mac': A, 'queue_pairs': 2}])
    if len(x.cpus) < 2:
        pytest.skip('needs two CPUs')
    x.vm('a', pairs=2)
    packets = [ipv4(A, 1000 + i) for i in range(24)]
    file = str(tmp_path / 'x.pcap')
    wrpcap(file, [Ether(p) for p in packets])
    asked = [x.vmqd.vmqctl_json('explain', 'from', 'wire', 'pcap', file, '-n', str(i + 1)) for i in range(len(packets))]
    queues = [a['destinations'][0]['queue'] for a in asked]
    assert set(queues) == {0, 1} and all('hash' in dict(steps(a)) for a in asked)
    vm = x.vms['a']
    for want, p in zip(queues, packets):
        x.wire.send(p)
        got = procs.wait_for(lambda: [i for i in range(2) if vm.received(vm.queues[2 * i])], 20, 'the frame')
        assert got == [want]
    status, _out, err = x.vmqd.vmqctl('explain', 'from', 'wire', 'pcap', file, 'number', '25', check=False)
    assert status == 1 and 'has no frame 25' in err
    assert x.vmqd.vmqctl('explain', 'from', 'wire', 'pcap', '/nowhere', check=False)[0] == 1
    text = x.vmqd.vmqctl('explain', 'from', 'wire', 'pcap', file)
    assert '\n    filters for the address, untagged: filter ' in text


def test_frames_that_cannot_be(lab):
    x = lab(vports=VPORTS)
    for params, field in (({'frame': '00' * 13}, 'frame'), ({'frame': '0g' * 20}, 'frame'), ({'frame': '00' * 20, 'dst': A}, 'dst'),
                          ({'frame': '00' * 20, 'len': 19}, 'len'), ({'dst': A, 'len': 60}, 'len')):
        with pytest.raises(RpcError) as e:
            x.vmqd.call('explain', **{'from': 'wire'}, **params)
        assert e.value.field == field
