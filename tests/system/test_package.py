# SPDX-License-Identifier: BSD-3-Clause
"""The Debian packages: built from the tree, looked through by lintian, installed on a small Debian whose process 1 is systemd,
upgraded and purged there, with VMs on the switch."""
import os
import re
import subprocess
import time

import pytest

from vmqtest import lightsleep, netns, package, procs, vufront
from vmqtest.daemon import BUILD
from vmqtest.frames import frame

A, B = '52:54:00:00:00:01', '52:54:00:00:00:02'


def test_lintian():
    """No error and no warning, and no override that hides one."""
    p = subprocess.run(['lintian', '--fail-on', 'error,warning', '--no-tag-display-limit', *package.packages().values()],
                       capture_output=True, text=True, timeout=120)
    assert p.returncode == 0, p.stdout + p.stderr
    assert not re.search(r'^[EWN]:', p.stdout, re.M), p.stdout


def test_installed_without_packages(tmp_path):
    """`make install`: the units are where systemd looks, and start the programs that were installed with them."""
    procs.run(['meson', 'install', '-C', BUILD, '--no-rebuild', '--destdir', str(tmp_path)])
    units = sorted(tmp_path.rglob('*.service'))
    assert [u.name for u in units] == ['vmq-exporter.service', 'vmqd-release.service', 'vmqd.service']
    for unit in units:
        assert unit.parent.match('lib/systemd/system')
        started = re.findall(r'^Exec\w+=(\S+)', unit.read_text(), re.M)
        assert started and all((tmp_path / program.lstrip('/')).exists() for program in started)


@pytest.fixture
def machine():
    return package.Machine()


def exchange(a, b, tag=0, n=20):
    """n frames there, n back, each exactly once and in order."""
    for x, y, dst, src in ((a, b, B, A), (b, a, A, B)):
        sent = [frame(dst, src, seq=tag * 1000 + i) for i in range(n)]
        x.send(sent)
        assert y.recv(n, timeout=30) == sent


def under_traffic(a, b, event, done):
    """a sends to b without end; in the middle of it event() happens, then until done() and a little longer. Each descriptor
    comes back exactly once (VuFront fails on one that it did not give), no frame arrives twice or out of order."""
    plain, got, number, happened, end = frame(B, A), [], 0, False, time.monotonic() + 0.3
    while not happened or time.monotonic() < end:
        if len(a.tx.free) < 32:
            a._reclaim(a.tx)
        if len(a.tx.free) >= 32:
            a.send([plain[:14] + (number + i).to_bytes(4, 'big') + plain[18:] for i in range(32)])
            number += 32
        got += b.received()
        if not happened and time.monotonic() > end:
            event()
            happened, end = True, time.monotonic() + 30
        elif happened and done():
            end = 0
    procs.wait_for(lambda: got.extend(b.received()) or a._reclaim(a.tx) or len(a.tx.free) == a.ring, 30,
                   'all transmit descriptors given back')
    got += b.drain()
    numbers = [int.from_bytes(f[14:18], 'big') for f in got]
    assert numbers and numbers == sorted(set(numbers))
    exchange(a, b)


def test_service(machine):
    """As installed it runs, as its own user, and touches no card. VMs' sessions outlive the process: killed by its supervisor's
    watchdog, by SIGKILL, restarted by the administrator."""
    box = machine.box
    assert machine.active() and box.shown('vmqd', 'UnitFileState') == 'enabled'
    assert machine.net.links() == ['vmq0']
    device = machine.net.run('ip', '-o', 'link', 'show', 'vmq0')
    pid = machine.main_pid()
    status = machine.status(pid)
    assert status['Uid'].split() == 4 * [box.run('id', '-u', 'vmq').strip()]
    assert {int(status[n], 16) for n in ('CapPrm', 'CapEff', 'CapInh', 'CapAmb')} == {0}
    assert (status['NoNewPrivs'], status['Seccomp']) == ('1', '2')
    assert box.shown('vmqd', 'OOMScoreAdjust') == '-900'  # done where systemd may; not everybody who tests is allowed to
    assert 'files restricted (Landlock), system calls restricted (seccomp), user vmq' in box.journal('vmqd')

    # The file is changed and applied to what runs; a wrong one changes nothing.
    machine.config += f'    vports: [{{name: a, mac: "{A}"}}]\n'
    box.run('systemctl', 'reload', 'vmqd')
    machine.vmqctl('vport', 'add', 'b', 'mac', B)
    a, b = machine.vm('a'), machine.vm('b')
    good = machine.config
    machine.config += 'no: such key\n'
    with pytest.raises(RuntimeError, match='Job for vmqd.service failed'):
        box.run('systemctl', 'reload', 'vmqd')
    machine.config = good
    assert machine.main_pid() == pid
    exchange(a, b)
    kept = int(box.shown('vmqd', 'NFileDescriptorStore'))
    assert kept >= 2 * (3 + 2 * 3)  # listener, session, connection, and three for each of two rings

    under_traffic(a, b, lambda: box.run('systemctl', 'kill', '--signal=SIGKILL', 'vmqd'),
                  lambda: machine.active() and machine.main_pid() not in (0, pid))
    assert box.shown('vmqd', 'NRestarts') == '1'
    machine.wait_new(pid, 'a', 'b')
    assert machine.net.run('ip', '-o', 'link', 'show', 'vmq0') == device  # the same, not another

    pid = machine.main_pid()
    box.run('systemctl', 'restart', 'vmqd')
    machine.wait_new(pid, 'a', 'b')
    exchange(a, b, 1)

    # It hangs: systemd hears nothing for WatchdogSec, and makes an end of it.
    box.write('/etc/systemd/system/vmqd.service.d/test.conf', '[Service]\nWatchdogSec=2\n')
    box.run('systemctl', 'daemon-reload')
    box.run('systemctl', 'restart', 'vmqd')
    machine.wait_new(pid, 'a', 'b')
    pid = machine.main_pid()
    box.run('systemctl', 'kill', '--signal=SIGSTOP', 'vmqd')
    machine.wait_new(pid, 'a', 'b')
    assert 'Watchdog timeout' in box.journal('vmqd')
    exchange(a, b, 2)
    assert int(box.shown('vmqd', 'NFileDescriptorStore')) == kept
    assert box.run('stat', '-c', '%U %G %a', '/run/vmq/a.sock').strip() == 'vmq kvm 660'

    # The exporter found each new vmqd; a user of its own, without rights.
    assert box.shown('vmq-exporter', 'NRestarts') == '0'
    asked = 'exec 3<>/dev/tcp/127.0.0.1/9678; printf "GET /metrics HTTP/1.0\\r\\n\\r\\n" >&3; cat <&3'
    procs.wait_for(lambda: '\nvmq_up 1\n' in box.run('bash', '-c', asked), 15, 'vmq_up 1')
    assert 'name="a"' in box.run('bash', '-c', asked)
    status = box.run('cat', f"/proc/{box.shown('vmq-exporter', 'MainPID')}/status")
    assert re.search(r'^CapPrm:\s+0+$', status, re.M) and not re.search(r'^Uid:\s+0', status, re.M)

    # Stopped for good, nothing is kept.
    box.run('systemctl', 'stop', 'vmqd')
    assert box.shown('vmqd', 'NFileDescriptorStore') == '0'
    with pytest.raises(ConnectionError):
        a.get_u64(vufront.GET_FEATURES)


def test_light_sleep(machine):
    """The unit leaves vmqd the files of its CPUs. Killed, what vmqd left is given back by the next one, and by a unit of its own
    when none follows."""
    file = lightsleep.File(max(os.sched_getaffinity(0)))
    if not file.available():
        pytest.skip('this kernel cannot be asked for light sleep')
    box = machine.box

    def worker():
        return machine.vmqd().call('worker.show')['workers'][0]

    def light():
        machine.vmqctl('worker', 'set', str(worker()['cpu']), 'light_sleep', 'always')
        procs.wait_for(lambda: file.value() != lightsleep.DEEP, 30, 'light sleep')

    assert worker()['sleep'] == 'not available: /sys is read-only here'  # as in a container, and so it stays if the unit forbids it
    with file.kept():
        box.run('mount', '-o', 'remount,rw', '/sys')
        box.run('systemctl', 'restart', 'vmqd')
        light()
        pid = machine.main_pid()
        box.run('systemctl', 'kill', '--signal=SIGKILL', 'vmqd')
        procs.wait_for(lambda: machine.active() and machine.main_pid() not in (0, pid), 30, 'the next vmqd')
        assert file.value() == lightsleep.DEEP
        light()
        box.run('systemctl', 'stop', 'vmqd')
        assert file.value() == lightsleep.DEEP
        box.run('systemctl', 'start', 'vmqd')
        light()
        box.write('/etc/systemd/system/vmqd.service.d/test.conf', '[Service]\nRestart=no\n')
        box.run('systemctl', 'daemon-reload')
        box.run('systemctl', 'kill', '--signal=SIGKILL', 'vmqd')
        procs.wait_for(lambda: file.value() == lightsleep.DEEP, 30, 'the CPU given back')
        procs.wait_for(lambda: 'Finished vmqd-release.service' in box.journal('vmqd-release'), 30, 'its unit')
        assert (box.shown('vmqd', 'ActiveState'), box.shown('vmqd-release', 'Result')) == ('failed', 'success')


def test_library(machine, tmp_path):
    """A program is built against libvmq-dev as pkg-config says, with nothing of ours beside it, and talks to the installed vmqd."""
    for n in ('libvmq0', 'libvmq-dev'):
        procs.run(['dpkg-deb', '--extract', package.packages()[n], tmp_path])
    arch = procs.run(['dpkg-architecture', '-qDEB_HOST_MULTIARCH']).strip()
    libs = f'{tmp_path}/usr/lib/{arch}'
    flags = procs.run(['pkg-config', '--cflags', '--libs', 'libvmq'],
                      env=dict(os.environ, PKG_CONFIG_LIBDIR=libs + '/pkgconfig', PKG_CONFIG_SYSROOT_DIR=str(tmp_path))).split()
    env = dict(os.environ, LD_LIBRARY_PATH=libs, VMQ_SOCKET=machine.box.path('/run/vmq/vmqd.sock'))
    for name in ('oid_enum_vports', 'monitor'):
        procs.run(['cc', '-Wall', '-Wextra', '-Werror', f'{tmp_path}/usr/share/doc/libvmq-dev/examples/{name}.c', *flags, '-o',
                   tmp_path / name])
    assert procs.run([tmp_path / 'oid_enum_vports'], env=env).startswith('VPortId 0 name default ')
    m = procs.Process([tmp_path / 'monitor'], 'monitor', env=env)
    procs.wait_for(lambda: '"version":"' in m.log(), 10, 'what vmqd says of itself')
    machine.vmqctl('vport', 'add', 'a', 'mac', A)
    procs.wait_for(lambda: '"event":"vport_added"' in m.log(), 10, 'the event')


def test_upgrade_and_purge(machine):
    """The configuration is changed to have a card and a VPort. A newer version goes on with it and with the VMs; a purge leaves
    nothing."""
    box = machine.box
    far = netns.NetNS('far')
    netns.veth(machine.net, 'eth1', far, 'w0')
    wire = netns.RawPort(far, 'w0')
    own = machine.config.replace('      driver: pcap\n', f'      device: eth1\n    vports:\n      - {{name: a, mac: "{A}"}}\n')
    machine.config = own
    box.run('systemctl', 'restart', 'vmqd')
    machine.vmqctl('vport', 'add', 'b', 'mac', B)
    a, b = machine.vm('a'), machine.vm('b')
    exchange(a, b)
    assert 'not permitted' not in box.journal('vmqd')  # what the unit takes away, the wire does not need

    pid = machine.main_pid()
    machine.config += 'no: such key\n'
    machine.apt('install', *(package.with_version(f, '9.8', machine.up) for f in package.to_install()))
    assert machine.active() and machine.main_pid() == pid  # it would not start: the one that runs goes on
    exchange(a, b)

    machine.config = own
    machine.apt('install', *(package.with_version(f, '9.9', machine.up) for f in package.to_install() if 'exporter' not in f))
    machine.wait_new(pid, 'a', 'b')
    # The line of the guide is without the exporter, and leaves it.
    assert [box.run('dpkg-query', '-W', '-f', '${Version}', p) for p in ('vmqd', 'vmq-exporter')] == ['9.9', '9.8']
    assert box.shown('vmq-exporter', 'ActiveState') == 'active'
    exchange(a, b, 1)
    wire.send(frame(A, B, seq=7))
    assert a.recv(1, timeout=30) == [frame(A, B, seq=7)]
    assert machine.config == own
    assert machine.vport('b')['origin'] == 'runtime'

    machine.apt('purge', '--auto-remove', *(os.path.basename(f).partition('_')[0] for f in package.to_install()))
    assert machine.state() - machine.before <= {'kvm'}  # the group of those who run VMs is not ours
    assert machine.net.links() == ['eth1']
    assert box.shown('vmqd', 'LoadState') == 'not-found'
