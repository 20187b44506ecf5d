# SPDX-License-Identifier: BSD-3-Clause
"""CPU plans of a running vmqd: judged against hosts that don't exist, applied under traffic, and made by vmqd itself."""
import os
import re

import pytest

from test_filters import Sender
from vmqtest import daemon, frames, netns, procs
from vmqtest.rpc import RpcError

A, B = '52:54:00:00:00:01', '52:54:00:00:00:02'
FAR = '52:54:00:00:0f:01'

needs_two = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason='needs two CPUs')


def write_tree(root, files):
    for path, text in files.items():
        os.makedirs(os.path.dirname(f'{root}/{path}'), exist_ok=True)
        with open(f'{root}/{path}', 'w') as f:
            f.write(text + '\n')


def bad_host(pid, cpus, peer):
    """Two CPUs that are one core, on different nodes; the first isolated; a quota; a VM pinned to the second."""
    a, b = cpus
    cpu = 'sys/devices/system/cpu'
    node = 'sys/devices/system/node'
    return {
        f'{cpu}/present': '0-7', f'{cpu}/online': '0-7', f'{cpu}/isolated': str(a),
        f'{cpu}/cpu{a}/topology/thread_siblings_list': f'{a},{b}', f'{cpu}/cpu{b}/topology/thread_siblings_list': f'{a},{b}',
        f'{node}/online': '0-1', f'{node}/node0/cpulist': str(a), f'{node}/node1/cpulist': str(b),
        f'{node}/node0/distance': '10 21', f'{node}/node1/distance': '21 10',
        'sys/class/net/p0/device/numa_node': '0',
        f'proc/{pid}/cgroup': '0::/vmqd', 'sys/fs/cgroup/vmqd/cpu.max': '150000 100000',
        f'proc/{pid}/status': f'Cpus_allowed_list:\t{a}-{b}',
        f'proc/{peer}/task/5/comm': 'CPU 0/KVM', f'proc/{peer}/task/5/status': f'Cpus_allowed_list:\t{b}',
        f'proc/{peer}/numa_maps': '7f00 default file=/memfd:ram N0=4096 kernelpagesize_kB=4',
    }


@needs_two
def test_a_bad_host_is_told_by_name(lab, tmp_path):
    x = lab(vports=[{'name': 'a', 'mac': A, 'cpu': daemon.cpus()[0]}, {'name': 'b', 'mac': B, 'cpu': daemon.cpus()[1]}])
    x.plug('a', 'b')
    first, second = x.cpus
    d = x.vmqd
    write_tree(tmp_path, bad_host(d.call('version')['pid'], x.cpus, d.vport('a')['peer_pid']))
    show = d.vmqctl_json('--topology', str(tmp_path), 'cpu', 'plan', 'show')
    found = {f['check']: f for f in show['findings']}
    assert found.keys() >= {'siblings', 'numa_memory', 'not_isolated', 'quota', 'vcpu'}
    assert {f['verdict'] for f in show['findings']} == {'warning'}  # it is so already
    assert 'distance of 21' in found['numa_memory']['text'] and found['numa_memory']['cpu'] == second
    # To go where a VM's processor is pinned is refused, and nothing is done: not the other move either.
    status, _, err = d.vmqctl('--topology', str(tmp_path), 'cpu', 'plan', 'apply', 'moves', f'a={second},b={first}', check=False)
    assert status == 1 and err.startswith('vmqctl: vcpu: ') and 'virtual processor 0' in err
    assert (d.vport('a')['cpu'], d.vport('b')['cpu']) == (first, second)
    check = d.vmqctl_json('--topology', str(tmp_path), 'cpu', 'plan', 'check', 'moves', f'a={second}')
    assert check['refused'] and [f['check'] for f in check['findings'] if f['verdict'] == 'refused'] == ['vcpu']
    # Its own idea leaves that CPU; a person's choice of it only when asked to.
    assert d.vmqctl_json('--topology', str(tmp_path), 'cpu', 'plan', 'check')['moves'] == []
    moves = d.vmqctl_json('--topology', str(tmp_path), 'cpu', 'plan', 'apply', 'all', 'on')['moves']
    assert [(m['vport'], m['from'], m['to']) for m in moves] == [('b', second, first)]
    assert d.vport('b')['cpu'] == first
    d.vmqctl('cpu', 'auto', 'undo')
    assert d.vport('b')['cpu'] == second


DOMAIN = """<domain type='kvm'><name>web</name>{vcpu}
  <cputune>{pins}</cputune><numatune><memory mode='strict' nodeset='{node}'/></numatune>
  <devices><interface type='vhostuser'><source type='unix' path='{socket}' mode='client'/></interface>
  <interface type='network'><source network='default'/></interface></devices></domain>"""


def domain(socket, cpus, node=0, vcpu='<vcpu>2</vcpu>', wrap='{}'):
    """A file of libvirt's; cpus: of each virtual processor."""
    pins = ''.join(f"<vcpupin vcpu='{i}' cpuset='{c}'/>" for i, c in enumerate(cpus))
    return wrap.format(DOMAIN.format(vcpu=vcpu, pins=pins, node=node, socket=socket))


@needs_two
def test_pins_are_libvirts_before_the_vm_runs(lab, tmp_path):
    x = lab(vports=[{'name': n, 'mac': m, 'cpu': c} for n, m, c in zip('ab', (A, B), daemon.cpus())])
    first, second = x.cpus
    d = x.vmqd
    run, etc = 'run/libvirt/qemu/web.xml', 'etc/libvirt/qemu/web.xml'
    host = {k: v for k, v in bad_host(d.call('version')['pid'], x.cpus, 0).items() if k.startswith('sys/')}

    def pinned(**files):
        """{CPU: whose processor is pinned to it} of a host with these files."""
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        write_tree(root, {**host, **{{'run': run, 'etc': etc}.get(k, k): v for k, v in files.items()}})
        found = d.vmqctl_json('--topology', str(root), 'cpu', 'plan', 'show')['findings']
        return {f['cpu']: re.search(r'virtual processor (\d+) of VM \S* ?(\w+)|$', f['text']).group(0) or f['text']
                for f in found if f['check'] == 'vcpu'}
    assert pinned() == {}
    at = d.path('a')
    said = pinned(etc=domain(at, [second, 5]))
    assert list(said) == [second]
    # the file of the running domain counts before that of its definition
    assert list(pinned(etc=domain(at, [second]), run=domain(at, [first], wrap='<domstatus state="running" pid="7">{}</domstatus>'))) == [first]
    # a set for all, one taken out of it, one of them elsewhere
    both = f'<vcpu cpuset="{first}-{second},^{first}">2</vcpu>' if first < second else f'<vcpu cpuset="{second}">2</vcpu>'
    assert list(pinned(etc=domain(at, [], vcpu=both))) == [second]
    assert pinned(etc=domain(at, [5, 6], vcpu=both)) == {}
    # somebody else's domain, and what is no domain
    assert pinned(etc=domain('/run/other.sock', [second])) == {}
    for bad in ('', '<', '<domain', '\0', domain(at, ['x']), domain(at, ['']), domain(at, ['99999']), domain(at, [second]).replace("vcpu='0'", "vcpu='-1'"),
                domain(at, [second]).replace("vcpu='0'", "vcpu='999999999999'"),
                f'<!DOCTYPE domain [<!ENTITY cpu "{second}">]>' + domain(at, ['&cpu;'])):
        assert pinned(etc=bad) == {}, bad
    # a running process that shows its processors knows better
    x.plug('a')
    peer = d.vport('a')['peer_pid']
    assert pinned(etc=domain(at, [second]), **{f'proc/{peer}/task/5/comm': 'CPU 0/KVM', f'proc/{peer}/task/5/status': 'Cpus_allowed_list:\t6'}) == {}


@needs_two
def test_a_bad_place_is_never_silent(lab, tmp_path):
    """Who names a CPU is told what is wrong with it: in the log at the start, by vmqctl later; and a VPort is where he wants it."""
    x = lab(vports=[{'name': 'a', 'mac': A, 'queue_pairs': 16}, {'name': 'b', 'mac': B}])
    d, (_, second) = x.vmqd, x.cpus
    assert 'CPUs: queues: VPort a has 16 queue pairs' in d.proc.log()
    x.plug('b')
    write_tree(tmp_path, bad_host(d.call('version')['pid'], x.cpus, d.vport('b')['peer_pid']))
    status, out, err = d.vmqctl('--topology', str(tmp_path), 'vport', 'set', 'b', 'cpu', str(second), check=False)
    assert status == 0 and f'cpu {second}' in out and d.vport('b')['cpu'] == second
    assert {line.split(': ')[2] for line in err.splitlines()} >= {'vcpu', 'numa_memory', 'not_isolated'}
    assert all(line.startswith('vmqctl: warning: ') for line in err.splitlines())
    status, _, err = d.vmqctl('--topology', str(tmp_path), 'vport', 'set', 'b', 'moderation', 'low', check=False)
    assert (status, err) == (0, '')


@needs_two
def test_a_plan_is_applied_under_traffic_and_undone(lab):
    """Two VPorts change places, again and again: nothing is lost, nothing changes its order."""
    x = lab(vports=[{'name': 'a', 'mac': A}, {'name': 'b', 'mac': B}])
    a, b = x.plug('a', 'b')
    d = x.vmqd
    before = {n: d.vport(n)['cpu'] for n in 'ab'}
    s = Sender(lambda numbers: a.send([frames.frame(B, A, n) for n in numbers]), [b])
    turns = 0
    while s.next < 3000:
        s.turn()
        if s.next // 50 > turns:
            turns += 1
            to = dict(zip('ab', x.cpus if turns % 2 else reversed(x.cpus)))
            moves = [{'vport': n, 'cpu': c} for n, c in to.items() if d.vport(n)['cpu'] != c]
            if moves:
                assert len(d.call('cpu.plan.apply', moves=moves)['moves']) == len(moves)
    s.finish()
    assert turns > 20 and {n: d.vport(n)['cpu'] for n in 'ab'} == to
    now = [n for n in 'ab' if to[n] != before[n]]
    assert [d.vport(n)['cpu_auto'] for n in now] == [False] * len(now)  # somebody asked for it
    undone = d.call('cpu.auto.undo')['moves']
    assert sorted(m['vport'] for m in undone) == now and {m['reason'] for m in undone} <= {'it was there before it was moved'}
    assert {n: (d.vport(n)['cpu'], d.vport(n)['cpu_auto']) for n in 'ab'} == {n: (c, True) for n, c in before.items()}
    first = d.call('cpu.auto.show')['moves'][0]
    assert (first['cause'], first['reason']) == ('plan', 'somebody asked for it')


def test_a_move_is_an_event(lab):
    x = lab(vports=[{'name': 'a', 'mac': A, 'cpu': daemon.cpus()[0]}])
    if len(x.cpus) < 2:
        pytest.skip('needs two CPUs')
    monitor = x.vmqd.connect()
    monitor.call('monitor.start')
    x.vmqd.call('cpu.plan.apply', moves=[{'vport': 'a', 'cpu': x.cpus[1]}])
    e = monitor.event(30)
    while e['event'] != 'vport_moved':
        e = monitor.event(30)
    assert (e['vport'], e['from'], e['to'], e['cause']) == ('a', *x.cpus, 'plan') and e['reason']


@needs_two
def test_an_overloaded_worker_gives_a_vport_away(tmp_path):
    """A wire that never ends and a host that takes all of it, on one CPU: the host's VPort goes to the other, by itself."""
    from scapy.utils import wrpcap
    wrpcap(f'{tmp_path}/in.pcap', [frames.frame(A, FAR, i) for i in range(64)])
    first, second = daemon.cpus()
    ns = netns.NetNS('auto')
    d = daemon.Vmqd({'cpus': [first, second],
                     'adapters': [{'name': 'ext0', 'port': {'driver': 'pcap', 'in': f'{tmp_path}/in.pcap', 'loop': True, 'cpu': first},
                                   'host': {'device': 'vmq0'}}]}, netns=ns)
    assert 'ext0 (wire), default' in d.vmqctl('cpu')  # capture files have no device's name
    d.call('cpu.auto.set', on=False)
    ns.run('ip', 'link', 'set', 'vmq0', 'up', 'promisc', 'on')
    default = lambda: d.call('vport.show', name='default')['vports'][0]  # noqa: E731
    assert default()['cpu'] == first and default()['cpu_auto']
    d.call('cpu.auto.set', on=True)
    procs.wait_for(lambda: default()['cpu'] == second, 60, 'the move of the overloaded VPort')
    [move] = d.call('cpu.auto.show')['moves']
    assert (move['vport'], move['cause'], move['from'], move['to']) == ('default', 'auto', first, second)
    assert f'CPU {first} is busy' in move['reason'] and move['reason'] in d.vmqctl('cpu', 'auto', 'log')
    d.call('cpu.auto.set', on=False)
    assert d.call('cpu.auto.undo')['moves'][0]['to'] == first
    assert default()['cpu'] == first
    # what a person says stays
    d.call('vport.set', name='default', cpu=first)
    assert d.call('cpu.auto.once')['moves'] == []
    assert d.stop() == 0


WRONG = [
    ({'host': []}, 'host'),
    ({'host': {}}, 'host.cpus'),
    ({'host': {'cpus': [{'cpu': 1024}]}}, 'host.cpus[0].cpu'),
    ({'host': {'cpus': [{'cpu': 0, 'node': 64}]}}, 'host.cpus[0].node'),
    ({'host': {'cpus': [{'cpu': 0}], 'distances': [[9]]}}, 'host.distances'),
    ({'host': {'cpus': [{'cpu': 0}], 'distances': 3}}, 'host.distances'),
    ({'host': {'cpus': [{'cpu': 0}], 'quota_pct': 0}}, 'host.quota_pct'),
    ({'host': {'cpus': [{'cpu': 0}], 'allowed': '3-1'}}, 'host.allowed'),
    ({'host': {'cpus': [{'cpu': 0}], 'nonsense': 1}}, 'host.nonsense'),
    ({'host': {'cpus': [{'cpu': 0}], 'devices': [{'device': 'x'}]}}, 'host.devices[0].node'),
    ({'host': {'cpus': [{'cpu': 0}], 'guests': [{'vport': 'a', 'vcpus': [{'vcpu': 0, 'cpus': 'x'}]}]}}, 'host.guests[0].vcpus[0].cpus'),
    ({'moves': []}, 'moves'),
    ({'moves': [{'vport': 'a'}]}, 'moves[0].cpu'),
    ({'moves': [{'vport': 'a', 'cpu': -1}]}, 'moves[0].cpu'),
    ({'moves': [{'vport': 'nobody', 'cpu': 0}]}, 'vport'),
    ({'moves': [{'vport': 'a', 'cpu': 900}, {'vport': 'a', 'cpu': 901}]}, 'moves[1].vport'),
    ({'moves': [{'vport': 'a', 'cpu': 900}], 'all': True}, 'all'),
    ({'moves': [{'vport': 'a', 'cpu': 900}]}, 'no_worker'),
]


def test_wrong_parameters_are_named(lab):
    d = lab(vports=[{'name': 'a', 'mac': A}]).vmqd
    for params, field in WRONG:
        with pytest.raises(RpcError) as refused:
            d.call('cpu.plan.apply', **params)
        assert refused.value.field == field, (params, refused.value)
    assert d.call('cpu.auto.show')['moves'] == []


def test_automatic_placement_can_be_configured_away(lab):
    x = lab(start=False)
    procs.run(['sed', '-i', '1i cpu_auto: false', x.vmqd.config_path])
    x.start()
    assert x.vmqd.vmqctl('cpu', 'auto') == 'automatic placement: off\n'
    assert x.vmqd.vmqctl('cpu', 'auto', 'on') == 'automatic placement: on\n'
