# SPDX-License-Identifier: BSD-3-Clause
"""Light sleep, with the kernel's own file of a worker's CPU: asked for while frames trickle, given back when they stop, when
the worker's settings change, at the end, and after a kill. What stood in the file before a test stands in it afterwards."""
import json
import os
import signal
import subprocess
import threading
import time

import pytest

from vmqtest import daemon, lightsleep, procs
from vmqtest.frames import frame
from vmqtest.lightsleep import DEEP

A, B = '52:54:00:00:00:01', '52:54:00:00:00:02'
CPU = daemon.cpus()[-1]
FILE = lightsleep.File(CPU)
value = FILE.value
pytestmark = pytest.mark.skipif(not FILE.available(), reason='this kernel cannot be asked for light sleep')


@pytest.fixture(autouse=True)
def _as_it_was():
    with FILE.kept():
        yield


@pytest.fixture
def x(lab):
    made = lab(vports=[{'name': n, 'mac': m, 'cpu': CPU} for n, m in (('a', A), ('b', B))], start=False)
    made.vmqd.configure(cpus=[CPU])
    return made


def worker(x):
    [w] = x.vmqd.call('worker.show')['workers']
    return w


def until(what, x, **members):
    """Until the worker has these members, which is seen over the control socket; then it is so in the file, too."""
    procs.wait_for(lambda: all(worker(x)[k] == v for k, v in members.items()), 30, f'{what}: {members}')


class Trickle:
    """Frames from a to b, a few hundred a second: the worker falls asleep behind each."""

    def __init__(self, x):
        self.x, self.over = x, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        a, b = self.x.vms['a'], self.x.vms['b']
        while not self.over.is_set():
            a.send(frame(B, A, 1))
            b.received()
            time.sleep(0.002)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def start(x):
    x.start()
    x.plug('a', 'b')


def test_as_long_as_frames_trickle(x):
    start(x)
    w = worker(x)
    assert (w['light_sleep'], w['sleep'], w['sleep_changes'], value()) == ('auto', 'deep', 0, DEEP)
    with Trickle(x):
        until('frames trickle', x, sleep='light')
        light = value()
        assert light not in (DEEP, '')
    until('silence', x, sleep='deep')
    assert value() == DEEP
    assert worker(x)['sleep_changes'] % 2 == 0
    timed = worker(x)['timed_sleeps']
    time.sleep(2)
    assert worker(x)['timed_sleeps'] == timed  # no timer goes on


def test_choices_while_it_runs(x):
    start(x)
    x.vmqd.call('worker.set', cpu=CPU, light_sleep='always')
    until('always', x, sleep='light', light_sleep='always')
    assert value() != DEEP
    x.vmqd.call('worker.set', cpu=CPU, policy='poll')
    assert (worker(x)['sleep'], value()) == ('deep', DEEP)
    x.vmqd.call('worker.set', cpu=CPU, policy='interrupt')
    until('it sleeps again', x, sleep='light')
    assert x.vmqd.vmqctl('worker', 'set', str(CPU), 'light_sleep', 'off').split()[-2:] == ['off', 'deep']
    assert value() == DEEP
    with Trickle(x):
        procs.wait_for(lambda: worker(x)['sleeps'] > 100, 30, 'sleeps')
        assert (worker(x)['sleep'], value()) == ('deep', DEEP)
    status, _, said = x.vmqd.vmqctl('worker', 'set', str(CPU), 'light_sleep', 'deep', check=False)
    assert status == 1 and 'light_sleep: "deep" is not possible; auto, always or off' in said
    status, _, said = x.vmqd.vmqctl('worker', 'set', str(CPU), check=False)
    assert status == 1 and 'policy: is missing, and so is light_sleep' in said


def test_declared_compared_applied(x):
    x.vmqd.configure(cpus=[{'cpu': CPU, 'light_sleep': 'always'}])
    start(x)
    until('declared', x, sleep='light', light_sleep='always')
    x.vmqd.call('worker.set', cpu=CPU, light_sleep='off')
    status, said, _ = x.vmqd.vmqctl('-j', 'config', 'diff', check=False)
    [change] = json.loads(said)['changes']
    assert (status, change['path'], change['change'], change['from'], change['to']) == \
        (1, f'cpus[{CPU}].light_sleep', 'live', 'off', 'always')
    x.vmqd.vmqctl('config', 'apply')
    until('applied', x, sleep='light', light_sleep='always')
    assert value() != DEEP
    assert x.vmqd.vmqctl_json('config', 'diff')['changes'] == []
    x.vmqd.stop()
    assert value() == DEEP
    assert not os.path.exists(x.vmqd.socket + '.cpus')


def killed_in_light_sleep(x):
    x.vmqd.configure(cpus=[{'cpu': CPU, 'light_sleep': 'always'}])
    x.start()
    until('always', x, sleep='light')
    x.vmqd.kill()
    assert value() != DEEP


def test_killed_and_started_again(x):
    killed_in_light_sleep(x)
    x.vmqd.configure(cpus=[CPU])
    x.vmqd.start()
    assert (value(), worker(x)['sleep']) == (DEEP, 'deep')


def test_killed_and_started_again_on_another_cpu(x):
    if len(daemon.cpus()) < 2:
        pytest.skip('one CPU')
    killed_in_light_sleep(x)
    other = [c for c in daemon.cpus() if c != CPU]
    x.vmqd.configure(cpus=other, adapters=[{**a, 'vports': [{**v, 'cpu': other[0]} for v in a['vports']]} for a in x.vmqd.config['adapters']])
    x.vmqd.start()
    assert value() == DEEP


def release(x, wrapper=()):
    p = subprocess.run([*wrapper, daemon.program('vmqd'), '--config', x.vmqd.config_path, '--release-cpus'], capture_output=True, text=True, timeout=30)
    return p.returncode, p.stderr


def test_killed_and_not_started_again(x):
    killed_in_light_sleep(x)
    status, said = release(x)
    assert (status, value()) == (0, DEEP) and f'CPU {CPU} was left in light sleep and is given back' in said
    assert release(x) == (0, '')
    x.vmqd.start()
    until('it goes on', x, sleep='light')
    status, said = release(x)  # while it runs it is refused, and nothing happens
    assert status == 1 and 'another process listens' in said
    assert value() != DEEP


def test_given_back_by_a_configuration_that_is_wrong(x):
    """Which may be why no vmqd follows. Of the file its control socket counts alone."""
    killed_in_light_sleep(x)
    with open(x.vmqd.config_path) as f:
        right = f.read()
    with open(x.vmqd.config_path, 'a') as f:
        f.write('no: such key\n')
    p = subprocess.run([daemon.program('vmqd'), '--config', x.vmqd.config_path], capture_output=True, text=True, timeout=30)
    assert p.returncode == 1 and 'no: is not known here' in p.stderr and value() != DEEP
    status, said = release(x)
    assert (status, value()) == (0, DEEP) and f'CPU {CPU} was left in light sleep and is given back' in said
    with open(x.vmqd.config_path, 'w') as f:
        f.write(right + '- no YAML')
    status, said = release(x, ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs tmpfs /run && exec "$@"', 'sh'])
    assert status == 0 and 'not YAML' in said and 'its control socket is taken for /run/vmq/vmqd.sock' in said
    os.unlink(x.vmqd.config_path)
    status, said = release(x)
    assert status == 1 and 'cannot be opened' in said


def test_release_and_check_are_one_or_the_other(x):
    p = subprocess.run([daemon.program('vmqd'), '--config', x.vmqd.config_path, '--check', '--release-cpus'], capture_output=True, text=True,
                       timeout=30)
    assert p.returncode == 2 and p.stdout == '' and p.stderr == 'vmqd: --check does not go with --release-cpus; see vmqd --help\n'


def test_a_failed_start_gives_back(x):
    killed_in_light_sleep(x)
    x.vmqd.configure(adapters=[{**x.vmqd.config['adapters'][0], 'port': {'driver': 'packet', 'device': 'none0'}}])
    p = subprocess.run([daemon.program('vmqd'), '--config', x.vmqd.config_path], capture_output=True, text=True, timeout=30)
    assert p.returncode == 1 and 'none0' in p.stderr
    assert value() == DEEP
    assert not os.path.exists(x.vmqd.socket + '.cpus')


def test_anothers_value_is_left_alone(x):
    FILE.write('3')
    x.vmqd.configure(cpus=[{'cpu': CPU, 'light_sleep': 'always'}])
    start(x)
    with Trickle(x):
        procs.wait_for(lambda: worker(x)['sleeps'] > 100, 30, 'sleeps')
    w = worker(x)
    assert (w['sleep'], w['sleep_changes'], value()) == ('not available: set by somebody else', 0, '3')
    found = {c['check']: c for c in doctor(x)['checks']}['light_sleep']
    assert found['verdict'] == 'note'
    assert any(f'CPU {CPU} is kept from deep sleep by somebody else' in f['text'] for f in found['findings'])
    x.vmqd.kill()
    x.vmqd.start()
    assert value() == '3'
    x.vmqd.stop()
    assert value() == '3'


def doctor(x):
    p = subprocess.run([daemon.program('vmqctl'), '--socket', x.vmqd.socket, 'doctor', '--json', 'light_sleep'], capture_output=True,
                       text=True, timeout=60)
    return json.loads(p.stdout)


def test_as_a_user(x):
    """Who has become a user, without a capability, still gives back, also at the end."""
    with open(x.vmqd.config_path, 'a') as f:
        f.write('user: nobody\n')
    os.chmod(os.path.dirname(x.vmqd.dir), 0o711)
    start(x)
    for i in range(3):
        x.vmqd.call('worker.set', cpu=CPU, light_sleep='always')
        until('always', x, sleep='light')
        if i < 2:
            x.vmqd.call('worker.set', cpu=CPU, light_sleep='off')
            assert value() == DEEP
    x.vmqd.stop()
    assert value() == DEEP
    assert not os.path.exists(x.vmqd.socket + '.cpus')


def test_where_sys_is_read_only(x):
    """As in a container: said once in the log and in the status, and everything else goes on."""
    x.vmqd.wrapper = ['unshare', '--mount', 'sh', '-c', 'mount -o remount,ro,bind /sys && exec "$@"', 'sh']
    start(x)
    assert worker(x)['sleep'] == 'not available: /sys is read-only here'
    log = x.vmqd.proc.log()
    assert log.count(f'info: light sleep is not available on CPU {CPU}: /sys is read-only here') == 1
    f = frame(B, A, 1)
    x.vms['a'].send(f)
    assert x.everywhere(1) == {'b': [f]}
    assert value() == DEEP


def test_killed_at_any_moment(x):
    """While it asks and gives back as fast as it can."""
    for i in range(10):
        x.start()
        stop = threading.Event()

        def switch(client=x.vmqd.client, stop=stop):
            try:
                while not stop.is_set():
                    for mode in ('always', 'off'):
                        client.call('worker.set', cpu=CPU, light_sleep=mode)
            except (ConnectionError, OSError, ValueError, EOFError):
                pass
        t = threading.Thread(target=switch)
        t.start()
        time.sleep(0.05 + 0.013 * i)
        os.kill(x.vmqd.proc.popen.pid, signal.SIGKILL)
        stop.set()
        t.join()
        x.vmqd.kill()
        status, _ = release(x)
        assert (status, value()) == (0, DEEP)
