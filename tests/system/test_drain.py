# SPDX-License-Identifier: BSD-3-Clause
"""A planned restart: drained first, not one frame between VMs is lost, and undone it goes on."""
import threading

from vmqtest import daemon, procs, supervisor
from vmqtest.frames import frame

WINDOW = 128  # frames on the way at most: fewer than the receiver's buffers, however slow we are
A, B = '52:54:00:00:00:01', '52:54:00:00:00:02'


def test_a_drained_restart_loses_nothing(lab):
    s = supervisor.Supervisor()
    x = lab(vports=[{'name': n, 'mac': m, 'cpu': c} for n, m, c in zip('ab', (A, B), daemon.cpus() * 2)], supervisor=s)
    a, b = x.plug('a', 'b')
    plain = frame(B, A)
    sent, stop, got = [0], threading.Event(), []

    def send():
        while not stop.is_set():
            a._reclaim(a.tx)
            n = min(16, len(a.tx.free), WINDOW - sent[0] + len(got))
            if n > 0:
                a.send([plain[:14] + (sent[0] + i).to_bytes(4, 'big') + plain[18:] for i in range(n)])
                sent[0] += n
            stop.wait(0.002)

    def receive():
        got.extend(int.from_bytes(f[14:18], 'big') for f in b.received())
    sender = threading.Thread(target=send)
    sender.start()
    try:
        for restart in range(3):
            have = len(got)
            procs.wait_for(lambda: receive() or len(got) > have + 500, 60, 'frames')
            assert x.vmqd.vmqctl_json('drain') == {'drained': True}
            assert x.vmqd.call('daemon.show')['drained'] and x.vmqd.vmqctl('doctor', 'drained', check=False)[0] == 5
            # all that was taken has been given back: used is what was taken, and stands still
            used = a.tx.used16[1]
            taken = x.vmqd.stats('a')['tx_frames']
            procs.wait_for(lambda: receive() or sent[0] - len(got) == WINDOW, 60, 'as much as may wait')
            assert a.tx.used16[1] == used and x.vmqd.stats('a')['tx_frames'] == taken
            if restart == 0:
                assert x.vmqd.vmqctl_json('drain', 'undo', 'on') == {'drained': False}
                assert not x.vmqd.call('daemon.show')['drained'] and 'checks: 1 ok' in x.vmqd.vmqctl('doctor', 'drained')
                continue
            assert not sum(x.vmqd.stats('b')['drops'].values()) and not sum(x.vmqd.stats('a')['drops'].values())
            x.vmqd.stop()
            x.vmqd.start()
            x.vmqd.wait_running('a', 'b', timeout=30)
            assert not x.vmqd.stats('a')['drops'].get('tx_restart')
        have = len(got)
        procs.wait_for(lambda: receive() or len(got) > have + 500, 60, 'frames after the restarts')
    finally:
        stop.set()
        sender.join()
    procs.wait_for(lambda: receive() or len(got) == sent[0], 60, 'every frame')
    assert got == list(range(sent[0]))
