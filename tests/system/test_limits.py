# SPDX-License-Identifier: BSD-3-Clause
"""Rate limits of VPorts, policies of workers, moderation by numbers: set by every way there is, kept to by real processes.
Counts, never times: at a byte a second the frame that overdraws the burst keeps the next one out for a minute."""
import json

import pytest

from vmqtest import daemon, frames, procs
from vmqtest.frames import frame
from vmqtest.rpc import RpcError

A, B, C = (f'52:54:00:00:00:0{i}' for i in (1, 2, 3))
SIZE = len(frame(B, A))
KEYS = ('max_tx_bytes_per_s', 'tx_burst_bytes', 'max_tx_frames_per_s', 'tx_burst_frames', 'max_rx_bytes_per_s',
        'rx_burst_bytes', 'max_rx_frames_per_s', 'rx_burst_frames', 'max_group_frames_per_s', 'group_burst_frames',
        'moderation_us', 'moderation_frames')


def burst(n):
    """The burst in bytes that exactly n frames pass."""
    return (n - 1) * SIZE + 1


@pytest.fixture
def two(lab):
    x = lab(vports=[{'name': 'a', 'mac': A}, {'name': 'b', 'mac': B}])
    x.plug('a', 'b')
    return x


def numbers(got):
    return [frames.number(f) for f in got]


def drops(x, name):
    return {k: n for k, n in x.vmqd.stats(name)['drops'].items() if n}


def test_what_a_vm_sends_waits(two):
    x = two
    a, b = x.vms['a'], x.vms['b']
    x.vmqd.call('vport.set', name='a', max_tx_bytes_per_s=1, tx_burst_bytes=burst(10))
    a.send([frame(B, A, i) for i in range(40)], window=40)
    assert numbers(b.recv(10)) == list(range(10))
    procs.wait_for(lambda: x.vmqd.queue('a')['held'], 30, 'the ring to wait')
    assert not b.drain()
    assert x.vmqd.stats('a')['tx_frames'] == 10 and x.vmqd.queue('a')['tx_frames'] == 10
    assert sum(w['rings_held'] for w in x.vmqd.call('worker.show')['workers']) == 1

    x.vmqd.call('vport.set', name='a', max_tx_bytes_per_s=1, tx_burst_bytes=burst(5))
    assert numbers(b.recv(5)) == list(range(10, 15))
    assert not b.drain()

    x.vmqd.call('vport.set', name='a', max_tx_bytes_per_s=0)
    assert numbers(b.recv(25)) == list(range(15, 40))
    assert not drops(x, 'a') and not drops(x, 'b')
    assert not x.vmqd.queue('a')['held']


def test_the_worker_wakes_by_itself(two):
    x = two
    x.vmqd.call('vport.set', name='a', max_tx_frames_per_s=100, tx_burst_frames=1)
    x.vms['a'].send([frame(B, A, i) for i in range(20)], window=20)
    assert numbers(x.vms['b'].recv(20, timeout=30)) == list(range(20))
    assert sum(w['timed_sleeps'] for w in x.vmqd.call('worker.show')['workers']) >= 5


def test_what_it_would_receive_is_dropped(two):
    x = two
    x.vmqd.call('vport.set', name='b', max_rx_bytes_per_s=1, rx_burst_bytes=burst(7))
    x.vms['a'].send([frame(B, A, i) for i in range(30)])
    x.wire.send(frame(B, C, 30))
    procs.wait_for(lambda: drops(x, 'b').get('rx_limit') == 24, 30, 'the drops')
    got = numbers(x.vms['b'].drain())
    assert len(got) == 7 and set(got) <= set(range(31)) and x.vmqd.stats('b')['rx_frames'] == 7
    assert not drops(x, 'a')
    x.vms['b'].send([frame(A, B, 31)])  # the other direction is not concerned
    assert numbers(x.vms['a'].recv(1)) == [31]


def test_storm_limit_is_on_by_default(two):
    x = two
    assert x.vmqd.vport('a')['max_group_frames_per_s'] == 10000
    x.vmqd.call('vport.set', name='a', max_group_frames_per_s=1, group_burst_frames=4)
    x.vms['a'].send([frame(frames.BROADCAST, A, i) for i in range(30)])
    procs.wait_for(lambda: x.vmqd.stats('a')['drops']['tx_storm'] + x.vmqd.stats('b')['rx_frames'] == 30, 30,
                   'all broadcasts to be accounted for')
    assert x.vmqd.stats('a')['drops']['tx_storm'] > 0 and x.vmqd.stats('b')['rx_frames'] >= 4
    x.vms['b'].drain()
    x.vms['a'].send([frame(B, A, i) for i in range(30, 40)])
    assert numbers(x.vms['b'].recv(10)) == list(range(30, 40))
    for _ in range(3):  # what comes from outside is not concerned
        x.wire.send(frame(frames.BROADCAST, C, 50))
    assert numbers(x.vms['b'].recv(3)) == [50] * 3


def test_every_number_travels(lab):
    """From the file, by request, by command, and in a migration document."""
    wanted = {k: 100 + i for i, k in enumerate(KEYS)}
    x = lab(vports=[{'name': 'a', 'mac': A, **wanted}])
    assert {k: x.vmqd.vport('a')[k] for k in KEYS} == wanted
    doc = x.vmqd.call('migrate.export', name='a')
    assert {k: doc[k] for k in KEYS} == wanted
    x.vmqd.call('vport.del', name='a')
    arrived = x.vmqd.call('migrate.import', vport=doc)
    assert {k: arrived[k] for k in KEYS} == wanted
    words = [w for k in KEYS for w in (k, str(wanted[k] + 50))]
    changed = x.vmqd.vmqctl_json('vport', 'set', 'a', *words)
    assert {k: changed[k] - 50 for k in KEYS} == wanted
    text = x.vmqd.vmqctl('-d', 'vport', 'show', 'a')
    assert all(f'{k} {wanted[k] + 50}' in text for k in KEYS)
    x.vmqd.vmqctl('vport', 'add', 'c', 'mac', C, *words)
    added = x.vmqd.vport('c')
    assert {k: added[k] - 50 for k in KEYS} == wanted
    x.vmqd.call('vport.set', name='c', moderation_us=0)  # the frames go with the time
    assert (x.vmqd.vport('c')['moderation_us'], x.vmqd.vport('c')['moderation_frames']) == (0, 0)
    for level in ('adaptive', 'off', 'low', 'medium', 'high', 'undefined'):
        assert x.vmqd.call('vport.set', name='c', moderation=level)['moderation'] == level


def test_bad_numbers_change_nothing(two):
    x = two
    before = x.vmqd.vport('a')
    for params, field in (({'max_tx_bytes_per_s': -1}, 'max_tx_bytes_per_s'), ({'rx_burst_frames': 10**12 + 1}, 'rx_burst_frames'),
                          ({'max_rx_frames_per_s': 1.5}, 'max_rx_frames_per_s'), ({'moderation_frames': 3}, 'moderation_frames'),
                          ({'moderation_us': 10001}, 'moderation_us'), ({'group_burst_frames': '9'}, 'group_burst_frames')):
        with pytest.raises(RpcError) as e:
            x.vmqd.call('vport.set', name='a', source_check=True, max_tx_frames_per_s=7, **params)
        assert e.value.field == field and e.value.code == -32602
    assert x.vmqd.vport('a') == before
    with pytest.raises(RpcError) as e:
        x.vmqd.call('vport.set', name='default', max_tx_bytes_per_s=5)
    assert "the host's own" in str(e.value) and 'NDIS_STATUS' not in str(e.value)  # that is a member of its own
    assert x.vmqd.vport('default')['max_tx_bytes_per_s'] == 0
    x.vmqd.call('vport.set', name='default', moderation_us=5)


def test_policies_of_workers(lab):
    cpu = daemon.cpus()[0]
    x = lab(vports=[{'name': 'a', 'mac': A, 'cpu': cpu}, {'name': 'b', 'mac': B, 'cpu': cpu}], cpus=[{'cpu': cpu, 'policy': 'poll'}])
    x.plug('a', 'b')

    def worker():
        [w] = x.vmqd.call('worker.show')['workers']
        return w

    def talk(seq):
        x.vms['a'].send([frame(B, A, seq)])
        assert numbers(x.vms['b'].recv(1)) == [seq]
    talk(1)
    w = worker()
    assert (w['policy'], w['state'], w['sleeps'], w['rings_armed']) == ('poll', 'polling', 0, 0)
    for i, policy in enumerate(('interrupt', 'adaptive', 'poll')):
        assert x.vmqd.call('worker.set', cpu=cpu, policy=policy)['policy'] == policy
        if policy != 'poll':
            procs.wait_for(lambda: worker()['state'] == 'sleeping', 30, f'{policy}: asleep')
        talk(2 + i)
    assert worker()['state'] == 'polling' and worker()['rings_armed'] == 0
    assert 'poll' in x.vmqd.vmqctl('worker')
    assert json.loads(x.vmqd.vmqctl('-j', 'worker', 'set', str(cpu), 'policy', 'adaptive'))['policy'] == 'adaptive'
    for params, code in (({'cpu': 4000, 'policy': 'poll'}, 2), ({'cpu': cpu, 'policy': 'lazy'}, -32602), ({'cpu': cpu}, -32602)):
        with pytest.raises(RpcError) as e:
            x.vmqd.call('worker.set', **params)
        assert e.value.code == code
    assert worker()['policy'] == 'adaptive'


def test_each_queue_counts_its_own(lab):
    x = lab(vports=[{'name': 'a', 'mac': A, 'queue_pairs': 2}, {'name': 'b', 'mac': B}])
    x.vm('a', pairs=2)
    x.vm('b')
    a = x.vms['a']
    for pair, count in ((0, 3), (1, 5)):
        a.send([frame(B, A, i) for i in range(count)], q=a.queues[2 * pair + 1])
    assert len(x.vms['b'].recv(8)) == 8
    procs.wait_for(lambda: [q['tx_frames'] for q in x.vmqd.call('queue.show', vport='a')['queues']] == [3, 5], 30, 'both counts')
    assert x.vmqd.stats('a')['tx_frames'] == 8
    assert [q['tx_bytes'] for q in x.vmqd.call('queue.show', vport='a')['queues']] == [3 * SIZE, 5 * SIZE]


def test_interrupts_are_held_back_by_numbers(two):
    x = two
    x.vmqd.call('vport.set', name='b', moderation_us=2000, moderation_frames=1000)
    x.vms['a'].send([frame(B, A, 1)])  # not taken by the driver before it is told
    procs.wait_for(lambda: x.vmqd.stats('b')['rx_notifications'], 30, 'the interrupt')
    delay = x.vmqd.stats('b')['notify_delay']
    assert sum(delay.values()) == x.vmqd.stats('b')['rx_notifications'] and delay['more'] == sum(delay.values())
