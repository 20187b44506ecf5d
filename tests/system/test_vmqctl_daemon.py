# SPDX-License-Identifier: BSD-3-Clause
"""vmqctl and libvmq against the real vmqd: what the command line says is what the daemon holds, and what is refused
changes nothing."""
import json
import os
import re
import select
import signal
import subprocess

import pytest

from vmqtest import daemon, netns, procs
from vmqtest.daemon import BUILD, ROOT, program
from vmqtest.frames import frame
from vmqtest.rpc import RpcError

WEB1, WEB2, FAR = '52:54:00:00:00:01', '52:54:00:00:00:02', '52:54:00:00:0f:01'


def state(d):
    return d.vmqctl_json('vport', 'show'), d.vmqctl_json('filter', 'show')


def rows(text):
    """A table as a list of dictionaries; cells may not contain two blanks in a row."""
    header, *lines = [line for line in text.splitlines() if line]
    return [dict(zip(header.split(), line.split())) for line in lines]


def test_json_is_what_the_socket_says(lab):
    d = lab(vports=[{'name': 'web1', 'mac': WEB1, 'vlan': 100}]).vmqd
    for words, method in (('vport', 'vport.show'), ('filter', 'filter.show'), ('switch', 'switch.show')):
        assert d.vmqctl_json(words) == d.call(method)
    assert d.vmqctl_json('queue', 'web1')['queues'][0].keys() == d.call('queue.show')['queues'][0].keys()
    assert set(d.vmqctl_json('stats')) == {'vports', 'wires', 'workers'}
    version = d.vmqctl('version').splitlines()
    assert version[1].startswith(f'vmqd {d.call("version")["version"]}, pid {d.proc.pid}, ')


def test_a_vport_from_add_to_del(lab):
    d = lab().vmqd
    before = state(d)
    cpu = str(d.call('stats.show')['workers'][-1]['cpu'])
    out = d.vmqctl('vport', 'add', 'web1', 'mac', WEB1, 'vlan', '100', 'cpu', cpu, 'socket', d.path('w'),
                   'moderation', 'low')
    assert f'    socket {d.path("w")} socket_mode server\n' in out
    assert os.path.exists(d.path('w'))
    v = d.vport('web1')
    assert (v['cpu'], v['moderation'], v['socket']) == (int(cpu), 'low', d.path('w'))
    (row,) = [r for r in rows(d.vmqctl('vport')) if r['NAME'] == 'web1']
    assert (row['ID'], row['CPU'], row['MODERATION'], row['FILTERS']) == (str(v['id']), cpu, 'low', str(v['filters']))
    (row,) = rows(d.vmqctl('queue', 'web1'))
    assert (row['NAME'], row['MAC'], row['VLAN'], row['CPU']) == ('web1', WEB1, '100', cpu)

    d.vmqctl('vport', 'set', 'web1', 'new_name', 'web9', 'moderation', 'high', 'source_check', 'on')
    v = d.vport('web9')
    assert (v['moderation'], v['source_check'], v['vlan_check']) == ('high', True, True)

    assert d.vmqctl('vport', 'del', 'web9') == ''
    assert not os.path.exists(d.path('w'))
    assert state(d) == before


def test_filters_from_add_to_del(lab):
    d = lab(vports=[{'name': 'web1', 'mac': WEB1}, {'name': 'web2', 'mac': WEB2, 'broadcast': False}]).vmqd
    made = rows(d.vmqctl('filter', 'add', 'web1', 'mac', '52:54:00:00:00:11', 'vlan', '7', 'broadcast', 'off'))
    assert [(r['MAC'], r['VLAN'], r['NAME']) for r in made] == [('52:54:00:00:00:11', '7', 'web1')]
    number = made[0]['ID']
    moved = rows(d.vmqctl('filter', 'move', number, 'to', 'web2'))
    assert [(r['ID'], r['NAME']) for r in moved] == [(number, 'web2')]
    assert number in [r['ID'] for r in rows(d.vmqctl('filter', 'show', 'web2'))]
    assert d.vmqctl('filter', 'del', number) == ''
    assert number not in [r['ID'] for r in rows(d.vmqctl('filter'))]


REFUSED = [
    ('vport add web1', 'name'),
    ('vport add web/3', 'name'),
    ('vport add new mac 52:54:00:00:00', 'mac'),
    ('vport add new mac 52:54:00:00:00:33 vlan 4095', 'vlan'),
    ('vport add new mac 52:54:00:00:00:33 vlan 0', 'vlan'),
    ('vport add new mac 52:54:00:00:00:33 vlan some', 'vlan'),
    ('vport add new cpu 4711', 'cpu'),
    ('vport add new cpu first', 'cpu'),
    ('vport add new queue_pairs 0', 'queue_pairs'),
    ('vport add new moderation much', 'moderation'),
    ('vport add new socket relative.sock', 'socket'),
    ('vport add new socket_mode both', 'socket_mode'),
    ('vport add new source_check perhaps', 'source_check'),
    ('vport add new adapter ext9', 'adapter'),
    ('vport set nobody cpu 0', 'name'),
    ('vport set web1 new_name web2', 'new_name'),
    ('vport set web1 active off', 'active'),
    ('vport del nobody', 'name'),
    ('vport del default', None),
    ('filter add nobody mac 52:54:00:00:00:33', 'vport'),
    ('filter add web2 mac 52:54:00:00:00:01', 'mac'),
    ('filter add web1 mac zz', 'mac'),
    ('filter del 65000', 'id'),
    ('filter del first', 'id'),
    ('filter move 65000 to web1', 'id'),
    ('filter move 1 to nobody', 'to'),
    ('queue show nobody', 'vport'),
    ('explain from nobody dst 52:54:00:00:00:01', 'from'),
    ('explain from wire dst 52:54', 'dst'),
    ('explain from wire dst 52:54:00:00:00:01 vlan 4095', 'vlan'),
    ('explain from wire dst 52:54:00:00:00:01 priority 8', 'priority'),
]


def test_refusals_name_the_field_and_change_nothing(lab):
    d = lab(vports=[{'name': 'web1', 'mac': WEB1}, {'name': 'web2', 'mac': WEB2}]).vmqd
    before = state(d)
    wrong = []
    for command, field in REFUSED:
        status, out, err = d.vmqctl(*command.split(), check=False)
        error = json.loads(d.vmqctl('-j', *command.split(), check=False)[1])['error']
        if (status, out) != (1, '') or not err.startswith('vmqctl: ') or error['data'].get('field') != field or \
                (field and not err.startswith(f'vmqctl: {field}')):
            wrong.append((command, status, out, err, error))
        if state(d) != before:
            wrong.append((command, 'changed something'))
            before = state(d)
    assert not wrong, '\n'.join(map(str, wrong))


def test_the_man_pages_examples(lab):
    """Each example of vmqctl(1), in its order; only the paths and CPU numbers are this machine's."""
    x = lab()
    d = x.vmqd
    with open(os.path.join(ROOT, 'docs/man/vmqctl.1.scd')) as f:
        examples = re.findall(r'^vmqctl (.*)$', f.read().partition('# EXAMPLES')[2], re.M)
    assert len(examples) >= 10
    for e in examples:
        e = e.replace('/run/vmq', d.dir).replace('cpu 1', f'cpu {x.cpus[-1]}').replace('cpu 0', f'cpu {x.cpus[0]}')
        if e.split()[0] in ('capture', 'trace'):
            p = subprocess.Popen([program('vmqctl'), '--socket', d.socket, *e.split()], stderr=subprocess.PIPE, text=True)
            procs.wait_for(lambda c=e.split()[0]: c == 'trace' or os.path.exists(d.dir + '/web1.pcapng'), 30, e)
            procs.wait_for(lambda: 'SigCgt:\t0000000000004002' in open(f'/proc/{p.pid}/status').read(), 30, 'its signals')  # TERM and INT
            p.send_signal(signal.SIGINT)
            assert 'frames c' in p.communicate(timeout=20)[1] and p.returncode == 0
        elif 'watch' in e:
            p = subprocess.Popen([program('vmqctl'), '--socket', d.socket, *e.split()], stdout=subprocess.PIPE,
                                 text=True)
            assert p.stdout.readline().startswith('QUEUE ')
            p.send_signal(signal.SIGINT)
            p.communicate(timeout=20)
            assert p.returncode == 0
        else:
            d.vmqctl(*e.split())
    assert (d.vport('web1')['cpu'], d.vport('web1')['moderation']) == (x.cpus[0], 'low')
    assert d.call('filter.show', vport='web2')['filters'][0]['mac'] == WEB1


def test_counters_of_real_frames(lab):
    x = lab(vports=[{'name': 'web1', 'mac': WEB1}, {'name': 'web2', 'mac': WEB2}])
    vm = x.vm('web1')
    for i in range(10):
        x.wire.send(frame(WEB1, FAR, i))
    for i in range(4):
        x.wire.send(frame(WEB2, FAR, i))
    vm.send(frame(FAR, WEB1, 1))
    assert len(x.everywhere(10)['web1']) == 10
    by_name = {r['NAME']: r for r in rows(x.vmqd.vmqctl('queue'))}
    assert by_name['web1']['STATE'] == 'running'
    assert (by_name['web1']['RX-FRAMES'], by_name['web1']['TX-FRAMES']) == ('10', '1')
    drops = x.vmqd.vmqctl('stats').split('DROPPED-AT')[1].split('\n\n')[0]
    assert re.search(r'^web2 +rx_not_connected +4 +\d+ s ago$', drops, re.M)


def test_explain_says_where_a_frame_went(lab):
    d = lab(vports=[{'name': 'web1', 'mac': WEB1, 'vlan': 100}]).vmqd
    assert 'for VPort web1' in d.vmqctl('explain', 'from', 'wire', 'dst', WEB1, 'vlan', '100')
    assert 'for VPort web1' not in d.vmqctl('explain', 'from', 'wire', 'dst', WEB1, 'vlan', '101')
    text = d.vmqctl('-d', 'explain', 'from', 'web1', 'dst', FAR)
    assert {r['FATE'] for r in rows(text[text.index('FATE'):])} == {'deliver', 'wire'}


def test_monitor_shows_what_happens(lab):
    d = lab().vmqd
    p = subprocess.Popen([program('vmqctl'), '--socket', d.socket, '-j', 'monitor'], stdout=subprocess.PIPE, text=True)
    try:
        # The monitor is known to listen when it reports something; so there is something until it does.
        first = None
        for i in range(200):
            d.vmqctl('vport', 'add', f'probe{i}')
            d.vmqctl('vport', 'del', f'probe{i}')
            if select.select([p.stdout], [], [], 0.2)[0]:
                first = json.loads(p.stdout.readline())
                break
        assert first and first['event'] in ('vport_added', 'vport_deleted') and first['adapter'] == 'ext0'
        d.vmqctl('vport', 'add', 'web1', 'mac', WEB1, 'broadcast', 'off')
        number = str(d.call('filter.show', vport='web1')['filters'][0]['id'])
        d.vmqctl('vport', 'add', 'web2')
        d.vmqctl('filter', 'move', number, 'to', 'web2')
        d.vmqctl('filter', 'del', number)
        d.vmqctl('vport', 'del', 'web1')
        seen = []
        while ('vport_deleted', 'web1') not in seen:
            e = json.loads(p.stdout.readline())
            seen.append((e['event'], e['vport']))
        for expected in (('vport_added', 'web1'), ('filter_set', 'web1'), ('vport_added', 'web2'),
                         ('vport_deleted', 'web1')):
            assert expected in seen
        assert {'filter_moved', 'filter_cleared'} <= {name for name, _ in seen}
    finally:
        p.send_signal(signal.SIGINT)
        p.communicate(timeout=20)
    assert p.returncode == 0


def test_monitor_and_watch_end_with_the_daemon(lab):
    d = lab().vmqd
    monitor = subprocess.Popen([program('vmqctl'), '--socket', d.socket, 'monitor'], stderr=subprocess.PIPE, text=True,
                               stdout=subprocess.DEVNULL)
    watch = subprocess.Popen([program('vmqctl'), '--socket', d.socket, 'queue', 'watch', '0.1'], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
    assert watch.stdout.readline().startswith('QUEUE ')
    assert d.stop() == 0
    for p in (monitor, watch):
        _, err = p.communicate(timeout=20)
        assert p.returncode == 3, err
        assert re.fullmatch(r'vmqctl: (vmqd closed the connection|cannot connect to .*)\n', err)
    assert d.vmqctl('queue', check=False)[0] == 3


def test_completion_knows_the_daemons_names(lab):
    d = lab(vports=[{'name': 'web1', 'mac': WEB1}]).vmqd

    def complete(*words):
        return subprocess.run([program('vmqctl'), 'complete', '--socket', d.socket, *words], capture_output=True,
                              text=True, timeout=30).stdout.split()
    assert complete('vport', 'del', '') == ['default', 'web1']
    assert complete('filter', 'del', '') == [str(f['id']) for f in d.call('filter.show')['filters']]
    assert complete('switch', 'show', 'e') == ['ext0']


def test_example_enumerates_vports(lab):
    """By the contract's binary structures, the same VPorts as by name."""
    d = lab(vports=[{'name': 'web1', 'mac': WEB1}, {'name': 'web2', 'mac': WEB2, 'queue_pairs': 2}]).vmqd
    p = subprocess.run([os.path.join(BUILD, 'examples/oid_enum_vports')], capture_output=True, text=True, timeout=30,
                       env=dict(os.environ, VMQ_SOCKET=d.socket))
    assert (p.returncode, p.stderr) == (0, '')
    cpus = [w['cpu'] for w in d.call('stats.show')['workers']]

    def affinity(v):
        """Queue pairs are spread over the VPort's CPU and the workers listed behind it."""
        first = cpus.index(v['cpu'])
        return sum(1 << cpus[(first + i) % len(cpus)] for i in range(min(v['queue_pairs'], len(cpus))))
    expected = [f'VPortId {v["id"]} name {v["name"]} function 0xffff state {1 if v["state"] == "activated" else 2} '
                f'queue pairs {v["queue_pairs"]} affinity {affinity(v):#x} filters {v["filters"]}'
                for v in d.call('vport.show')['vports']]
    assert len(expected) == 3
    assert p.stdout.splitlines() == expected


def test_several_adapters():
    ns = netns.NetNS('sw')
    d = daemon.Vmqd({'adapters': [{'name': n, 'port': {'driver': 'pcap'}} for n in ('ext0', 'ext1')]}, netns=ns)
    status, _, err = d.vmqctl('vport', 'add', 'web1', check=False)
    assert status == 1 and err.startswith('vmqctl: adapter: ')
    d.vmqctl('vport', 'add', 'web1', 'mac', WEB1, 'adapter', 'ext0')
    d.vmqctl('vport', 'add', 'web2', 'mac', WEB1, 'adapter', 'ext1')
    assert [(r['NAME'], r['ADAPTER']) for r in rows(d.vmqctl('queue'))] == \
        [('default', 'ext0'), ('web1', 'ext0'), ('default', 'ext1'), ('web2', 'ext1')]
    assert [r['NAME'] for r in rows(d.vmqctl('queue', 'show', 'adapter', 'ext1'))] == ['default', 'web2']
    assert d.vmqctl('vport', 'set', 'default', 'moderation', 'low', check=False)[0] == 1
    d.vmqctl('vport', 'set', 'default', 'adapter', 'ext1', 'moderation', 'low')
    assert [r['MODERATION'] for r in rows(d.vmqctl('vport')) if r['NAME'] == 'default'] == ['adaptive', 'low']
    for table in ('vport', 'filter', 'stats'):
        assert 'ADAPTER' in d.vmqctl(table).splitlines()[0]
    assert d.stop() == 0


# verb: its method, the parameter its NAME is, what the daemon wants to see before it looks at unknown parameters
VERBS = {
    'vport add X': ('vport.add', 'name', {'name': 'new'}),
    'vport set X': ('vport.set', 'name', {'name': 'web1'}),
    'vport del X': ('vport.del', 'name', {'name': 'web1'}),
    'vport show X': ('vport.show', 'name', {}),
    'vf show': ('vf.show', None, {}),
    'filter add X': ('filter.add', 'vport', {'vport': 'web1', 'mac': WEB2}),
    'filter del X': ('filter.del', 'id', {'id': 1}),
    'filter move X': ('filter.move', 'id', {'id': 1, 'to': 'web1'}),
    'filter show X': ('filter.show', 'vport', {}),
    'queue show X': ('queue.show', 'vport', {}),
    'switch show X': ('switch.show', 'adapter', {}),
    'vmq show': ('switch.show', None, {}),
    'vmq sriov': ('switch.show', None, {}),
    'stats show X': ('stats.show', 'vport', {}),
    'worker show': ('worker.show', None, {}),
    'worker set X': ('worker.set', 'cpu', {'cpu': 0, 'policy': 'poll'}),
    'capture X': ('capture.start', 'vport', {}),
    'trace X': ('trace.start', 'vport', {}),
    'explain': ('explain', None, {'from': 'wire', 'dst': WEB1}),
    'migrate export X': ('migrate.export', 'name', {'name': 'web1'}),
    'migrate check X': ('migrate.check', 'vport', {'vport': {}}),
    'migrate import X': ('migrate.import', 'vport', {'vport': {}}),
    'config diff X': ('config.diff', 'config', {'config': {}}),
    'cpu plan check': ('cpu.plan.check', 'host', {}),
    'drain': ('drain', None, {}),
    'version': ('version', None, {}),
    'drain': ('drain', None, {}),
    'monitor': ('monitor.start', None, {}),
}


def test_keys_are_the_daemons_parameters(lab):
    """Every parameter the daemon knows can be given on the command line, and no other."""
    d = lab(vports=[{'name': 'web1', 'mac': WEB1}]).vmqd
    for command, (method, subject, required) in VERBS.items():
        with pytest.raises(RpcError) as refused:
            d.call(method, nonsense=1, **required)
        known = re.sub(r'.*is not known here(; known are |: there are no parameters$)', '', str(refused.value))
        keys = set(procs.run([program('vmqctl'), 'complete', *command.split(), '']).split()) - {'watch', 'write', 'pcap', 'number'}  # vmqctl's own
        known = set(known.split(', ')) - {''}
        assert keys | ({subject} if subject else set()) == known, command
    objects = set(procs.run([program('vmqctl'), 'complete', '']).split()) - {'help', 'doctor', 'top', 'perf'}  # the doctor's words are checks
    assert objects == {c.split()[0] for c in VERBS} | {'compare', 'oid'}  # its words are the members of a structure: test_oid.py


def test_vmqd_man_page_names_its_options():
    text = procs.run([program('vmqd'), '--help'])
    with open(os.path.join(ROOT, 'docs/man/vmqd.8.scd')) as f:
        page = f.read()
    options = re.findall(r'--[a-z-]+', text)
    assert '--config' in options
    for o in options:
        assert f'*{o}*' in page


def test_configuration_man_pages_example(tmp_path):
    """The example of vmqd.yaml(5) is a configuration, once its CPU is one of this machine."""
    with open(os.path.join(ROOT, 'docs/man/vmqd.yaml.5.scd.in')) as f:
        example = re.search(r'^```\n(.*?)^```$', f.read(), re.M | re.S).group(1)
    cpu = max(os.sched_getaffinity(0))
    path = tmp_path / 'vmqd.yaml'
    path.write_text(example.replace('cpus: [1]', f'cpus: [{cpu}]').replace('cpu: 1', f'cpu: {cpu}'))
    procs.run([program('vmqd'), '--check', '--config', str(path)])
    path.write_text(path.read_text().replace('vlan: 100', 'vlan: 5000'))
    p = subprocess.run([program('vmqd'), '--check', '--config', str(path)], capture_output=True, text=True, timeout=30)
    assert p.returncode == 1
    assert re.search(r'vmqd.yaml:9: adapters\[0\].vports\[0\].vlan: ', p.stderr)
