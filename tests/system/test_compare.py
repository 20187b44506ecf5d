# SPDX-License-Identifier: BSD-3-Clause
"""vmqctl compare and a VPort's bypass against a running vmqd: both ways carry the frames, what is measured is printed, and the
VPort has its own queue again however the comparison ends."""
import json
import signal

import pytest

from fake_vmqd import FakeVmqd, reply
from test_capture import Running
from test_vlan_rules import A, B, FAR, VPORTS
from vmqtest import procs
from vmqtest.daemon import program
from vmqtest.frames import frame, untagged
from vmqtest.rpc import RpcError


@pytest.fixture
def switch(lab):
    x = lab(vports=VPORTS)
    x.plug('a', 'b')
    return x


def bypassed(x):
    return x.vmqd.vport('a')['bypass']


def while_frames_flow(x, until):
    """Frames to a, until it is so."""
    n = 0

    def more():
        nonlocal n
        for _ in range(20):
            x.wire.send(frame(A, FAR, n))
            n += 1
        x.everywhere(quiet=0.005)
        return until()
    procs.wait_for(more, 60, 'the comparison')


def test_a_bypassed_vport_gets_the_same_frames(switch):
    x = switch
    got, plain = frame(B, FAR, 1, vlan=100), []
    for on in (True, False):
        x.vmqd.call('vport.set', name='b', bypass=on)
        assert x.vmqd.vport('b')['bypass'] is on
        before = x.vmqd.stats('b')['bypass_frames']
        x.wire.send(got)
        plain.append(x.everywhere(1)['b'])
        assert x.vmqd.stats('b')['bypass_frames'] - before == on
    assert plain[0] == plain[1] == [untagged(got)]
    with pytest.raises(RpcError) as e:
        x.vmqd.call('vport.set', name='default', bypass=True)
    assert e.value.field == 'bypass'


def test_both_ways_are_measured(switch):
    run = Running(switch, '-j', 'compare', 'a', 'seconds', '0.3', 'rounds', '2')
    while_frames_flow(switch, lambda: run.proc.poll() is not None)
    status, out, err = run.end()
    assert status == 0, err
    r = json.loads(out)
    assert (r['vport'], r['rounds']) == ('a', 2)
    for way in ('own', 'bypassed'):
        assert r[way]['frames_per_s'] > 0 and r[way]['cycles_per_frame'] > 0 and r[way]['ns_per_frame'] > 0
        assert r[way]['latency_us'] > 0 and r[way]['drops_per_s'] == 0
    assert switch.vmqd.stats('a')['bypass_frames'] > 0 and not bypassed(switch)


def test_for_people(switch):
    run = Running(switch, 'compare', 'a', 'seconds', '0.2', 'rounds', '1')
    while_frames_flow(switch, lambda: run.proc.poll() is not None)
    out = run.end()[1].splitlines()
    assert out[0].split() == ['OWN-QUEUE', 'DEFAULT-QUEUE', 'OWN/DEFAULT']
    assert out[1].startswith('frames delivered a second ') and 'cycles a frame ' in out[3]


@pytest.mark.parametrize('signo', [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_is_restored(switch, signo):
    run = Running(switch, 'compare', 'a', 'seconds', '1', 'rounds', '50')
    while_frames_flow(switch, lambda: bypassed(switch))
    status, _out, _err = run.end(signo)
    assert status == (0 if signo != signal.SIGKILL else -signal.SIGKILL)
    procs.wait_for(lambda: not bypassed(switch), 30, 'its own queue')


@pytest.mark.parametrize('frames,few', [(0, True), (7, True), (999, True), (1000, False), (10 ** 6, False)])
def test_few_frames(frames, few):
    """A vmqd that counts so many frames from look to look: below a thousand it is said that the ratios mean little."""
    looks = 0

    def stats(conn, request):
        nonlocal looks
        looks += 1
        reply(conn, request, result={'vports': [{'name': 'a', 'rx_frames': frames * looks, 'drops': {}}],
                                     'workers': [{'busy_ns': 1000 * looks, 'busy_cycles': 2000 * looks}]})
    with FakeVmqd({'vport.show': {'vports': [{'name': 'a', 'id': 1, 'adapter': 'ext0'}]}, 'stats.show': stats, 'bypass.hold': {}}) as d:
        def compare(*options):
            return procs.run([program('vmqctl'), '--socket', d.path, *options, 'compare', 'a', 'seconds', '0.1', 'rounds', '2'])
        assert json.loads(compare('-j'))['few_frames'] is few
        table, _, said = compare().partition('\nin the switch')
        assert table.count('\n') == 5
        assert ('nothing is compared' in said) == (frames == 0)
        assert (f'few frames, {frames} in a measurement: with less than 1000 the ratios are mostly chance' in said) == (few and frames > 0)


def test_what_cannot_be_compared(switch):
    def refused(status, *args):
        got, _out, err = switch.vmqd.vmqctl('compare', *args, check=False)
        assert got == status, err
        return err
    refused(1, 'nobody')
    assert '"0": seconds is a number' in refused(2, 'a', 'seconds', '0')
    assert '"many": rounds is a number' in refused(2, 'a', 'rounds', 'many')
    assert 'default VPort' in refused(1, 'default', 'seconds', '0.1')
    switch.vmqd.call('vport.set', name='a', bypass=True)
    assert 'bypassed already' in refused(1, 'a')
    assert bypassed(switch)
