# SPDX-License-Identifier: BSD-3-Clause
"""Every check of the doctor, provoked: a host and a vmqd with nothing wrong, and one thing changed at a time. Then the same
program on a real vmqd and a real host."""
import copy
import json
import os
import re
import struct
import subprocess
import sys
import threading
import time

import pytest

from fake_vmqd import Error, FakeVmqd, vmqctl_env
from vmqtest import daemon, frames, guest, netns, procs, vufront

ROOT = guest.ROOT
MAC, FEATURES = '52:54:00:00:00:01', ['VERSION_1', 'MRG_RXBUF', 'EVENT_IDX', 'INDIRECT_DESC', 'GUEST_TSO4']
CPU = 'sys/devices/system/cpu'


def healthy_files():
    return {
        'proc/sys/kernel/osrelease': '6.1.0-18-amd64', 'proc/net/protocols': 'protocol size\nXDP 1088\nUNIX 1024',
        'proc/sys/net/core/bpf_jit_enable': '1', 'proc/sys/vm/max_map_count': '65530', 'proc/meminfo': 'HugePages_Total:  16',
        'sys/devices/system/clocksource/clocksource0/current_clocksource': 'tsc', 'sys/kernel/security/lsm': 'capability,landlock',
        **{f'{CPU}/cpu{n}/power/pm_qos_resume_latency_us': 'n/a' if n == 1 else '0' for n in range(4)},
        f'{CPU}/present': '0-3', f'{CPU}/online': '0-3', f'{CPU}/cpu1/cpufreq/scaling_governor': 'performance',
        'proc/77/status': 'Name:\tvmqd\nUid:\t900\t900\nSeccomp:\t2\nCpus_allowed_list:\t0-3',
        'proc/77/limits': 'Max locked memory  unlimited  unlimited bytes\nMax open files  1048576  1048576 files',
        'proc/90/maps': '7f0000000000-7f0040000000 rw-s 00000000 00:01 99 /memfd:ram',
        'proc/90/task/91/comm': 'CPU 0/KVM', 'proc/90/task/91/status': 'Cpus_allowed_list:\t3',
        'proc/interrupts': '  CPU0 CPU1\n 45:  0  9  PCI-MSI  nvme0q1\n', 'proc/irq/45/effective_affinity_list': '0',
        'net/eth1': 'driver ice\nmtu 1500\ngro on\nlro off\nrx-vlan-offload off', 'net/vmq0': 'driver tun\nmtu 1500\naddress on',
        'etc/passwd': 'libvirt-qemu:x:64055:109::/:/bin/false', 'etc/group': 'kvm:x:0:libvirt-qemu',
        'run/vmq/vmqd.sock': '', 'run/vmq/web1.sock': '', 'etc/vmq/vmqd.yaml': 'adapters: []',
    }


def counters(**more):
    return {'rx_frames': 100000, 'tx_frames': 100000, 'rx_notifications': 9000, 'sw_checksums': 0, 'sw_segmented': 0, 'drops': {}, **more}


def healthy_answers():
    version = re.search(r"version: '([\d.]+)'", open(f'{ROOT}/meson.build').read()).group(1)
    return {
        'version': {'version': version, 'pid': 77, 'uptime_s': 5},
        'daemon.show': {'config': '/etc/vmq/vmqd.yaml', 'config_time': 1000, 'sandbox': True, 'cpu_auto': True, 'user': 'vmq',
                        'run_dir': '/run/vmq', 'control': {'socket': '/run/vmq/vmqd.sock', 'mode': '0660'}, 'cpus': [1],
                        'adapters': [{'adapter': 'ext0', 'port': {'driver': 'auto', 'device': 'eth1'}, 'host': {'device': 'vmq0'},
                                      'vports': ['web1']}]},
        'config.diff': {'same': True, 'restart': False, 'changes': []},
        'switch.show': {'switches': [{'adapter': 'ext0', 'mode': 'SR-IOV', 'mode_reason': 'why', 'num_vports': 2, 'max_vports': 1024,
                                      'port': {'driver': 'xdp', 'device': 'eth1', 'describe': 'AF_XDP, native, copy', 'link': True,
                                               'mac': '02:00:00:00:00:99', 'mtu': 1500},
                                      'host_device': 'vmq0', 'host': {'link': True, 'promiscuous': False, 'mac': '02:00:00:00:00:98'}}]},
        'vport.show': {'vports': [
            {'name': 'default', 'id': 0, 'adapter': 'ext0', 'state': 'activated', 'status': 'running', 'filters': 0, 'host_device': 'vmq0'},
            {'name': 'web1', 'id': 1, 'adapter': 'ext0', 'state': 'activated', 'status': 'running', 'connected': True, 'peer_pid': 90,
             'socket': '/run/vmq/web1.sock', 'socket_mode': 'server', 'moderation': 'adaptive', 'features': FEATURES, 'filters': 2}]},
        'filter.show': {'filters': [{'id': 1, 'vport': 'web1', 'adapter': 'ext0', 'mac': MAC, 'vlan': 'untagged'},
                                    {'id': 2, 'vport': 'web1', 'adapter': 'ext0', 'mac': 'ff:ff:ff:ff:ff:ff', 'vlan': 'untagged'}]},
        'queue.show': {'queues': [{'queue': 0, 'vport': 'web1', 'adapter': 'ext0', 'state': 'running', 'rx_ring': 1024, 'rx_free': 1000}]},
        'stats.show': {'vports': [{'name': 'default', 'adapter': 'ext0', **counters()}, {'name': 'web1', 'adapter': 'ext0', **counters()}],
                       'wires': [{'adapter': 'ext0', 'port': {}, **counters()}],
                       'workers': [{'cpu': 1, 'light_sleep': 'auto', 'sleep': 'light'}]},
        'cpu.plan.show': {'auto': True, 'workers': [{'cpu': 1, 'busy_pct': 3.0}], 'places': [], 'findings': []},
    }


class Case:
    """The healthy world, as a case changes it: a.files, a.answers and what they hold."""

    def __init__(self, root):
        self.root, self.files, self.answers, self.modes = str(root), healthy_files(), healthy_answers(), {'run/vmq/web1.sock': 0o660}

    def __getattr__(self, name):
        a = self.answers
        return {'daemon': a['daemon.show'], 'switch': a['switch.show']['switches'][0], 'vport': a['vport.show']['vports'][1],
                'port': a['switch.show']['switches'][0]['port'], 'host': a['switch.show']['switches'][0]['host'],
                'stats': a['stats.show']['vports'][1], 'wire': a['stats.show']['wires'][0], 'queue': a['queue.show']['queues'][0],
                'worker': a['stats.show']['workers'][0], 'filters': a['filter.show']['filters'], 'plan': a['cpu.plan.show'], 'vports': a['vport.show']['vports']}[name]

    def run(self, *words):
        for path, text in self.files.items():
            os.makedirs(os.path.dirname(f'{self.root}/{path}'), exist_ok=True)
            with open(f'{self.root}/{path}', 'w') as f:
                f.write(text + '\n')
        if os.path.exists(f'{self.root}/etc/vmq/vmqd.yaml'):
            os.utime(f'{self.root}/etc/vmq/vmqd.yaml', (1000, 1000))
        for path, mode in self.modes.items():
            os.chmod(f'{self.root}/{path}', mode)
        with FakeVmqd(self.answers) as d:
            return doctor(d.path, '--topology', self.root, *words)


def doctor(socket, *words):
    p = subprocess.run([daemon.program('vmqctl'), '--socket', socket, *words[:2], 'doctor', '--json', *words[2:]], capture_output=True,
                       text=True, timeout=60, env=vmqctl_env())
    assert p.stderr == '', p.stderr
    return p.returncode, json.loads(p.stdout)


def verdicts(result):
    return {c['check']: c['verdict'] for c in result['checks']}


def lost(where, reason, total, lately=0, last_s=0, kind='drops'):
    """A VPort or wire of stats.show lost so many frames; of them lately, the last so long ago. 1000 frames went either way lately."""
    where.setdefault(kind, {})[reason] = total
    window = where.setdefault('lately', {'seconds': 45, 'rx_frames': 1000, 'tx_frames': 1000, 'drops': {}, 'port': {}})
    window[kind][reason] = {'frames': lately, 'last_s': last_s}


def state(where, name, now=True, last_s=0, **lately):
    """Such a state of a VPort or wire of stats.show goes on, or was there last so long ago; what was counted in the last 45 s."""
    window = where.setdefault('lately', {'seconds': 45, 'rx_frames': 30000, 'tx_frames': 30000, 'drops': {}, 'port': {}})
    window.setdefault('states', {})[name] = {'now': now, 'last_s': last_s}
    window.update(lately)


def finding(check):
    return {'findings': [{'check': check, 'verdict': 'warning', 'text': f'the plan says {check}'}]}


def file(path, text):
    return lambda c: c.files.update({path: text})


def two_macs(c):
    c.filters.append({'id': 9, 'vport': 'db1', 'adapter': 'ext1', 'mac': MAC.upper(), 'vlan': 'any'})
    c.vports.append({'name': 'db1', 'adapter': 'ext1', 'status': 'running', 'state': 'activated', 'features': FEATURES})


def nobody_connected(c):
    c.vport.update(status='no VM', connected=False, peer_pid=0)


# check: (verdict, what the evidence says, what mends it, the change that provokes it)
PROVOKED = {
    'daemon': ('wrong', 'does not answer', 'systemctl start vmqd', None),  # below
    'kernel': ('warning', 'Linux 5.4.0', 'newer kernel', file('proc/sys/kernel/osrelease', '5.4.0')),
    'xdp_sockets': ('warning', 'no AF_XDP', 'CONFIG_XDP_SOCKETS', file('proc/net/protocols', 'protocol\nUNIX 1')),
    'bpf_jit': ('warning', 'bpf_jit_enable is 0', 'sysctl -w', file('proc/sys/net/core/bpf_jit_enable', '0')),
    'clocksource': ('warning', 'the clock is hpet', 'current_clocksource',
                    file('sys/devices/system/clocksource/clocksource0/current_clocksource', 'hpet')),
    'hugepages': ('note', 'none are needed', 'nr_hugepages', file('proc/meminfo', 'HugePages_Total:  0')),
    'max_map_count': ('warning', 'is 3000', 'vm.max_map_count=', file('proc/sys/vm/max_map_count', '3000')),
    'governor': ('warning', 'CPU 1 is governed by "powersave"', 'performance', file(f'{CPU}/cpu1/cpufreq/scaling_governor', 'powersave')),
    'irqs': ('note', r'CPU 1, a worker\'s, serves 1 interrupt of devices: 45 \(nvme0q1\)', 'smp_affinity_list',
             file('proc/irq/45/effective_affinity_list', '1')),
    'light_sleep': ('note', 'light sleep of CPU 1, a worker\'s, is not available: /sys is read-only here', 'ReadWritePaths=',
                    lambda c: c.worker.update(sleep='not available: /sys is read-only here')),
    'version': ('warning', 'vmqd is 0.0.9', 'restart vmqd', lambda c: c.answers['version'].update(version='0.0.9')),
    'user': ('note', 'runs as root', 'user: vmq in /etc/vmq', file('proc/77/status', 'Uid:\t0\t0\nSeccomp:\t2\nCpus_allowed_list:\t0-3')),
    'drained': ('wrong', 'vmqd is drained', 'vmqctl drain undo on', lambda c: c.daemon.update(drained=True)),
    'sandbox': ('warning', 'switched off', 'sandbox: true', lambda c: c.daemon.update(sandbox=False)),
    'run_dir': ('wrong', 'writable by everybody', 'chmod o-w /run/vmq', lambda c: c.modes.update({'run/vmq': 0o777})),
    'control_socket': ('warning', 'open to everybody', 'mode: 0660', lambda c: c.modes.update({'run/vmq/vmqd.sock': 0o666})),
    'vport_sockets': ('wrong', 'web1.sock .* cannot be reached by user libvirt-qemu', 'usermod',
                      lambda c: (nobody_connected(c), c.modes.update({'run/vmq/web1.sock': 0o600}))),
    'nofile': ('warning', 'may open 1024 files', 'LimitNOFILE',
               file('proc/77/limits', 'Max open files  1024  4096 files\nMax locked memory  unlimited')),
    'memlock': ('warning', 'may lock 8192 KiB', 'LimitMEMLOCK',
                file('proc/77/limits', 'Max open files  65536  65536 files\nMax locked memory  8388608  8388608 bytes')),
    'config': ('note', 'has changed since', 'vmqd --check', lambda c: c.daemon.update(config_time=999)),
    'drift': ('note', r'what runs is other than /etc/vmq/vmqd.yaml in 1 places, as adapters\[ext0\].vports\[web1\].cpu', 'vmqctl config apply',
              lambda c: c.answers['config.diff'].update(changes=[{'path': 'adapters[ext0].vports[web1].cpu', 'change': 'live'}])),
    'mode': ('warning', 'in mode none, and no VM is served: the keyword', 'keywords:',
             lambda c: c.switch.update(mode='none', mode_reason='the keyword *SRIOV is 0')),
    'limits': ('warning', '1000 of 1024 VPorts', 'vport del', lambda c: c.switch.update(num_vports=1000)),
    **{f'cpu_{name}': (verdict, f'the plan says {check}', mend, lambda c, check=check: c.plan.update(finding(check)))
       for name, check, verdict, mend in (
           ('worker', 'no_worker', 'wrong', 'cpu plan'), ('offline', 'offline', 'wrong', 'cpu plan'),
           ('allowed', 'not_allowed', 'wrong', 'AllowedCPUs'), ('vcpu', 'vcpu', 'warning', 'vcpupin'),
           ('overlap', 'overlap', 'warning', 'cpu plan'), ('queues', 'queues', 'note', 'queue_pairs'),
           ('siblings', 'siblings', 'note', 'cpus:'), ('numa_device', 'numa_device', 'warning', 'cpus:'),
           ('numa_memory', 'numa_memory', 'warning', 'numatune'), ('housekeeping', 'housekeeping', 'note', 'CPU 0'),
           ('isolated', 'not_isolated', 'note', 'cpus:'), ('quota', 'quota', 'warning', 'CPUQuota'))},
    'cpu_load': ('warning', 'CPU 1 is busy 97 %', 'cpu plan', lambda c: c.plan['workers'][0].update(busy_pct=97)),
    'cpu_others': ('warning', 'has', 'taskset', None),  # below
    'cpu_auto': ('note', 'is off', 'cpu auto on', lambda c: c.plan.update(auto=False)),
    'link': ('wrong', 'the link of eth1 is down', 'ip link set eth1 up', lambda c: c.port.update(link=False)),
    'port_driver': ('warning', 'by packet, not AF_XDP: no room', 'restart',
                    lambda c: c.port.update(driver='packet', fallback='no room', describe='AF_PACKET')),
    'xdp_mode': ('warning', 'generic.*although its driver ice', 'ethtool -L', lambda c: c.port.update(describe='AF_XDP, generic, copy')),
    'gro': ('note', 'joins the frames of eth1 .* for VPort web1', 'gro off',
            lambda c: (c.port.update(driver='packet'), c.vport.update(features=[f for f in FEATURES if f != 'GUEST_TSO4']))),
    'lro': ('warning', 'large-receive-offload', 'lro off', file('net/eth1', 'driver ice\nmtu 1500\nlro on')),
    'rx_vlan': ('wrong', 'rx-vlan-offload', 'rxvlan off', file('net/eth1', 'driver ice\nmtu 1500\nrx-vlan-offload on')),
    'rx_queues': ('wrong', 'eth1 has 8 receive queues now, 4 when', 'ethtool -L eth1',
                  lambda c: (c.port.update(rx_queues=4), file('net/eth1', 'driver ice\nmtu 1500\nrx-queues 8')(c))),
    'napi': ('warning', r'no kernel thread receives for eth1 \(it slept\)', 'restart', lambda c: c.port.update(no_napi_thread='it slept')),
    'xdp_mtu': ('wrong', 'eth1 has MTU 3000 now; AF_XDP took the 1500', 'ip link set eth1 mtu 1500',
                lambda c: (c.port.update(mtu=3000, mtu_max=1500), file('net/vmq0', 'mtu 3000\naddress on')(c))),
    'mtu': ('warning', 'of eth1 is 1500, that of vmq0 is 9000', 'ip link set vmq0 mtu 1500', file('net/vmq0', 'mtu 9000')),
    'wire_loss': ('warning', r'wire eth1 lost 7 frames in the last 45 s: they came while .* \(rx_no_buffer\)', 'cpu plan', lambda c: lost(c.wire, 'rx_no_buffer', 9, 7, 3, 'port')),
    'host_link': ('note', 'vmq0 is down', 'ip link set vmq0 up', lambda c: c.host.update(link=False)),
    'host_address': ('note', 'without an address', 'ip addr add', file('net/vmq0', 'mtu 1500\naddress off')),
    'promiscuous': ('note', 'vmq0 is promiscuous', 'promisc off', lambda c: c.host.update(promiscuous=True)),
    'vm': ('note', 'web1 has no VM: nobody is connected to /run/vmq/web1.sock', 'vport show web1 --libvirt', nobody_connected),
    'broken': ('wrong', 'web1 is broken: it lies', 'modprobe', lambda c: c.vport.update(status='broken: it lies')),
    'active': ('wrong', 'web1 is not activated', 'active on', lambda c: c.vport.update(state='deactivated')),
    'filters': ('warning', 'web1 has no filter', 'filter add web1', lambda c: c.vport.update(filters=0)),
    'trunk': ('warning', 'web1 has filters of several VLANs and is no trunk', 'trunk on',
              lambda c: c.vport.update(macs=[{'mac': MAC, 'vlan': 10, 'id': 1}, {'mac': MAC, 'vlan': 20, 'id': 3}])),
    'orphans': ('warning', 'filter 7 .* vmqctl does not know', 'FilterId=7',
                lambda c: c.filters.append({'id': 7, 'vport': 'gone', 'adapter': 'ext0', 'mac': '52:54:00:00:00:07', 'vlan': 'any'})),
    'duplicate_mac': ('warning', 'web1 .* and of VPort db1|db1 .* and of VPort web1', 'filter del', two_macs),
    'guest_slow': ('warning', 'web1 lost 500 of 1500 frames in the last 45 s', 'rx_queue_size=1024', lambda c: lost(c.stats, 'rx_no_buffer', 5000, 500, 9)),
    'ring': ('warning', 'ring of 64 buffers', 'rx_queue_size', lambda c: c.queue.update(rx_ring=64)),
    'rss': ('warning', 'web1 has 4 queue pairs, and all it receives comes by the first: rss is off', 'rss on',
            lambda c: c.vport.update(queue_pairs=4, rss=False)),
    'buffers': ('warning', 'posted no receive buffer', 'VM', lambda c: c.queue.update(rx_free=0)),
    'drops': ('warning', 'web1 lost 300 of 2300 frames in the last 45 s: .* VLAN', 'vport set web1 trunk VLANS', lambda c: lost(c.stats, 'tx_vlan', 3000, 300)),
    'notifications': ('warning', 'web1: 20000 interrupts for 30000 frames in the last 45 s: its moderation is off', 'moderation adaptive',
                      lambda c: (c.vport.update(moderation='off'), state(c.stats, 'interrupted', rx_notifications=20000))),
    'features': ('note', 'without MRG_RXBUF', 'mrg_rxbuf', lambda c: c.vport.update(features=[f for f in FEATURES if f != 'MRG_RXBUF'])),
    'offloads': ('warning', 'web1 does not take .*: 20000 checksums and 7 long frames were finished in software, of 30000 frames in the last 45 s', 'guest_csum',
                 lambda c: state(c.stats, 'finished', sw_checksums=20000, sw_segmented=7)),
    'memory': ('wrong', 'process 90 maps .* for itself alone', 'share=on',
               file('proc/90/maps', '7f0000000000-7f0040000000 rw-p 00000000 00:01 99 /memfd:ram')),
    'bypass': ('warning', 'web1 is bypassed', 'bypass off', lambda c: c.vport.update(bypass=True)),
    'driver_faults': ('warning', '3 times, last: it', 'report', lambda c: c.switch.update(driver_faults=3, last_driver_fault='it')),
}


def table():
    with open(f'{ROOT}/src/vmqctl/doctor/doctor.h') as f:
        return re.findall(r'^\tX\((\w+), check_\w+, (HOST|DAEMON), "(.*)"\)', f.read(), re.M)


def test_nothing_is_wrong(tmp_path):
    status, result = Case(tmp_path).run()
    assert {k: v for k, v in verdicts(result).items() if v != 'ok'} == {}
    assert (status, result['verdict']) == (0, 'ok')


@pytest.mark.parametrize('queues,verdict,words', [
    ([('running', 5000), ('no VM', 0), ('no VM', 0), ('no VM', 0)], 'warning', 'has 4 queue pairs, and its VM uses one'),
    ([('running', 5000), ('running', 12), ('running', 0), ('running', 9)], 'ok', ''),  # so it was, and who knows when
])
def test_queue_pairs_that_are_not_used(tmp_path, queues, verdict, words):
    c = Case(tmp_path)
    c.vport.update(queue_pairs=4, rss=True)
    c.answers['queue.show']['queues'] = [{'queue': i, 'vport': 'web1', 'adapter': 'ext0', 'state': s, 'rx_frames': n, 'rx_ring': 1024, 'rx_free': 1000}
                                         for i, (s, n) in enumerate(queues)]
    [found] = [x for x in c.run()[1]['checks'] if x['check'] == 'rss']
    assert found['verdict'] == verdict and words in json.dumps(found)


@pytest.mark.parametrize('now,last_s,lose,verdict,words', [
    (True, 0, None, 'note', 'of 40021 frames in the last 45 s 40000 came by one of its 3 queue pairs: one connection'),
    (True, 3, 'rx_no_buffer', 'warning', 'came by one of its 3 queue pairs, and some found no room there: one'),
    (True, 3, 'rx_inbox_full', 'warning', 'and some found no room there'), (True, 3, 'tx_vlan', 'note', 'queue pairs: one'),
    (False, 7300, None, 'note', 'of 5012 frames in all, the last time 2 h ago 5000 came by one of its 3 queue pairs: '),
    (False, 7300, 'rx_no_buffer', 'note', 'queue pairs: one'), (False, 86400, None, 'ok', ''), (False, None, None, 'ok', ''),
])
def test_one_queue_pair_has_all(tmp_path, now, last_s, lose, verdict, words):
    c = Case(tmp_path)
    c.vport.update(queue_pairs=3, rss=True)
    c.answers['queue.show']['queues'] = [{'queue': i, 'vport': 'web1', 'adapter': a, 'state': 'running', 'rx_frames': n, 'rx_ring': 1024, 'rx_free': 9}
                                         for a in ('ext0', 'ext1') for i, n in enumerate((12, 5000, 0))]
    if lose:
        lost(c.stats, lose, 5000, 500, 1)
    state(c.stats, 'one_pair', now, last_s, rx_by_pair=[0, 21, 40000])
    [found] = c.run('rss')[1]['checks']
    assert found['verdict'] == verdict and len(found['findings']) == (verdict != 'ok') and words in json.dumps(found), found


LATENCY = f'{CPU}/cpu%d/power/pm_qos_resume_latency_us'


@pytest.mark.parametrize('change,verdict,words,mend', [
    (lambda c: c.worker.update(sleep='deep'), 'ok', '', ''),  # just now given back
    (lambda c: c.worker.update(sleep='not available: refused by the kernel', light_sleep='off'), 'ok', '', ''),
    (lambda c: c.worker.update(sleep='not available: set by somebody else'), 'note', 'CPU 1 is kept from deep sleep .* is n/a, which vmqd leaves', 'cpu1'),
    (lambda c: (c.worker.update(sleep='not available: set by somebody else'), file(LATENCY % 1, '0')(c)), 'ok', '', ''),
    (file(LATENCY % 2, '20'), 'note', 'CPU 2 is kept from deep sleep by somebody else: .* is 20$', 'vmqd --release-cpus'),
    (lambda c: c.worker.update(sleep='not available: the kernel has no cpuidle driver, so it cannot be asked'), 'note', 'no cpuidle driver',
     'modprobe cpuidle_haltpoll'),
    (lambda c: c.worker.update(sleep='not available: refused by the kernel'), 'note', 'refused by the kernel', 'light_sleep: off'),
    (lambda c: c.answers.pop('stats.show'), 'note', 'CPU 1 is kept from deep sleep', 'echo 0 > /sys/devices/system/cpu/cpu1/power/'),
])
def test_light_sleep(tmp_path, change, verdict, words, mend):
    c = Case(tmp_path)
    change(c)
    [found] = [x for x in c.run()[1]['checks'] if x['check'] == 'light_sleep']
    assert found['verdict'] == verdict, found
    assert [(f['text'], f['mend']) for f in found['findings'] if not (re.search(words, f['text']) and mend in f['mend'])] == []
    assert len(found['findings']) == (verdict != 'ok')


@pytest.mark.parametrize('macs,verdict', [
    (['53:54:00:00:00:01'], 'warning'), (['01:00:5e:00:00:01', 'FF:ff:ff:ff:ff:ff'], 'warning'), (['3B:00:00:00:00:01'], 'warning'),
    (['53:54:00:00:00:01', MAC], 'ok'), ([MAC], 'ok'), ([], 'ok'), (['5'], 'ok'), ([''], 'ok'), ([7], 'ok'), ([None], 'ok')])
def test_filters_for_groups_only(tmp_path, macs, verdict):
    """Right by the contract, and easily meant otherwise: a VM that nobody can send to."""
    c = Case(tmp_path)
    c.vport.update(macs=[{'mac': m, 'vlan': 'untagged', 'id': 1} for m in macs], filters=len(macs) + 1)
    [found] = c.run('filters')[1]['checks']
    assert found['verdict'] == verdict, found
    if verdict == 'warning':
        [f] = found['findings']
        assert f'group addresses only ({macs[-1]}): frames for its VM alone' in f['text'] and f['mend'] == 'vmqctl filter add web1 mac MAC'


QEMU = ['qemu-system-x86_64', '-chardev', 'socket,id=c1,path=/run/vmq/web10.sock', '-netdev', 'vhost-user,id=n1,chardev=c1', '-device',
        'virtio-net-pci,netdev=n1,mac=02:00:00:00:00:66', '-chardev', 'socket,id=c0,path=/run/vmq/web1.sock,reconnect=1',
        '-netdev', 'vhost-user,id=n0,chardev=c0', '-device', 'virtio-net-pci,netdev=n0,mac=%s,vectors=0']
LIBVIRT = ['/usr/bin/qemu-system-x86_64', '-chardev', 'socket,id=charnet0,path=/run/vmq/web1.sock,reconnect=1',
           '-netdev', '{"type":"vhost-user","chardev":"charnet0","id":"hostnet0"}',
           '-device', '{"driver":"virtio-net-pci","netdev":"hostnet0","id":"net0","mac":"%s","bus":"pci.1","addr":"0x0"}']


@pytest.mark.parametrize('args', [QEMU, LIBVIRT], ids=['qemu', 'libvirt'])
@pytest.mark.parametrize('mac,verdict', [
    ('52:54:00:00:00:0a', 'warning'), (MAC, 'ok'), ('52:54:00:00:00:0B', 'ok'), ('52:54:00:00:00:0', 'ok'), ('52:54:00:00:00:0a0', 'ok'), ('x' * 17, 'ok')])
def test_a_filter_for_another_address_than_the_vms(tmp_path, args, mac, verdict):
    c = Case(tmp_path)
    c.vport.update(macs=[{'mac': m, 'vlan': 10, 'id': 1} for m in (MAC, '52:54:00:00:00:0b')], filters=3)
    c.files['proc/90/cmdline'] = '\0'.join(a % mac if '%s' in a else a for a in args) + '\0'
    [found] = c.run('filters')[1]['checks']
    assert found['verdict'] == verdict, found
    if verdict == 'warning':
        [f] = found['findings']
        assert f"VPort web1 has no filter for {mac}, which is its VM's address" in f['text'] and f['mend'].startswith(f'vmqctl filter add web1 mac {mac}; or mac=')
        c.vport.update(macs=[], filters=0)
        assert c.run('filters')[1]['checks'][0]['findings'][0]['mend'] == f'vmqctl filter add web1 mac {mac}'


@pytest.mark.parametrize('args', [[], [''], ['socket,id=c0,path=/run/vmq/web1.sock'], ['a,path=/run/vmq/web1.sock'], ['x' * 70000, *QEMU],
                                  ['a,id=c0,path=/run/vmq/web1.sock', 'b,id=' + 'n' * 500 + ',chardev=c0'], ['{"path":"/run/vmq/web1.sock","id":"c0'],
                                  ['a,id=c0,path=/run/vmq/web1.sock', 'b,id=n0,chardev=c0', 'c,netdev=n0,mac=']], ids=str)
def test_command_lines_that_say_nothing(tmp_path, args):
    c = Case(tmp_path)
    c.vport.update(macs=[{'mac': MAC, 'vlan': 10, 'id': 1}], filters=2)
    c.files['proc/90/cmdline'] = '\0'.join(args)
    assert verdicts(c.run('filters')[1]) == {'filters': 'ok'}


@pytest.mark.parametrize('free,reserved,verdict', [(8, 3, 'ok'), (3, 3, 'note'), (0, 0, 'note')])
def test_huge_pages_that_are_all_taken(tmp_path, free, reserved, verdict):
    """Reserved ones are free in name only."""
    c = Case(tmp_path)
    c.files['proc/meminfo'] = f'HugePages_Total:  16\nHugePages_Free:  {free}\nHugePages_Rsvd:  {reserved}\n'
    [check] = c.run('hugepages')[1]['checks']
    assert check['verdict'] == verdict
    assert (verdict == 'note') == any('16 huge pages, all of them taken' in f['text'] for f in check['findings'])


def test_a_vport_that_awaits_its_vm(tmp_path):
    """It moves no frame yet, and nothing is wrong with that."""
    c = Case(tmp_path)
    c.vport.update(state='deactivated', awaits_vm=True, status='connected')
    checks = {x['check']: x for x in c.run('active', 'vm')[1]['checks']}
    assert (checks['active']['verdict'], checks['vm']['verdict']) == ('note', 'ok')
    assert 'vport del web1' in checks['active']['findings'][0]['mend']


def test_memory_that_is_not_shared(tmp_path):
    c = Case(tmp_path)
    c.vport.update(status='connected', waits_for="the front-end has not shared the VM's memory yet (is its memory backend made with share=on?)")
    [found] = c.run('vm')[1]['checks']
    assert '<access mode=' in found['findings'][0]['mend']


def test_every_check_is_provoked_here():
    names = [name for name, _, _ in table()]
    assert len(names) >= 25 and sorted(PROVOKED) == sorted(names)


@pytest.mark.parametrize('check', [c for c in PROVOKED if PROVOKED[c][3]])
def test_check(tmp_path, check):
    verdict, evidence, mend, change = PROVOKED[check]
    c = Case(tmp_path)
    change(c)
    status, result = c.run()
    [found] = [x for x in result['checks'] if x['check'] == check]
    assert found['verdict'] == verdict, result
    assert [f for f in found['findings'] if re.search(evidence, f['text']) and mend in f['mend']], found
    worst = {'ok': 0, 'note': 0, 'warning': 4, 'wrong': 5}
    assert status == max(worst[v] for v in verdicts(result).values() if v != 'unknown')
    # Nothing else goes off, but for what the same change brings along.
    others = {k for k, v in verdicts(result).items() if v not in ('ok', 'unknown') and k != check}
    assert others <= {'vport_sockets': {'vm'}, 'gro': {'port_driver'}}.get(check, set()), others


def test_more_of_what_a_check_sees(tmp_path):
    """Several changes in one world: checks that look at more than one thing."""
    c = Case(tmp_path)
    c.files['sys/kernel/security/lsm'] = 'capability'
    c.files['proc/77/status'] = 'Uid:\t900\t900\nSeccomp:\t0'
    lost(c.stats, 'rx_too_long', 3, 3)
    state(c.stats, 'interrupted', False, 60)
    c.port.update(link=False)
    del c.port['mac']
    c.vport.update(status='connected', moderation='off', waits_for='its driver to be ready')
    c.filters[0]['mac'] = '02:00:00:00:00:98'
    del c.files['proc/90/maps']
    del c.files['etc/vmq/vmqd.yaml']
    _, result = c.run()
    text = ' '.join(f['text'] for x in result['checks'] for f in x['findings'])
    for says in ('Seccomp: 0', 'without Landlock', 'would not start again', 'the device eth1 that vmqd has opened is gone',
                 'longer than its VM', 'its moderation is off', 'its driver to be ready', 'of the device vmq0', "web1: its VM's process is not to be seen"):
        assert says in text, says


@pytest.mark.parametrize('check,reason,total,lately,last_s,verdict,says', [
    # the cause was mended: a remark with its age, and after a day nothing
    ('drops', 'tx_vlan', 3000, 300, 10, 'note', 'web1 lost 3000 of 203000 frames, the last 10 s ago: '),
    ('drops', 'tx_vlan', 3000, 0, 7300, 'note', 'the last 2 h ago'), ('drops', 'tx_vlan', 3000, 0, 86399, 'note', 'the last 23 h ago'),
    ('drops', 'tx_vlan', 3000, 0, 86400, 'ok', ''), ('guest_slow', 'rx_no_buffer', 5000, 0, 700, 'note', 'lost 5000 of 105000 frames, the last 11 min ago'),
    ('mtu', 'rx_too_long', 3, 0, 119, 'note', 'web1 lost 3 frames, the last 119 s ago: '), ('mtu', 'tx_too_long', 3, 0, 99999, 'ok', ''),
    # few of all that ever were, and it goes on now
    ('drops', 'tx_vlan', 11, 11, 0, 'warning', 'lost 11 of 2011 frames in the last 45 s'), ('drops', 'tx_vlan', 10, 10, 0, 'ok', ''),
    ('guest_slow', 'rx_no_buffer', 50, 50, 1, 'warning', 'lost 50 of 1050'),
    # it was bad and is not: one more is no new finding
    ('drops', 'tx_vlan', 3000, 1, 0, 'note', 'the last 0 s ago'),
    # when is not known
    ('drops', 'tx_vlan', 3000, 300, None, 'ok', ''), ('drops', 'tx_vlan', 3000, 300, 'x', 'ok', ''),
])
def test_lost_now_and_lost_before(tmp_path, check, reason, total, lately, last_s, verdict, says):
    c = Case(tmp_path)
    lost(c.stats, reason, total, lately, last_s)
    status, result = c.run(check)
    [found] = result['checks']
    assert (found['verdict'], status) == (verdict, 4 if verdict == 'warning' else 0), found
    assert says in ' '.join(f['text'] for f in found['findings']) and len(found['findings']) == (verdict != 'ok')


@pytest.mark.parametrize('check,kind,now,last_s,verdict,says', [
    ('offloads', 'finished', True, 20, 'warning', 'VPort web1 does not take what its senders leave to it: 400 checksums and 0 long frames'),
    ('offloads', 'finished', False, 3700, 'note', 'VPort web1 did not take what its senders leave to it: 60000 checksums and 5 long frames '
     'were finished in software, of 100000 frames in all, the last time 61 min ago'),
    ('offloads', 'finished', False, 86399, 'note', 'the last time 23 h ago'), ('offloads', 'finished', False, 86400, 'ok', ''),
    ('offloads', 'finished', True, 'x', 'ok', ''), ('offloads', 'finished', None, None, 'ok', ''),
    ('notifications', 'interrupted', True, 0, 'warning', 'web1: 300 interrupts for 30000 frames in the last 45 s: its moderation is off'),
    ('notifications', 'interrupted', False, 60, 'note', 'web1: 90000 interrupts for 100000 frames in all, the last time 60 s ago: its moderation is off'),
    ('notifications', 'interrupted', False, 86400, 'ok', ''),
    # who polls means it so
    ('notifications', 'polled', True, 0, 'note', 'web1: its VM is not interrupted for what it received, 30000 frames in the last 45 s: its driver polls'),
    ('notifications', 'polled', False, 600, 'note', 'web1: its VM was not interrupted for what it received, 100000 frames in all, the last time 10 min ago'),
    ('notifications', 'polled', False, 86400, 'ok', ''),
])
def test_what_goes_on_and_what_is_past(tmp_path, check, kind, now, last_s, verdict, says):
    """Whatever the counters were since the start: 60,000 of 100,000 frames finished in software, 90,000 interrupts."""
    c = Case(tmp_path)
    c.stats.update(sw_checksums=60000, sw_segmented=5, rx_notifications=90000)
    c.vport['moderation'] = 'off'
    state(c.stats, kind, now, last_s, sw_checksums=400, sw_segmented=0, rx_notifications=300)
    status, result = c.run(check)
    [found] = result['checks']
    assert (found['verdict'], status) == (verdict, 4 if verdict == 'warning' else 0), found
    assert says in ' '.join(f['text'] for f in found['findings']) and len(found['findings']) == (verdict != 'ok')


def test_many_interrupts_that_are_moderated(tmp_path):
    """An interrupt a frame is right when frames are far between; the default VPort has no interrupts, and no VM."""
    c = Case(tmp_path)
    state(c.stats, 'interrupted')
    state(c.answers['stats.show']['vports'][0], 'polled')
    assert verdicts(c.run('notifications')[1]) == {'notifications': 'ok'}


def test_what_is_finished_for_a_wire(tmp_path):
    """AF_XDP leaves it to vmqd: so it is."""
    c = Case(tmp_path)
    state(c.wire, 'finished', sw_checksums=9, sw_segmented=8)
    status, result = c.run('offloads')
    [[f]] = [x['findings'] for x in result['checks']]
    assert status == 0 and f['verdict'] == 'note' and 'driver packet' in f['mend']
    assert f['text'].startswith('the wire of adapter ext0 does not take') and '9 checksums and 8 long frames were finished in software, of 30000 frames in' in f['text']


def test_what_the_wire_lost_before(tmp_path):
    c = Case(tmp_path)
    lost(c.wire, 'rx_too_long', 2, 1, 30, 'port')
    lost(c.wire, 'rx_runt', 2, 0, 200000, 'port')
    status, result = c.run('wire_loss')
    [[f]] = [x['findings'] for x in result['checks']]
    assert status == 0 and f['verdict'] == 'note' and 'wire eth1 lost 2 frames, the last 30 s ago: they were longer' in f['text']
    assert f['mend'] == 'ethtool -K eth1 gro off lro off, MTU 9000 at most'
    lost(c.wire, 'tx_dropped', 2, 1, 1, 'port')
    assert 'tc -s qdisc show dev eth1; tc -s filter show dev eth1 egress; else' in json.dumps(c.run('wire_loss'))


@pytest.mark.parametrize('lately,all_,last_s,verdict', [
    (3000, 6000, 9, 'note'), (3000, 6001, 0, 'ok'), (999, 999, 0, 'ok'), (3000, 3000, 10, 'ok'), (3000, 3000, None, 'ok')])
def test_what_comes_in_for_nobody(tmp_path, lately, all_, last_s, verdict):
    """A filter with the wrong VLAN, perhaps."""
    c = Case(tmp_path)
    lost(c.wire, 'rx_not_accepted', 9000, lately, last_s)
    c.wire['lately']['rx_frames'] = all_
    status, result = c.run('wire_loss')
    [found] = result['checks']
    assert (found['verdict'], status) == (verdict, 0)
    assert [f"adapter ext0: of {all_} frames that eth1 brought in the last 45 s {lately} are for nobody here" in f['text'] for f in found['findings']] == [True] * (verdict != 'ok')


@pytest.mark.parametrize('gid,verdict', [(900, 'ok'), (0, 'ok'), (7, 'warning')])
def test_a_group_that_vmqd_may_not_give_to(tmp_path, gid, verdict):
    """vmqd is user vmq: of its own group, a member of kvm (0 here), and of no other."""
    c = Case(tmp_path)
    c.files['etc/passwd'] += '\nvmq:x:900:900::/:/bin/false'
    c.files['etc/group'] = 'kvm:x:0:libvirt-qemu,vmq'
    c.daemon['vport_sockets'] = {'mode': '0660', 'gid': gid}
    [found] = [x for x in c.run()[1]['checks'] if x['check'] == 'vport_sockets']
    assert found['verdict'] == verdict and ('user vmq is not in the group (7)' in json.dumps(found)) == (verdict != 'ok')


def test_a_vm_that_runs_and_is_not_to_be_seen(tmp_path):
    """share=on forgotten, and QEMU's memory map cannot be read: not fine, and not said to be."""
    c = Case(tmp_path)
    c.vport.update(waits_for='a first receive buffer', peer_pid=0)
    found = {x['check']: x for x in c.run()[1]['checks']}
    assert (found['vm']['verdict'], found['memory']['verdict']) == ('warning', 'unknown')
    [one] = found['vm']['findings']
    assert 'waits for a first receive buffer' in one['text'] and 'share=on' in one['mend']


def test_what_the_file_says_meanwhile(tmp_path):
    """A file that is wrong, one that takes a restart, and one that cannot be seen."""
    c = Case(tmp_path)
    c.files['etc/vmq/vmqd.yaml'] = 'adapters: ['
    assert 'vmqd would not start with what the file says now: /etc/vmq/vmqd.yaml:2: not YAML' in str(c.run('drift'))
    c.files['etc/vmq/vmqd.yaml'] = 'cpus: [0]\nadapters:\n- {name: 3}'
    c.answers['config.diff'] = Error(-32602, 'adapters[0].name: 3 is not a name', field='adapters[0].name')
    status, result = c.run('drift')
    assert status == 4 and '/etc/vmq/vmqd.yaml:3: adapters[0].name: 3 is not a name' in str(result)
    c.answers['config.diff'] = {'same': False, 'restart': True, 'changes': [{'path': 'run_dir', 'change': 'restart'}, {'path': 'user', 'change': 'restart'}]}
    status, result = c.run('drift')
    assert status == 0 and 'in 2 members that are read at start only, as run_dir' in str(result)
    del c.files['etc/vmq/vmqd.yaml']
    os.unlink(c.root + '/etc/vmq/vmqd.yaml')
    assert verdicts(c.run('drift')[1]) == {'drift': 'unknown'}


@pytest.mark.parametrize('pid,tid,flags,cpu,busy,allowed,verdict', [
    (500, 501, 0x400040, 1, 40.0, '1', 'warning'),           # pinned there
    (500, 500, 0x400040, 1, 40.0, '0-3', 'note'), (500, 501, 0x400040, 1, 40.0, '', 'note'),  # it may run elsewhere
    (500, 501, 0x400040, 1, 4.0, '1', 'ok'),        # the worker has little to do
    (500, 501, 0x400040, 0, 40.0, '1', 'ok'),       # no worker's CPU
    (500, 500, 0x200040, 1, 40.0, '1', 'ok'),       # the kernel's own: what receives for the wire, too
    (77, 78, 0x400040, 1, 40.0, '1', 'ok'),         # vmqd
])
def test_somebody_else_on_a_workers_cpu(tmp_path, pid, tid, flags, cpu, busy, allowed, verdict):
    """A thread named like the hard ones to parse, which is given 60 % of a CPU."""
    c = Case(tmp_path)
    c.plan['workers'][0]['busy_pct'] = busy
    c.files[f'proc/{pid}/task/{tid}/status'] = f'Cpus_allowed_list:\t{allowed}' if allowed else ''
    path, began, over = f'{tmp_path}/proc/{pid}/task/{tid}/stat', time.monotonic(), threading.Event()
    os.makedirs(os.path.dirname(path))
    c.files[f'proc/{pid}/comm'] = 'cc1'

    def run_on():
        while not over.wait(0.005):
            ticks = int((time.monotonic() - began) * 60 * os.sysconf('SC_CLK_TCK') / 100)
            with open(path + '.new', 'w') as f:
                f.write(f'{tid} (a) S (9) R 1 1 1 0 -1 {flags} 0 0 0 0 {ticks} 7 0 0 20 0 2 0 99 0 0 1 0 0 0 0 0 0 0 0 0 0 0 0 17 {cpu} 0 0 0\n')
            os.replace(path + '.new', path)

    def look():
        [found] = c.run('cpu_others')[1]['checks']
        return found
    t = threading.Thread(target=run_on)
    t.start()
    try:
        if verdict != 'ok':
            procs.wait_for(lambda: look()['verdict'] == verdict, 20, verdict)
            [f] = procs.wait_for(lambda: look()['findings'], 20, 'a finding')
            assert re.match(rf"process {pid} \(cc1\) has \d+ % of the time of CPU 1, a worker's that has work: frames wait", f['text']) and f'taskset -acp OTHER-CPUS {pid};' in f['mend']
            assert ('vcpupin VM VCPU' if verdict == 'warning' else 'CPUAffinity=') in f['mend']
            c.files[f'{CPU}/online'] = '1'
            [f] = procs.wait_for(lambda: look()['findings'], 20, 'a finding')
            assert f['verdict'] == 'note' and f['mend'].startswith('fewer cpus: in vmqd.yaml than the 1 there are')
        assert verdict != 'ok' or look()['verdict'] == 'ok'
    finally:
        over.set()
        t.join()


@pytest.mark.parametrize('text', ['', '501', '501 (x)', '501 (x) R 1 1', '501 (x) R ' + '9' * 400, '501 (x) R ' + '99999999999999999999999 ' * 60,
                                  '501 (x) R' + ' 1' * 35 + ' 5000 0'])
def test_threads_that_cannot_be_read(tmp_path, text):
    c = Case(tmp_path)
    c.files['proc/500/task/501/stat'] = text
    c.files['proc/9x/task/1/stat'] = c.files['proc/self/stat'] = '1 (x) R'
    assert verdicts(c.run('cpu_others')[1]) == {'cpu_others': 'ok'}


def test_without_vmqd(tmp_path):
    """The host is looked at all the same; what needs vmqd is not known, and that is no fault of the host's."""
    c = Case(tmp_path)
    c.run()
    status, result = doctor('/nowhere/vmqd.sock', '--topology', str(tmp_path))
    needs = {name: needs for name, needs, _ in table()}
    got = verdicts(result)
    assert {k for k, v in got.items() if v == 'unknown'} == {k for k, n in needs.items() if n == 'DAEMON'}
    assert got['daemon'] == 'wrong' and got['kernel'] == 'ok' and status == 5
    [found] = [x for x in result['checks'] if x['check'] == 'daemon']
    assert 'does not answer' in found['findings'][0]['text'] and 'systemctl start vmqd' in found['findings'][0]['mend']


@pytest.mark.parametrize('change,verdict,says', [
    (lambda c: c.queue.update(rx_frames=9000), 'warning', 'takes nothing: its last receive buffer was filled 2 s ago, and it does not answer the interrupt'),
    (lambda c: (c.queue.update(rx_frames=9000), c.stats.update(rx_notifications=0)), 'warning', 'and it has never asked for an interrupt'),
    (lambda c: (c.queue.update(rx_frames=0), c.stats['lately'].pop('rx_last_s')), 'warning', 'has posted no receive buffer: '),
    # flat out: the moment that nothing was free in is over when it is told
    (lambda c: c.stats['lately'].update(rx_last_s=1), 'ok', ''), (lambda c: c.stats['lately'].update(rx_last_s=0), 'ok', ''),
    (lambda c: c.queue.update(rx_free=1), 'ok', ''), (lambda c: c.queue.pop('rx_free'), 'ok', ''), (lambda c: c.queue.update(state='no VM'), 'ok', '')])
def test_receive_rings_that_nobody_empties(tmp_path, change, verdict, says):
    c = Case(tmp_path)
    lost(c.stats, 'rx_no_buffer', 500, 500)
    c.stats['lately']['rx_last_s'] = 2
    c.queue.update(rx_free=0)
    change(c)
    found = {x['check']: x for x in c.run('buffers', 'guest_slow')[1]['checks']}
    assert found['buffers']['verdict'] == verdict and says in json.dumps(found['buffers'])
    assert ('its VM takes nothing at all' if says else 'its VM is too slow for them') in found['guest_slow']['findings'][0]['text']


def test_some_checks_and_text(tmp_path):
    c = Case(tmp_path)
    PROVOKED['ring'][3](c)
    status, result = c.run('link', 'ring')
    assert [x['check'] for x in result['checks']] == ['link', 'ring'] and status == 4
    with FakeVmqd(c.answers) as d:
        def text(*words):
            p = subprocess.run([daemon.program('vmqctl'), '--socket', d.path, '--topology', str(tmp_path), *words], capture_output=True,
                               text=True, timeout=60, env=vmqctl_env())
            return p.returncode, p.stdout, p.stderr
        status, out, _ = text('doctor', 'link', 'ring')
        assert status == 4 and out.startswith('warning: ring: VPort web1, queue 0: ') and '\n    mend: rx_queue_size' in out
        assert out.endswith('checks: 1 ok, 0 note, 1 warning, 0 wrong\n')
        assert text('-d', 'doctor', 'link')[1].startswith("ok: link: the wire's link is up\n")
        status, _, err = text('doctor', 'lnk')
        assert status == 2 and err.startswith('vmqctl: doctor has no check "lnk"; checks: daemon kernel ')
    out = procs.run([daemon.program('vmqctl'), 'complete', 'doctor', 'link', 'r'])
    assert {'ring', 'run_dir'} <= set(out.split()) and 'link' not in out.split()


@pytest.mark.parametrize('answer', [None, 3, [], {}, {'vports': 3}, {'vports': [3, None, {}, {'name': 7, 'features': 'x', 'filters': {}}]}],
                         ids=str)
def test_answers_of_the_wrong_shape(tmp_path, answer):
    """A check stands whatever vmqd says; what is not there proves nothing."""
    c = Case(tmp_path)
    for method in c.answers:
        if method != 'version':
            c.answers[method] = copy.deepcopy(answer)
    status, result = c.run()
    assert status in (0, 4, 5) and len(result['checks']) == len(table())
    c.answers = healthy_answers()
    for method, key in (('switch.show', 'switches'), ('vport.show', 'vports'), ('filter.show', 'filters'), ('queue.show', 'queues'),
                        ('stats.show', 'wires'), ('cpu.plan.show', 'findings'), ('daemon.show', 'adapters')):
        c.answers[method][key] = [{}, 'x', [], {'port': 3, 'host': [], 'drops': 'x', 'mac': 5, 'vlan': {}, 'name': None}]
    assert len(c.run()[1]['checks']) == len(table())


def test_a_real_switch(lab):
    """On this host, as it is: what was provoked is told, with the kernel's own evidence."""
    x = lab(vports=[{'name': 'web1', 'mac': MAC}, {'name': 'bare'}], driver='packet')
    x.vm('web1')
    x.vmqd.call('vport.add', name='extra', mac='52:54:00:00:00:05')
    procs.run(['touch', '-d', '2001-01-01', x.vmqd.config_path])
    x.host_ns.run('ip', 'link', 'set', 'vmq0', 'mtu', '1400')
    x.far.run('ip', 'link', 'set', 'w0', 'down')
    procs.wait_for(lambda: not x.switch()['port']['link'], 10, 'the link to go down')
    status, out, err = x.vmqd.vmqctl('doctor', '--json', check=False)
    assert status == 5 and err == ''
    result = json.loads(out)
    got = verdicts(result)
    text = {c['check']: ' '.join(f['text'] for f in c['findings']) for c in result['checks']}
    assert got['link'] == 'wrong' and got['filters'] == 'warning' and 'bare' in text['filters']
    assert got['port_driver'] == 'note' and got['mtu'] == 'warning' and 'that of vmq0 is 1400' in text['mtu']
    assert got['config'] == 'note' and 'has changed since' in text['config']
    assert got['drift'] == 'note' and 'adapters[ext0].vports[extra]' in text['drift']
    assert got['sandbox'] != 'wrong' and got['version'] == got['run_dir'] == got['broken'] == got['memory'] == 'ok'
    assert (got['user'] == 'note') == (os.getuid() == 0)
    # From another network namespace than the devices' and by another socket: this process's own is not the switch's.
    assert 'unknown' not in {got[c] for c in ('mtu', 'lro', 'gro', 'host_address')}


def test_drops_that_were_mended(lab):
    """What a VM loses is a warning while it does, and without a restart no warning any more when the cause is gone."""
    x = lab(vports=[{'name': 'web1', 'mac': MAC}])
    vm = x.vm('web1')

    def look():
        [check] = json.loads(x.vmqd.vmqctl('doctor', '--json', 'drops', check=False)[1])['checks']
        return check['verdict'], ' '.join(f['text'] for f in check['findings'])

    def lose():
        for i in range(110):
            vm.send(frames.frame('02:00:00:00:00:77', MAC, i, 7))
        return look()[0] == 'warning'
    assert look() == ('ok', '')
    procs.wait_for(lose, 30, 'a warning')
    total = x.vmqd.stats('web1')['drops']['tx_vlan']
    assert re.search(rf'^web1 +tx_vlan +{total} +\d+ s ago$', x.vmqd.vmqctl('stats', 'show', 'web1'), re.M)
    # nothing more is sent: the switch sleeps, and the age grows all the same
    procs.wait_for(lambda: look()[0] == 'note', 30, 'the warning to become a note')
    verdict, text = look()
    assert verdict == 'note' and re.search(rf'web1 lost {total} of \d+ frames, the last \d+ s ago: .* \(tx_vlan\)', text)
    lately = x.vmqd.stats('web1')['lately']
    assert lately['drops']['tx_vlan']['last_s'] >= 10 and x.vmqd.stats('web1')['drops']['tx_vlan'] == total
    assert set(x.vmqd.wire()['lately']) == {'seconds', 'rx_frames', 'tx_frames', 'rx_notifications', 'sw_checksums', 'sw_segmented', 'drops', 'states', 'port'}


def udp(dst, port):
    """A UDP frame from this port, its checksum left to others (the header says so)."""
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether
    return bytes(Ether(src=MAC, dst=dst) / IP(src='10.0.0.1', dst='10.0.0.2') / UDP(sport=port, dport=9) / bytes(64))


def test_dear_frames_that_were_mended(lab):
    """A VM that takes no unfinished checksums, and one connection to a VM with two queue pairs, are told while it goes on. The
    VM's driver takes them then, and other connections come: it is past, without a restart, whatever the counters say."""
    db = '52:54:00:00:00:02'
    x = lab(vports=[{'name': 'web1', 'mac': MAC}, {'name': 'db1', 'mac': db, 'queue_pairs': 2}])
    web1 = x.vm('web1', features=vufront.MODERN | 1 << vufront.CSUM)
    unfinished = struct.pack('<BBHHHHH', 1, 0, 0, 0, 34, 6, 0)  # NEEDS_CSUM, from the UDP header on, stored in its third word

    def look():
        checks = json.loads(x.vmqd.vmqctl('doctor', '--json', 'offloads', 'rss', check=False)[1])['checks']
        return {c['check']: [(f['verdict'], f['text']) for f in c['findings']] for c in checks}

    def traffic(ports):
        flow = [udp(db, 1000 + n % ports) for n in range(100)]

        def send_and_look(expected):
            for _ in range(6):
                web1.send(flow, header=unfinished)
                web1.sent()
                for q in db1.queues[::2]:
                    db1.received(q)
            found = look()
            return {c: [v for v, _ in f] for c, f in found.items()} == expected and found
        return send_and_look
    db1 = x.vm('db1', pairs=2)
    assert look() == {'offloads': [], 'rss': []}
    send = traffic(1)
    procs.wait_for(lambda: send({'offloads': ['warning'], 'rss': ['note']}), 30, 'a warning')
    sums, pair = (look()[check][0][1] for check in ('offloads', 'rss'))
    assert re.search(r'^VPort db1 does not take .*: \d{4,} checksums and 0 long frames .* of \d{4,} frames in the last \d+ s$', sums), sums
    assert re.search(r'db1: of (\d{4,}) frames in the last \d+ s \1 came by one of its 2 queue pairs: ', pair), pair
    db1.close()
    x.vms.pop('db1')
    procs.wait_for(lambda: x.vmqd.vport('db1')['status'] == 'no VM', 10, 'the VM to leave')
    db1 = x.vm('db1', pairs=2, features=vufront.MODERN | 1 << vufront.GUEST_CSUM)
    send = traffic(40)
    procs.wait_for(lambda: send({'offloads': ['note'], 'rss': ['note']}) and 'last time' in look()['rss'][0][1], 30, 'what is past')
    sums, pair = (look()[check][0][1] for check in ('offloads', 'rss'))
    assert re.search(r'^VPort db1 did not take .* frames in all, the last time \d+ s ago$', sums), sums
    assert re.search(r'db1: of \d+ frames in all, the last time \d+ s ago \d+ came by one', pair), pair


def test_a_full_ring_and_a_full_ring_for_good(lab):
    """A VM that empties its ring more slowly than it is filled is not one that has stopped."""
    db = '52:54:00:00:00:02'
    x = lab(vports=[{'name': 'web1', 'mac': MAC}, {'name': 'db1', 'mac': db}])
    web1, db1 = x.vm('web1'), x.vm('db1')

    def fill():
        web1.send([frames.frame(db, MAC, n) for n in range(300)])
        web1.sent()
        found = json.loads(x.vmqd.vmqctl('doctor', '--json', 'buffers', 'guest_slow', check=False)[1])['checks']
        texts = {c['check']: ' '.join(f['text'] for f in c['findings']) for c in found}
        return texts['buffers'], texts['guest_slow']
    for _ in range(20):
        db1.received()
        began = time.monotonic()
        buffers, slow = fill()
        assert x.vmqd.queue('db1')['rx_free'] == 0
        if time.monotonic() - began < 1:  # else so busy a machine that it did look stopped
            assert buffers == '' and 'its VM is too slow for them' in slow
    procs.wait_for(lambda: 'its VM takes nothing: ' in fill()[0], 20, 'a VM that has stopped')
    assert 'its VM takes nothing at all' in fill()[1]


def test_a_hog_on_a_real_workers_cpu(tmp_path):
    """A wire that never ends keeps the worker busy; whoever is pinned beside it takes its time."""
    from scapy.utils import wrpcap
    wrpcap(f'{tmp_path}/in.pcap', [frames.frame(MAC, '02:00:00:00:00:99', i) for i in range(64)])
    cpu = daemon.cpus()[0]
    d = daemon.Vmqd({'cpus': [cpu], 'adapters': [{'name': 'ext0', 'port': {'driver': 'pcap', 'in': f'{tmp_path}/in.pcap', 'loop': True},
                                                  'host': {'device': 'vmq0'}, 'vports': [{'name': 'web1', 'mac': MAC}]}]}, netns=netns.NetNS('hog'))
    hog = procs.Process(['taskset', '-c', str(cpu), sys.executable, '-c', 'while True: pass'], 'hog')

    def found():
        p = subprocess.Popen(['taskset', '-c', str(cpu), daemon.program('vmqctl'), '--socket', d.socket, 'doctor', '--json', 'cpu_others'],
                             stdout=subprocess.PIPE, text=True)
        findings = [f for c in json.loads(p.communicate(timeout=60)[0])['checks'] for f in c['findings']]
        assert not [f for f in findings if f'process {p.pid} (' in f['text']], 'it is the doctor itself'
        return [f for f in findings if f'process {hog.pid} (' in f['text']]
    [f] = procs.wait_for(found, 30, 'the hog')
    assert f"of the time of CPU {cpu}, a worker's" in f['text'] and f['verdict'] == ('warning' if os.cpu_count() > 1 else 'note')
    assert os.cpu_count() == 1 or f['mend'].startswith(f'taskset -acp OTHER-CPUS {hog.pid}')
    hog.stop()
    assert not found()
    assert d.stop() == 0


def test_a_fallback_is_told(lab):
    """auto on a device AF_XDP does not take."""
    x = lab(driver='auto', mtu=6000)
    port = x.switch()['port']
    assert port['driver'] == 'packet' and 'MTU' in port['fallback']
    _, out, _ = x.vmqd.vmqctl('doctor', 'port_driver', check=False)
    assert port['fallback'] in out


def test_the_manual_has_every_check():
    with open(f'{ROOT}/docs/man/vmqctl.1.scd') as f:
        page = f.read().split('## doctor:', 1)[1].split('\n## ', 1)[0]
    assert re.findall(r'^\t- \*(\w+)\*: (.*)$', page, re.M) == [(name, looks) for name, _, looks in table()]
