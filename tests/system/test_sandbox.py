# SPDX-License-Identifier: BSD-3-Clause
"""What vmqd is allowed once it is started, and that all it does at run time goes on. What it is refused is tried by
tests/unit/sandbox_test.c."""
import glob
import grp
import os
import pwd

from vmqtest.frames import frame

A, B = '52:54:00:00:00:01', '52:54:00:00:00:02'
CHOWN, DAC_OVERRIDE = 1 << 0, 1 << 1


def threads(pid):
    """{name: {key: value}} of /proc/PID/task/*/status."""
    out = {}
    for path in glob.glob(f'/proc/{pid}/task/*/status'):
        with open(path) as f:
            lines = dict(line.rstrip('\n').split(':\t', 1) for line in f if ':\t' in line)
        out[lines['Name']] = lines
    return out


def check_confined(pid, control):
    all_threads = threads(pid)
    assert len(all_threads) >= 2
    for name, t in all_threads.items():
        kept = control if name == 'vmqd' else 0
        assert (t['Seccomp'], t['NoNewPrivs']) == ('2', '1')
        assert (int(t['CapEff'], 16), int(t['CapPrm'], 16)) == (kept, kept)
        assert (int(t['CapInh'], 16), int(t['CapAmb'], 16), int(t['CapBnd'], 16)) == (0, 0, 0)


def check_it_lives(x):
    """Frames, and a VPort that comes and goes."""
    x.plug('a')
    x.vmqd.call('vport.add', name='b', mac=B)
    x.plug('b')
    f = frame(B, A, 1)
    x.vms['a'].send(f)
    assert x.everywhere(1) == {'b': [f]}
    x.vmqd.call('vport.del', name='b')
    assert not os.path.exists(x.vmqd.path('b'))


def test_as_root(lab):
    x = lab(vports=[{'name': 'a', 'mac': A}])
    check_confined(x.vmqd.call('version')['pid'], CHOWN | DAC_OVERRIDE)
    check_it_lives(x)


def test_as_a_user(lab):
    x = lab(vports=[{'name': 'a', 'mac': A}], start=False)
    with open(x.vmqd.config_path, 'a') as f:
        f.write('user: nobody\n')
    os.chmod(os.path.dirname(x.vmqd.dir), 0o711)
    x.start()
    pid = x.vmqd.call('version')['pid']
    check_confined(pid, 0)
    nobody = pwd.getpwnam('nobody')
    assert {t['Uid'] for t in threads(pid).values()} == {'\t'.join([str(nobody.pw_uid)] * 4)}
    assert {t['Gid'] for t in threads(pid).values()} == {'\t'.join([str(nobody.pw_gid)] * 4)}
    for path in x.vmqd.dir, x.vmqd.socket, x.vmqd.path('a'):
        assert os.stat(path).st_uid == nobody.pw_uid
    x.plug('a')
    status, _, said = x.vmqd.vmqctl('vport', 'add', 'b', 'mac', B, check=False)
    assert status == 1 and "vmqd's user nobody gives it to the group of vport_sockets, root, only as a member" in said
    x.vmqd.stop()
    assert not os.path.exists(x.vmqd.socket) and not os.path.exists(x.vmqd.path('a'))
    group = grp.getgrgid(nobody.pw_gid)
    with open(x.vmqd.config_path, 'a') as f:
        f.write(f'vport_sockets: {{group: {group.gr_name}}}\n')
    x.vmqd.start()
    x.vmqd.vmqctl('vport', 'add', 'b', 'mac', B)
    assert os.stat(x.vmqd.path('b')).st_gid == group.gr_gid


def test_switched_off(lab):
    x = lab(start=False)
    with open(x.vmqd.config_path, 'a') as f:
        f.write('sandbox: false\n')
    x.start()
    assert {(t['Seccomp'], t['NoNewPrivs']) for t in threads(x.vmqd.call('version')['pid']).values()} == {('0', '0')}


def test_a_socket_elsewhere_is_refused(lab, tmp_path):
    x = lab(vports=[{'name': 'a', 'mac': A}])
    status, _, said = x.vmqd.vmqctl('vport', 'add', 'c', 'mac', B, 'socket', str(tmp_path / 'c.sock'), check=False)
    assert status == 1 and 'Permission denied; in its sandbox vmqd makes sockets in ' in said and x.vmqd.dir in said
    assert not (tmp_path / 'c.sock').exists()


def test_what_is_held_open(lab):
    """Of /sys one file for each worker's CPU, where the kernel has it, and nothing else; of the state directory nothing here."""
    x = lab(vports=[{'name': 'a', 'mac': A}])
    pid = x.vmqd.call('version')['pid']
    held = {os.readlink(fd) for fd in glob.glob(f'/proc/{pid}/fd/*')}
    can = {f'/sys/devices/system/cpu/cpu{w["cpu"]}/power/pm_qos_resume_latency_us' for w in x.vmqd.call('worker.show')['workers']
           if w['sleep'] in ('deep', 'light') or 'somebody else' in w['sleep']}
    assert {f for f in held if f.startswith('/sys/')} == can
    assert {f for f in held if f.startswith('/') and not f.startswith(('/sys/', '/dev/', '/memfd:'))} - {x.vmqd.proc.log_path} == \
        ({x.vmqd.socket + '.cpus'} if can else set())
