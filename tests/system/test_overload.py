# SPDX-License-Identifier: BSD-3-Clause
"""One that sends all it can, and others with light traffic on the same worker: they lose nothing, and control answers."""
import os
import subprocess
import threading

from vmqtest import daemon, frames, procs
from vmqtest.frames import frame

LIGHT = 32
MAC = '52:54:00:00:10:%02x'
QUIET = {'broadcast': False, 'all_multicast': False}  # so that each gets its own frames only


def light_traffic(x, names, rounds):
    """Each sends to the next, all at once, so many times; every frame arrives."""
    for n in range(rounds):
        for i, name in enumerate(names):
            x.vms[name].send(frame(MAC % ((i + 1) % len(names)), MAC % i, n), timeout=30)
        for i, name in enumerate(names):
            got = x.vms[name].recv(1, timeout=30)
            assert [frames.number(f) for f in got] == [n], f'round {n}, {name}: {x.vmqd.stats(name)}'


def test_a_vm_at_full_rate_does_not_starve_32_others(lab):
    vugen = os.path.join(daemon.BUILD, 'bench', 'vugen')
    subprocess.run(['ninja', '-C', daemon.BUILD, 'bench/vugen'], check=True, stdout=subprocess.DEVNULL)
    names = [f'light{i}' for i in range(LIGHT)]
    pair = [{'name': 'heavy', 'mac': '52:54:00:00:00:01'}, {'name': 'sink', 'mac': '52:54:00:00:00:02'}]
    x = lab(cpus=daemon.cpus()[-1:], vports=pair + [{'name': n, 'mac': MAC % i, **QUIET} for i, n in enumerate(names)])
    x.plug(*names)
    before = {n: x.vmqd.stats(n) for n in names}
    heavy = procs.Process([vugen, '--tx', x.vmqd.path('heavy'), '--rx', x.vmqd.path('sink'), '--time', '3600',
                           '--warmup', '0', '--small-pages', '--yield'], 'vugen')
    x.vmqd.wait_running('heavy', 'sink')
    sent = x.vmqd.stats('heavy')['tx_frames']
    light_traffic(x, names, 20)
    procs.wait_for(lambda: x.vmqd.stats('heavy')['tx_frames'] > sent + 100000, 60, 'the heavy VM sending')
    light_traffic(x, names, 20)
    heavy.need_alive()
    after = {n: x.vmqd.stats(n) for n in names}
    for n in names:
        assert after[n]['rx_frames'] - before[n]['rx_frames'] == 40 and after[n]['drops'] == before[n]['drops'], n
    heavy.stop()


def test_a_flood_from_the_wire_costs_only_whom_it_is_for(lab):
    x = lab(cpus=daemon.cpus()[-1:], vports=[{'name': 'busy', 'mac': '52:54:00:00:00:09'},
                                             {'name': 'a', 'mac': MAC % 0, **QUIET}, {'name': 'b', 'mac': MAC % 1, **QUIET}])
    x.plug('busy', 'a', 'b')
    over = threading.Event()
    flood = [frame('52:54:00:00:00:09', '52:54:00:00:0f:01', n) for n in range(64)]

    def send():
        while not over.is_set():
            for f in flood:
                x.wire.send(f)
    t = threading.Thread(target=send)
    t.start()
    try:
        procs.wait_for(lambda: x.vmqd.stats('busy')['drops'].get('rx_no_buffer', 0) > 1000, 60, 'a VM that cannot take more')
        light_traffic(x, ['a', 'b'], 100)
    finally:
        over.set()
        t.join()
    for n in ('a', 'b'):
        s = x.vmqd.stats(n)
        assert s['rx_frames'] == 100 and not s['drops'].get('rx_no_buffer')
