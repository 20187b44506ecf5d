# SPDX-License-Identifier: BSD-3-Clause
"""DPDK's virtio-user as the VMs: a front end and a driver that were written by others. Each VM is a pair of testpmd ports, one
plugged into the switch, one into a veth where the test sends and receives."""
import pytest

from vmqtest import frames, netns, procs
from vmqtest.frames import frame
from vmqtest.testpmd import Testpmd, af_packet, virtio_user

MAC = {'a': '52:54:00:00:00:0a', 'b': '52:54:00:00:00:0b'}


def attach(x, names, separate, **options):
    """Starts testpmd for these VPorts; returns a raw port for each VM's own network."""
    vm_ns = netns.NetNS('vms')
    raw, vdevs = {}, []
    for i, n in enumerate(names):
        out = netns.NetNS('in-' + n)
        netns.veth(vm_ns, 'k' + n, out, 'v' + n)
        raw[n] = netns.RawPort(out, 'v' + n)
        vdevs.append([virtio_user(i, x.vmqd.path(n), MAC[n], **options), af_packet(i, 'k' + n)])
    if separate:
        for n, v in zip(names, vdevs):
            Testpmd('pmd-' + n, v, netns=vm_ns)
    else:
        Testpmd('pmd', sum(vdevs, []), netns=vm_ns)
    x.vmqd.wait_running(*names)
    return raw


def exchange(source, sink, made, window=32):
    for i in range(0, len(made), window):
        part = made[i:i + window]
        for f in part:
            source.send(f)
        got = []
        while len(got) < len(part) and (f := sink.recv(5)) is not None:
            got.append(f)
        assert got == part


# virtio-user's data paths: each combination is another driver's side (split or packed, in order, mergeable, vectorised).
MATRIX = [dict(packed_vq=p, in_order=o, mrg_rxbuf=m, vectorized=v) for p in (0, 1) for o in (0, 1) for m in (0, 1) for v in (0, 1)]


@pytest.mark.parametrize('options', MATRIX, ids=lambda o: '-'.join(k for k in o if o[k]) or 'plain')
def test_thousands_of_frames_each_way(lab, options):
    x = lab(vports=[{'name': n, 'mac': MAC[n], 'vlan': 100} for n in 'ab'])
    raw = attach(x, 'ab', separate=not any(options.values()), **options)
    there = [frame(MAC['b'], MAC['a'], i, size=46 + i * 7 % 1441) for i in range(4000)]
    back = [frame(MAC['a'], MAC['b'], i, size=46 + i * 5 % 1441) for i in range(4000)]
    exchange(raw['a'], raw['b'], there)
    exchange(raw['b'], raw['a'], back)
    for n in 'ab':
        procs.soon_equal(lambda: [x.vmqd.stats(n)[k] for k in ('rx_frames', 'tx_frames')], [4000, 4000])
        assert sum(x.vmqd.stats(n)['drops'].values()) == 0
    assert x.everywhere() == {}


def test_a_filter_moves_between_two_while_traffic_runs(lab):
    x = lab(vports=[{'name': n, 'mac': MAC[n]} for n in 'ab'])
    raw = attach(x, 'ab', separate=False)
    target = '52:54:00:00:00:aa'
    f = x.vmqd.call('filter.add', vport='a', mac=target, broadcast=False)['filters'][0]
    got = {n: [] for n in 'ab'}
    sent, moves = 0, 0

    def collect():
        for n in 'ab':
            while (r := raw[n].recv(0)) is not None:
                got[n].append(frames.number(r))

    while sent < 6000:
        for _ in range(16):
            x.wire.send(frame(target, '52:54:00:00:0f:01', sent, size=200))
            sent += 1
        moves += 1
        x.vmqd.call('filter.move', id=f['id'], to='ab'[moves % 2])
        collect()
        while sent - sum(map(len, got.values())) > 100:
            collect()
    procs.wait_for(lambda: (collect(), sum(map(len, got.values())) >= sent)[1], 10, 'all frames')
    for n in 'ab':
        got[n] += [frames.number(r) for r in raw[n].drain(0.3)]
        assert got[n] == sorted(got[n])
        assert len(got[n]) > 500
    assert sorted(got['a'] + got['b']) == list(range(sent))
