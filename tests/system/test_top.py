# SPDX-License-Identifier: BSD-3-Clause
"""vmqctl top and perf: their figures against a daemon that counts as it is told to, their screen in a real terminal (tmux)."""
import json
import os
import re
import shutil
import subprocess

import pytest

from fake_vmqd import FakeVmqd, reply, vmqctl_env
from vmqtest import procs
from vmqtest.daemon import program
from vmqtest.frames import frame

DELAYS = ('1', '10', '20', '50', '100', '200', '500', 'more')


def worker(cpu, n):
    """A worker that between two looks had 1,000 frames in 125 batches, at 100 cycles each."""
    return {'cpu': cpu, 'policy': 'adaptive', 'state': 'polling', 'frames': 1000 * n, 'busy_cycles': 100000 * n,
            'busy_ns': 600 * n, 'poll_ns': 300 * n, 'sleep_ns': 100 * n, 'sleeps': 7 * n, 'timed_sleeps': 2 * n,
            'turns': 1, 'polls': 2, 'rings': 5, 'rings_armed': 3, 'rings_held': 1,
            'batches': [5 * n, 0, 0, 120 * n, 0, 0, 0, 0, 0, 0]}


def vport(name, number, rx, tx, n, **drops):
    return {'name': name, 'id': number, 'adapter': 'ext0', 'rx_frames': rx * n, 'rx_bytes': 100 * rx * n,
            'tx_frames': tx * n, 'tx_bytes': 100 * tx * n, 'rx_batches': n, 'rx_notifications': 100 * n,
            'rx_spurious_notifications': n, 'tx_kicks': n, 'tx_spurious_kicks': 0, 'tx_notifications': 0,
            'drops': {k: v * n for k, v in drops.items()}, 'notify_delay': dict(dict.fromkeys(DELAYS, 0), **{'1': 75 * n, '50': 25 * n})}


def queue(name, posted, held=False):
    return {'queue': 0, 'vport': name, 'adapter': 'ext0', 'cpu': 1, 'state': 'running', 'rx_ring': 256, 'tx_ring': 256,
            'rx_free': posted, 'rx_frames': 1, 'tx_frames': 2, 'held': held}


@pytest.fixture
def counting():
    """Answers grow with each question."""
    asked = {'n': 0}

    def stats(conn, request):
        asked['n'] += 1
        n = asked['n']
        reply(conn, request, result={'wires': [], 'workers': [worker(1, n)], 'vports': [
            vport('web1', 1, 1000, 10, n, rx_no_buffer=5, tx_storm=0), vport('db1', 2, 10, 5000, n, tx_storm=900, rx_limit=20),
            vport('quiet', 3, 0, 0, n)]})

    def workers(conn, request):
        asked['n'] += 1
        reply(conn, request, result={'workers': [worker(1, asked['n']), worker(3, 3 * asked['n'])]})
    with FakeVmqd({'stats.show': stats, 'worker.show': workers,
                   'queue.show': {'queues': [queue('web1', 64), queue('db1', 256, held=True), queue('quiet', 0)]}}) as d:
        yield d


def vmqctl(d, *args, status=0):
    p = subprocess.run([program('vmqctl'), '--socket', d.path, *args], capture_output=True, text=True, timeout=60, env=vmqctl_env())
    assert p.returncode == status, p.stderr
    return p.stdout if status == 0 else p.stderr


def test_perf_divides_what_was_counted_meanwhile(counting):
    out = json.loads(vmqctl(counting, '-j', 'perf', 'interval', '0.1'))['workers']
    assert [w['cpu'] for w in out] == [1, 3]
    first = out[0]
    assert (first['frames'], first['cycles_per_frame'], first['frames_per_batch']) == (1000, 100.0, 8.0)
    assert (first['busy_pct'], first['poll_pct'], first['sleep_pct']) == (60.0, 30.0, 10.0)
    assert (first['sleeps'], first['timed_sleeps'], first['batches']) == (7, 2, [5, 0, 0, 120, 0, 0, 0, 0, 0, 0])
    assert out[1]['frames'] == 3000
    text = [line.split() for line in vmqctl(counting, 'perf', 'cpu', '3', 'interval', '0.1').splitlines()]
    assert ['3', 'adaptive', '3000', '100', '8.0', '60.0', '30.0', '10.0', '21', '6'] in text
    assert ['3', '15', '0', '0', '360', '0', '0', '0', '0', '0', '0'] in text
    assert 'no worker runs on CPU 9' in vmqctl(counting, 'perf', 'cpu', '9', 'interval', '0.1', status=1)
    for key, value, sentence in (('interval', '0', 'seconds from 0.1'), ('interval', '1s', 'seconds'), ('cpu', 'x', 'CPU number')):
        said = vmqctl(counting, 'perf', key, value, status=2)
        assert said.startswith(f'vmqctl: {key}: "{value}" is not a') and sentence in said


def rows(text):
    """The names of the VPorts in the order of the table."""
    return [line.split()[0] for line in text.splitlines() if line.split()[:1] and line.split()[0] in ('web1', 'db1', 'quiet')]


def test_top_once(counting):
    out = vmqctl(counting, 'top', '--once', 'interval', '0.1')
    assert rows(out) == ['web1', 'db1', 'quiet']
    assert '\033' not in out
    lines = {line.split()[0]: line.split() for line in out.splitlines() if line.split()}
    assert lines['web1'][1] == '1' and lines['web1'][7] == '25'
    assert lines['db1'][7:] == ['100', 'held'] and lines['quiet'][2:] == ['0', '0', '0', '0', '0', '0']
    assert lines['1'][1:6] == ['adaptive', 'polling', '60.0', '30.0', '10.0']
    assert re.search(r'drops/s:  db1 tx_storm \S+  db1 rx_limit \S+  web1 rx_no_buffer \S+$', out, re.M)
    assert 'held us (%): 1:75 10:0 20:0 50:25 100:0 200:0 500:0 more:0\n' in out
    assert rows(vmqctl(counting, 'top', '--once', 'interval', '0.1', 'sort', 'tx'))[0] == 'db1'
    assert rows(vmqctl(counting, 'top', '--once', 'interval', '0.1', 'sort', 'name')) == ['db1', 'quiet', 'web1']
    assert vmqctl(counting, 'top', '-c', '3', 'interval', '0.1').count('vmqctl top') == 3
    for words, sentence in ((('sort', 'size'), 'rx, tx, drops or name'), (('interval', 'x'), 'seconds'), (('interval', '0'), 'seconds'), (('count', 'x'), 'pictures')):
        said = vmqctl(counting, 'top', *words, status=2)
        assert sentence in said and said.startswith('vmqctl: %s: "%s" is n' % words)


class Terminal:
    """A tmux server of our own with one window of 80 x 24."""

    def __init__(self, command):
        self.socket = f'{procs.workdir()}/tmux-{os.getpid()}'
        self.tmux('-f', '/dev/null', 'new-session', '-d', '-x', '80', '-y', '24', f'{command}; echo "ENDED $?"; sleep 1000')
        procs.at_end(self.close)

    def tmux(self, *args):
        return procs.run(['tmux', '-S', self.socket, *args], timeout=30, env=dict(vmqctl_env(), TERM='xterm'))

    def screen(self):
        return self.tmux('capture-pane', '-p').split('\n')

    def keys(self, *keys):
        self.tmux('send-keys', *keys)

    def wait(self, what, message):
        """Until what(screen) is true; returns the screen."""
        def seen():
            s = self.screen()
            return s if what(s) else None
        return procs.wait_for(seen, 30, message, step=0.05)

    def close(self):
        subprocess.run(['tmux', '-S', self.socket, 'kill-server'], capture_output=True, timeout=30)


@pytest.mark.skipif(not shutil.which('tmux'), reason='tmux is not installed')
def test_top_in_a_terminal(lab):
    x = lab(vports=[{'name': f'vm{i:02}', 'mac': f'52:54:00:00:00:{i:02x}', 'cpu': min(os.sched_getaffinity(0))} for i in range(1, 31)])
    x.plug('vm01', 'vm02')
    t = Terminal(f'{program("vmqctl")} --socket {x.vmqd.socket} top interval 0.3 sort name')

    def has(*words):
        return lambda s: all(any(w in line for line in s) for w in words)
    s = t.wait(has('31 VPorts', 'sort name', 'vm01', 'drops/s:', 'interrupts/s:', 'q quit'), 'the overview')
    assert len([line for line in s if line]) <= 24 and max(map(len, s)) <= 80
    assert s[0].startswith('vmqctl top') and s[23].startswith('q quit')
    assert any(re.match(r'\s*\d+  adaptive', line) for line in s)
    assert not any('vm30' in line for line in s)

    for i in range(40):  # traffic, and a receiver that does not exist
        x.vms['vm01'].send([frame('52:54:00:00:00:02', '52:54:00:00:00:01', i), frame('52:54:00:00:00:03', '52:54:00:00:00:01', i)])
        x.vms['vm02'].received()
    t.keys('s')  # name, rx: of the receivers
    t.wait(has('sort rx'), 'another order')
    t.keys('s', 's', 's')
    t.wait(has('sort name'), 'round again')
    t.keys('p')
    t.wait(has('PAUSED'), 'a pause')
    t.keys('p')
    t.wait(lambda s: not has('PAUSED')(s), 'the end of the pause')

    t.keys('Down', 'Down', 'Down', 'Enter')  # default, vm01, vm02, vm03
    s = t.wait(has('received', 'sent', 'held back', 'RX-BUFFERS', 'rx_not_connected'), 'all about vm03')
    assert 'vm03' in s[0] and any('40 in all' in line for line in s)
    t.keys('Up')
    t.wait(lambda s: 'vm02' in s[0], 'the VPort before')
    t.keys('Enter')
    t.wait(has('31 VPorts', 'drops/s:'), 'the overview again')

    t.tmux('resize-window', '-x', '120', '-y', '50')
    s = t.wait(has('vm30', 'q quit'), 'all VPorts on a larger screen')
    assert any('interrupts/s' in line and 'more:' in line for line in s)
    t.tmux('resize-window', '-x', '60', '-y', '16')
    s = t.wait(lambda s: len(s) <= 17 and has('q quit')(s) and not has('vm30')(s), 'a smaller one')
    assert max(map(len, s)) <= 60
    for _ in range(30):
        t.keys('j')
    t.wait(has('vm30'), 'the last VPort scrolled in')
    t.keys('q')
    t.tmux('resize-window', '-x', '80', '-y', '24')  # what the shell says then may lie below a screen that shrank
    s = t.wait(has('ENDED 0'), 'the end')
    assert not any('VPorts' in line for line in s), 'the screen is as it was'


@pytest.mark.skipif(not shutil.which('tmux'), reason='tmux is not installed')
def test_top_when_the_daemon_ends(lab):
    x = lab()
    t = Terminal(f'{program("vmqctl")} --socket {x.vmqd.socket} top interval 0.2')
    t.wait(lambda s: any('drops/s' in line for line in s), 'the overview')
    x.vmqd.stop()
    s = t.wait(lambda s: any('ENDED 3' in line for line in s), 'the end')
    assert any(line.startswith('vmqctl: ') for line in s)


def test_perf_and_top_of_a_real_daemon(lab):
    x = lab(vports=[{'name': 'a', 'mac': '52:54:00:00:00:01'}, {'name': 'b', 'mac': '52:54:00:00:00:02'}])
    workers = json.loads(x.vmqd.vmqctl('-j', 'perf', 'interval', '0.2'))['workers']
    assert [w['cpu'] for w in workers] == x.cpus
    for w in workers:
        assert abs(w['busy_pct'] + w['poll_pct'] + w['sleep_pct'] - 100) < 1
    out = x.vmqd.vmqctl('top', 'a', '--once', 'interval', '0.2')
    assert ' 1 VPorts' in out and re.search(r'^a ', out, re.M) and not re.search(r'^b ', out, re.M)
