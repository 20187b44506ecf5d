# SPDX-License-Identifier: BSD-3-Clause
"""vmqd as a process: what it refuses to start with, what it costs when nothing happens, and that it leaves nothing behind."""
import os
import signal
import stat
import time

import pytest

from vmqtest import daemon, frames, netns, procs, vufront
from vmqtest.frames import frame

A, B = '52:54:00:00:00:01', '52:54:00:00:00:02'
FAR = '52:54:00:00:0f:01'

# (what is wrong, the file with the wrong line marked by a trailing "# here", the key that must be named)
GOOD = """control:
  socket: {dir}/ctl
run_dir: {dir}
cpus: [{cpu}]
adapters:
  - name: ext0
    port:
      driver: packet
      device: p0
    host:
      device: vmq0
    vports:
      - name: web1
        mac: 52:54:00:00:00:01
        vlan: 100
"""
BAD = [
    ('unknown key at the top', ('run_dir: {dir}', 'rundir: {dir}'), 'rundir'),
    ('unknown key in a VPort', ('vlan: 100', 'vlna: 100'), 'vlna'),
    ('VLAN out of range', ('vlan: 100', 'vlan: 4095'), 'vlan'),
    ('VLAN 0', ('vlan: 100', 'vlan: 0'), 'vlan'),
    ('VLAN of another kind', ('vlan: 100', 'vlan: [100]'), 'vlan'),
    ('broken MAC', ('mac: 52:54:00:00:00:01', 'mac: 52:54:00:00:00'), 'mac'),
    ('a VPort name with a slash', ('name: web1', 'name: ../web1'), 'name'),
    ('unknown driver', ('driver: packet', 'driver: dpkd'), 'driver'),
    ('a device that is not there', ('device: p0', 'device: p1'), 'device'),
    ('a CPU that is not there', ('cpus: [{cpu}]', 'cpus: [4000]'), 'cpus'),
    ('a CPU twice', ('cpus: [{cpu}]', 'cpus: [{cpu}, {cpu}]'), 'cpus'),
    ('no list of adapters', ('  - name: ext0', '  name: ext0'), ''),
    ('the same VPort twice', ('    vports:', '    vports:\n      - name: web1'), 'name'),
    ('a netns that is not there', ('device: vmq0', 'device: vmq0\n      netns: /nowhere'), 'netns'),
    ('a VPort on a CPU without worker', ('vlan: 100', 'vlan: 100\n        cpu: 4000'), 'cpu'),
    ('not YAML', ('port:', 'port: {{'), ''),
]


@pytest.fixture
def switch_ns():
    sw, far = netns.NetNS('sw'), netns.NetNS('far')
    netns.veth(sw, 'p0', far, 'w0')
    return sw


def start_with(text, ns):
    d = procs.workdir() + '/cfg'
    if not os.path.isdir(d):
        os.mkdir(d)
    path = d + '/vmqd.yaml'
    with open(path, 'w') as f:
        f.write(text.format(dir=d, cpu=daemon.cpus()[-1]))
    return d, path, procs.Process([daemon.program('vmqd'), '--config', path], 'cfg-vmqd', netns=ns)


def test_the_good_file_is_good(switch_ns):
    d, _path, p = start_with(GOOD, switch_ns)
    procs.wait_for(lambda: (p.need_alive(), os.path.exists(d + '/web1.sock'))[1], 10)
    procs.wait_for(lambda: 'vmq0' in switch_ns.links(), 5)
    assert p.stop() == 0


@pytest.mark.parametrize('title, change, key', BAD, ids=[b[0] for b in BAD])
def test_a_bad_file_is_refused_with_file_line_and_key(switch_ns, title, change, key):
    assert change[0] in GOOD
    text = GOOD.replace(*change, 1)
    d, path, p = start_with(text, switch_ns)
    p.popen.wait(10)
    assert p.popen.returncode not in (0, None) and p.popen.returncode > 0, p.log()
    said = p.log()
    at = [n for n, line in enumerate(text.splitlines(), 1) if line not in GOOD.splitlines()]
    assert path in said and (key in said), said
    assert any(f'{path}:{n}' in said for n in range(1, len(text.splitlines()) + 1)), f'no line is named: {said}'
    # The line named is that of the change, or for a thing said twice of either.
    if title not in ('the same VPort twice', 'not YAML', 'no list of adapters'):
        assert any(f'{path}:{n}' in said for n in at), f'expected one of the lines {at}: {said}'
    assert 'vmq0' not in switch_ns.links() and not os.path.exists(d + '/ctl') and not os.path.exists(d + '/web1.sock')


@pytest.mark.parametrize('more, says', [('#' * (16 << 20), 'larger than 16777216 bytes'),
                                        ('more: [' + '0,' * 1000001 + ']', 'more than 1,000,000 values')], ids=['bytes', 'values'])
def test_a_file_that_is_too_much(switch_ns, more, says):
    """The limit is named, and what to do."""
    _, path, p = start_with(GOOD + more + '\n', switch_ns)
    assert p.popen.wait(20) > 0
    said = p.log()
    assert said.startswith(f'vmqd: {path}:') and says in said and "a trunk's list" in said and 'at run time' in said


def test_a_missing_file(switch_ns):
    p = procs.Process([daemon.program('vmqd'), '--config', '/nowhere/vmqd.yaml'], 'missing', netns=switch_ns)
    assert p.popen.wait(10) > 0
    assert '/nowhere/vmqd.yaml' in p.log()


@pytest.mark.parametrize('driver', ['packet', 'xdp', 'auto'])
@pytest.mark.parametrize('sig', [signal.SIGTERM, signal.SIGINT], ids=['SIGTERM', 'SIGINT'])
def test_the_end_releases_everything(lab, driver, sig):
    x = lab(vports=[{'name': 'a', 'mac': A}, {'name': 'b', 'mac': B}], driver=driver)
    a, b = x.plug('a', 'b')
    a.send([frame(B, A, n) for n in range(20)])
    assert len(b.recv(20)) == 20
    sockets = [x.vmqd.socket, x.vmqd.path('a'), x.vmqd.path('b')]
    assert all(map(os.path.exists, sockets))
    x.vmqd.client.close()
    x.vmqd.client = None
    x.vmqd.proc.popen.send_signal(sig)
    assert x.vmqd.proc.popen.wait(10) == 0, x.vmqd.proc.log()
    assert not any(map(os.path.exists, sockets))
    assert 'vmq0' not in x.host_ns.links()
    link = x.sw.run('ip', '-d', 'link', 'show', 'p0')
    assert 'xdp' not in link.lower() and 'promiscuity 0' in link
    # The VMs see the connection end, and nothing writes to their memory any more.
    with pytest.raises((ConnectionError, BrokenPipeError)):
        a.get_u64(vufront.GET_FEATURES)
        a.get_u64(vufront.GET_FEATURES)


def test_a_hangup_is_no_end(lab):
    """Who sends SIGHUP wants the configuration read again: vmqd says what does that, and goes on."""
    x = lab(vports=[{'name': 'a', 'mac': A}])
    x.vmqd.proc.popen.send_signal(signal.SIGHUP)
    procs.wait_for(lambda: 'vmqctl config apply' in x.vmqd.proc.log(), 5, 'the sentence')
    assert x.vmqd.vport('a')['name'] == 'a'


def test_end_while_traffic_runs(lab):
    x = lab(vports=[{'name': 'a', 'mac': A}, {'name': 'b', 'mac': B}])
    a, b = x.plug('a', 'b')
    for n in range(3):
        a.send([frame(B, A, k) for k in range(200)])
        for k in range(200):
            x.wire.send(frame(A, FAR, k))
        x.vmqd.stop()
        x.vmqd.start()
        x.host.close()
        x.host_ns.run('ip', 'link', 'set', 'vmq0', 'up')
        x.host = netns.RawPort(x.host_ns, 'vmq0')
        x.wait_host(promiscuous=True)
        a.reconnect()
        b.reconnect()
        x.vmqd.wait_running('a', 'b')
        a.send(frame(B, A, 1))
        assert len(b.recv(1)) == 1


def test_a_killed_daemon_leaves_nothing_that_keeps_the_next_from_starting(lab):
    x = lab(vports=[{'name': 'a', 'mac': A}], driver='xdp')
    x.vm('a')
    for _ in range(2):
        x.vmqd.proc.popen.kill()
        x.vmqd.proc.popen.wait()
        x.vmqd.client.close()
        x.vmqd.start()
    x.vms['a'].reconnect()
    x.vmqd.wait_running('a')
    x.wire.send(frame(A, FAR, 1))
    assert len(x.vms['a'].recv(1)) == 1


def test_two_daemons_on_one_control_socket(lab):
    """The second says so and ends; the first is not disturbed."""
    x = lab(vports=[{'name': 'a', 'mac': A}])
    other = procs.Process([daemon.program('vmqd'), '--config', x.vmqd.config_path], 'second', netns=x.sw)
    assert other.popen.wait(10) > 0
    assert x.vmqd.socket in other.log()
    assert x.vmqd.connect().call('version')['pid'] == x.vmqd.proc.pid


def test_the_control_sockets_mode(lab):
    x = lab(vports=[])
    assert stat.S_IMODE(os.stat(x.vmqd.socket).st_mode) == 0o660


def test_a_stranger_is_told_and_closed(lab):
    """Peer credentials: a user who is neither root nor in the group is refused although the socket's mode lets him in."""
    x = lab(vports=[])
    d = x.vmqd.socket
    for path in (procs.workdir(), os.path.dirname(d)):
        os.chmod(path, 0o755)
    os.chmod(d, 0o666)
    script = ('import socket,os;os.setgroups([]);os.setgid(65534);os.setuid(65534);s=socket.socket(socket.AF_UNIX);'
              f's.settimeout(5);s.connect({d!r});s.send(b\'{{"jsonrpc":"2.0","id":1,"method":"version"}}\\n\');print(s.recv(4096))')
    said = procs.run(['/usr/bin/python3', '-c', script], check=False)
    assert 'uptime_s' not in said
    assert x.vmqd.call('version')['pid'] == x.vmqd.proc.pid


def test_fifty_silent_vms_cost_nearly_nothing(lab):
    """The one test that looks at time: 50 connected VPorts without traffic take less than 1 % of a core."""
    x = lab(vports=[{'name': f'v{i}', 'mac': f'52:54:00:00:01:{i:02x}'} for i in range(50)])
    for i in range(50):
        x.vm(f'v{i}', ring=64)
    x.vms['v0'].send(frame('52:54:00:00:01:01', '52:54:00:00:01:00', 1))
    assert len(x.vms['v1'].recv(1)) == 1
    time.sleep(2)
    before, began = x.vmqd.proc.cpu_seconds(), time.monotonic()
    time.sleep(6)
    used = (x.vmqd.proc.cpu_seconds() - before) / (time.monotonic() - began)
    assert used < 0.01, f'{100 * used:.2f} % of a core'
    # And they all wake up.
    for i in range(49):
        x.vms[f'v{i}'].send(frame(f'52:54:00:00:01:{i + 1:02x}', f'52:54:00:00:01:{i:02x}', i))
        assert [frames.number(f) for f in x.vms[f'v{i + 1}'].recv(1)] == [i]


def test_workers_are_pinned(lab):
    x = lab(vports=[{'name': 'a', 'mac': A}])
    pinned = set()
    for t in os.listdir(f'/proc/{x.vmqd.proc.pid}/task'):
        allowed = os.sched_getaffinity(int(t))
        if len(allowed) == 1:
            pinned |= allowed
    assert pinned >= set(x.cpus) or len(os.sched_getaffinity(0)) == 1
    assert sorted(w['cpu'] for w in x.vmqd.call('stats.show')['workers']) == sorted(x.cpus)


def test_monitor_tells_what_happens(lab):
    x = lab(vports=[{'name': 'a', 'mac': A}])
    m = x.vmqd.connect()
    m.call('monitor.start')
    x.vmqd.call('vport.add', name='b', mac=B)
    v = x.vm('b')
    f = x.vmqd.call('filter.add', vport='b', mac='52:54:00:00:00:aa', broadcast=False)['filters'][0]
    x.vmqd.call('filter.move', id=f['id'], to='a')
    x.vmqd.call('filter.del', id=f['id'])
    v.disconnect()
    procs.wait_for(lambda: x.vmqd.vport('b')['status'] == 'no VM', 5)
    x.vms.pop('b').close()
    x.vmqd.call('vport.del', name='b')
    seen = []
    while (e := m.event(1)) is not None:
        seen.append((e['event'], e.get('vport')))
    for wanted in (('vport_added', 'b'), ('vm_connected', 'b'), ('queue_started', 'b'), ('filter_set', 'b'),
                   ('vm_disconnected', 'b'), ('vport_deleted', 'b')):
        assert wanted in seen, seen
    assert {'filter_moved', 'filter_cleared'} <= {e for e, _ in seen}
