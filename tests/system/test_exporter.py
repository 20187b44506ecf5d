# SPDX-License-Identifier: BSD-3-Clause
"""vmq-exporter: its metrics against what vmqd says, read by a real OpenMetrics parser; vmqd gone and back; clients that are
hostile; the dashboard, the unit and the page of all metrics against what it serves. The page in a browser: test_exporter_page.py."""
import grp
import json
import os
import re
import socket
import subprocess
import time

import pytest

from fake_vmqd import Error, FakeVmqd, close_now, reply
from vmqtest import procs
from vmqtest.exporter import PROGRAM, Exporter, value
from vmqtest.frames import frame
from vmqtest.guest import ROOT

SWITCH_NAME = 'a "switch" \\ <b>&amp;</b>'


def read(path):
    with open(os.path.join(ROOT, path)) as f:
        return f.read()


def listed():
    """Rows of --list-metrics: {name: (type, unit, labels)}."""
    text = subprocess.run([PROGRAM, '--list-metrics'], capture_output=True, text=True, check=True).stdout
    rows = re.findall(r'^\| `(\w+)` \| (\w+) \| (\w*) \| (.*?) \| \S.* \|$', text, re.M)
    assert len(rows) == len(text.splitlines()) - 2
    return {name: (kind, unit, re.findall(r'`(\w+)`', labels)) for name, kind, unit, labels in rows}


@pytest.fixture
def switch(lab):
    """A switch with traffic, drops among it, and an exporter of it."""
    x = lab(vports=[{'name': 'web1', 'mac': '52:54:00:00:00:01', 'max_rx_bytes_per_s': 10**9, 'moderation_us': 20},
                    {'name': 'db1', 'mac': '52:54:00:00:00:02', 'vlan': 100}], switch_name=SWITCH_NAME)
    vm = x.vm('web1')
    for i in range(7):
        x.wire.send(frame('52:54:00:00:00:01', '02:00:00:00:00:09', i))
    for i in range(3):
        x.wire.send(frame('52:54:00:00:00:02', '02:00:00:00:00:09', i, vlan=100))
    vm.send(frame('02:00:00:00:00:09', '52:54:00:00:00:01', 1))
    procs.wait_for(lambda: x.vmqd.stats('web1')['rx_frames'] >= 7 and x.vmqd.stats('web1')['tx_frames'] == 1 and
                   x.vmqd.stats('db1')['drops']['rx_not_connected'] >= 3, 10, 'the frames')
    x.exporter = Exporter(x.vmqd.socket)
    return x


# ---- metrics ----

def test_metrics_are_what_vmqd_says(switch):
    procs.wait_for(lambda: switch.vmqd.call('stats.show')['vports'] == switch.vmqd.call('stats.show')['vports'], 5, 'silence')
    stats = switch.vmqd.call('stats.show')
    v = switch.exporter.values()
    assert value(v, 'vmq_up') == 1
    for s in stats['vports']:
        labels = {'adapter': 'ext0', 'vport': str(s['id']), 'name': s['name']}
        for key in ('rx_frames', 'rx_bytes', 'tx_frames', 'tx_bytes', 'rx_notifications', 'tx_kicks', 'sw_checksums'):
            assert value(v, f'vmq_vport_{key}_total', **labels) == s[key]
        for reason, n in s['drops'].items():
            assert value(v, 'vmq_vport_dropped_frames_total', reason=reason, **labels) == n
        assert value(v, 'vmq_vport_notify_delay_seconds_bucket', le='+Inf', **labels) == sum(s['notify_delay'].values())
    reasons = {dict(k)['reason'] for n, k in v if n == 'vmq_vport_dropped_frames_total'}
    assert reasons == set(re.findall(r'^\s*X\(\w+, "(\w+)"', read('src/nic/drop.h'), re.M))
    web1 = {'adapter': 'ext0', 'name': 'web1', 'vport': str(switch.vmqd.vport('web1')['id'])}
    assert value(v, 'vmq_vport_rx_frames_total', **web1) >= 7
    assert value(v, 'vmq_vport_dropped_frames_total', name='db1', reason='rx_not_connected') >= 3
    assert value(v, 'vmq_wire_rx_frames_total', adapter='ext0') >= 10
    assert value(v, 'vmq_vport_status', vmq_vport_status='running', **web1) == 1
    assert value(v, 'vmq_vport_status', vmq_vport_status='running', name='db1') == 0
    assert value(v, 'vmq_vport_status', vmq_vport_status='no VM', name='db1') == 1
    assert value(v, 'vmq_vport_cpu', **web1) == switch.vmqd.vport('web1')['cpu']
    assert value(v, 'vmq_vport_max_rx_bytes_per_second', **web1) == 10**9
    assert value(v, 'vmq_vport_moderation_seconds', **web1) == 0.00002
    assert {dict(k)['feature'] for n, k in v if n == 'vmq_vport_feature' and ('name', 'web1') in k} == set(switch.vmqd.vport('web1')['features']) != set()
    assert value(v, 'vmq_queue_state', name='web1', queue='0', vmq_queue_state='running') == 1
    assert value(v, 'vmq_queue_rx_ring_buffers', name='web1', queue='0') == switch.vmqd.queue('web1')['rx_ring']
    assert value(v, 'vmq_adapter_info', adapter='ext0', switch=SWITCH_NAME, mode='SR-IOV', device='p0') == 1
    assert value(v, 'vmq_adapter_link', adapter='ext0') == 1
    assert value(v, 'vmq_adapter_filters', adapter='ext0') == switch.switch()['num_filters']
    for w in stats['workers']:
        cpu = str(w['cpu'])
        assert value(v, 'vmq_worker_frames_total', cpu=cpu) == w['frames']
        assert value(v, 'vmq_worker_batch_frames_bucket', cpu=cpu, le='+Inf') == sum(w['batches'])
        assert 0 < value(v, 'vmq_worker_busy_seconds_total', cpu=cpu) < value(v, 'vmq_worker_sleep_seconds_total', cpu=cpu) + 1000
    places = {(dict(k)['kind'], dict(k)['name']) for n, k in v if n == 'vmq_cpu_place_load_ratio'}
    assert {('vport', 'web1'), ('vport', 'db1'), ('vport', 'default')} <= places and 'wire' in {kind for kind, _ in places}


def test_every_family_is_in_the_table(switch):
    """With the type, the unit and the labels that the table says; and the table is the one of the documentation."""
    table = listed()
    suffix = {'counter': '_total', 'info': '_info', 'histogram': '_bucket', 'gauge': '', 'stateset': ''}
    found = set()
    for name, family in switch.exporter.metrics().items():
        name += suffix[family.type]
        kind, unit, labels = table[name]
        assert (family.type, family.unit) == (kind, unit), name
        assert family.documentation, name
        found.add(name)
        for s in family.samples:
            assert s.name == name and sorted(s.labels) == sorted(labels), s
    assert found == set(table)
    out = subprocess.run([PROGRAM, '--list-metrics'], capture_output=True, text=True, check=True).stdout
    assert read('docs/metrics.md').endswith('\n\n' + out), 'docs/metrics.md: not the table of vmq-exporter --list-metrics'


def test_vm_queues(lab):
    """Mode VMQ: the same metrics, of queues."""
    x = lab(vports=[{'name': 'q1', 'mac': '52:54:00:00:00:01'}], keywords={'*SRIOV': 0, '*VMQ': 1})
    v = Exporter(x.vmqd.socket).values()
    number = str(x.vmqd.vport('q1')['id'])
    assert value(v, 'vmq_vport_info', name='q1')
    assert value(v, 'vmq_queue_state', name='q1', vport=number, queue=number, vmq_queue_state='no VM') == 1
    assert value(v, 'vmq_adapter_vm_queues', adapter='ext0') == 1


# ---- vmqd gone, back, silly ----

def test_vmqd_killed_and_back(lab):
    x = lab(vports=[{'name': 'web1', 'mac': '52:54:00:00:00:01'}], start=False)
    e = Exporter(x.vmqd.socket)
    assert e.up() == 0 and not e.state()['exporter']['up']
    x.vmqd.start()
    e.wait_up(1)
    assert value(e.values(), 'vmq_vport_info', name='web1')
    x.vmqd.kill()
    e.wait_up(0)
    v = e.values()
    assert not [n for n, _ in v if not n.startswith('vmq_exporter') and n != 'vmq_up']
    assert 'vmqd' in e.state()['exporter']['error'] and e.state()['vports'] == []
    x.vmqd.start()
    e.wait_up(1)
    said = e.proc.log()
    assert said.count('vmqd answers') == 2 and said.count('trying again') == 2
    assert e.proc.stop() == 0


def fake_answers():
    return {'version': {'version': '9', 'pid': 1, 'uptime_s': 5}, 'daemon.show': {}, 'switch.show': {'switches': []}, 'vport.show': {'vports': []},
            'queue.show': {'queues': []}, 'stats.show': {'vports': [], 'wires': [], 'workers': []}, 'cpu.plan.show': {'auto': True}}


def test_many_scrapes_are_one_look():
    with FakeVmqd(fake_answers()) as d:
        e = Exporter(d.path)
        for _ in range(100):
            e.get('/metrics')
            e.get('/state.json')
        looks = e.values()[('vmq_exporter_looks_total', frozenset())]
        assert looks < 50
        assert looks <= len([r for r in d.requests if r[0] == 'version']) <= looks + 1
        assert len(d.connections) == 1
        asked = {method for method, _ in d.requests}
        assert asked == set(fake_answers()) and all(m == 'version' or m.endswith('.show') for m in asked)


def test_an_older_vmqd():
    """A method that it does not know is left out; the rest is told."""
    answers = fake_answers()
    del answers['cpu.plan.show'], answers['daemon.show']
    answers['stats.show'] = {'workers': [{'cpu': 3, 'frames': 7}]}
    with FakeVmqd(answers) as d:
        v = Exporter(d.path).values()
        assert value(v, 'vmq_up') == 1 and value(v, 'vmq_worker_frames_total', cpu='3') == 7


def test_an_older_vmqd_shows_all_addresses():
    def show(conn, request):
        reply(conn, request, **({'error': {'code': -32602, 'message': 'macs_max is not known here'}} if request.get('params') else
                                {'result': {'vports': [{'name': 'a', 'macs': [1, 2, 3, 4]}]}}))
    with FakeVmqd({**fake_answers(), 'vport.show': show}) as d:
        assert len(Exporter(d.path).state()['vports'][0]['macs']) == 4


def test_few_addresses_are_asked_for():
    """A VPort with thousands of filters makes no large answer."""
    with FakeVmqd(fake_answers()) as d:
        Exporter(d.path).values()
        assert {m: p for m, p in d.requests if p} == {'vport.show': {'macs_max': 3}, 'queue.show': {'macs_max': 0}}


def test_no_connection_is_taken(tmp_path):
    """A vmqd that hangs, with the queue of its socket full: down, and why."""
    with socket.socket(socket.AF_UNIX) as s, socket.socket(socket.AF_UNIX) as first:
        s.bind(str(tmp_path / 'ctl'))
        s.listen(0)
        first.connect(str(tmp_path / 'ctl'))
        e = Exporter(str(tmp_path / 'ctl'))
        v = e.values()
        assert value(v, 'vmq_up') == 0 and value(v, 'vmq_exporter_failed_looks_total') == 1
        assert 'timed out' in e.state()['exporter']['error']


@pytest.mark.parametrize('answers', [
    {'version': b'garbage\n'},
    {'version': Error(1, 'you may not')},
    {'version': close_now},
    {'vport.show': b'{"jsonrpc": "2.0", "id": 77, "result": {}}\n'},
    {'stats.show': close_now},
], ids=['garbage', 'refused', 'closed', 'another answer', 'closed late'])
def test_hostile_answers_are_down(answers):
    with FakeVmqd({**fake_answers(), **answers}) as d:
        e = Exporter(d.path)
        v = e.values()
        assert value(v, 'vmq_up') == 0 and value(v, 'vmq_exporter_failed_looks_total') >= 1
        assert not [n for n, _ in v if n.startswith('vmq_vport')]
        assert e.state()['exporter']['error']


@pytest.mark.parametrize('wrong', [7, None, 'x', [], [[]], {}, [{}], [{'adapter': [], 'id': {}, 'name': 3, 'drops': [], 'notify_delay': {'more': 'x'}}]])
def test_wrong_types_have_no_samples(wrong):
    answers = {m: {k: wrong for k in a} for m, a in fake_answers().items()}
    with FakeVmqd(answers) as d:
        e = Exporter(d.path)
        v = e.values()
        assert value(v, 'vmq_up') == 1
        assert {n for n, _ in v if not n.endswith('_info')} <= {'vmq_up', 'vmq_exporter_looks_total', 'vmq_exporter_failed_looks_total', 'vmq_exporter_look_seconds', 'vmq_daemon_uptime_seconds'}
        assert e.get('/state.json')[0] == 200


# ---- whom it serves, and as whom ----

@pytest.fixture
def quiet():
    """An exporter whose clients matter, not its vmqd."""
    with FakeVmqd(fake_answers()) as d:
        yield lambda *options: Exporter(d.path, *options)


def test_what_is_served(quiet):
    e = quiet()
    pages = {'/': 'text/html', '/metrics': 'application/openmetrics-text', '/state.json': 'application/json', '/style.css': 'text/css', '/main.js': 'text/javascript'}
    for path, kind in pages.items():
        status, headers, body = e.get(path)
        assert status == 200 and headers['Content-Type'].startswith(kind) and body, path
        policy = headers['Content-Security-Policy']
        assert "default-src 'none'" in policy and 'unsafe' not in policy and 'http' not in policy
        assert headers['X-Content-Type-Options'] == 'nosniff' and headers['Cache-Control'] == 'no-store'
        status, headers, body = e.get(path, method='HEAD')
        assert status == 200 and body == '' and int(headers['Content-Length']) > 0
    assert e.get('/metrics?x=1')[0] == 200
    for path in ('/x', '/metrics/', '//', '/../etc/passwd', '/%2e%2e/etc/passwd'):
        assert e.get(path)[0] == 404, path


def raw(e, data, timeout=10):
    """Sends bytes, returns all that comes until the other side closes."""
    s = socket.create_connection(('127.0.0.1', e.port), timeout)
    try:
        s.sendall(data)
        got = b''
        while more := s.recv(65536):
            got += more
        return got
    except ConnectionError:
        return b''
    finally:
        s.close()


def test_hostile_requests(quiet):
    e = quiet('--timeout', '1')
    for method in ('POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'BREW'):
        status, headers, _ = e.get('/metrics', method=method)
        assert status == 405 and headers['Allow'] == 'GET, HEAD', method
    for host in ('evil.example', 'evil.example:9678', '10.0.0.1'):
        assert e.get('/state.json', Host=host)[0] == 403
    for host in ('localhost', f'127.0.0.1:{e.port}', '[::1]'):
        assert e.get('/state.json', Host=host)[0] == 200
    long = b'GET /' + b'a' * 100000 + b' HTTP/1.1\r\nHost: localhost\r\n\r\n'
    headers = b'GET / HTTP/1.1\r\nHost: localhost\r\n' + b'X: y\r\n' * 20000 + b'\r\n'
    body = b'POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n' + b'x' * 1000000
    for data in (long, headers, body, b'\x00' * 1000, b'\r\n' * 1000, b'GET\r\n\r\n', b'GET / HTTP/9.9\r\n\r\n', b'GET / HTTP/1.1\r\n\r\n' * 100,
                 b'GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n'):
        got = raw(e, data)
        if data in (long, headers):
            assert not got or got.split()[1][:1] == b'4', got[:80]
    assert e.get('/metrics')[0] == 200
    e.proc.need_alive()


def descriptors(e):
    return len(os.listdir(f'/proc/{e.proc.pid}/fd'))


def test_many_and_slow_clients_are_bounded(quiet):
    """100 clients that send half a request, byte by byte: they get no further, and others are served again."""
    e = quiet('--timeout', '1')
    e.get('/metrics')
    before = descriptors(e)
    slow = [socket.create_connection(('127.0.0.1', e.port)) for _ in range(100)]
    for s in slow:
        s.sendall(b'GET / HT')
    assert descriptors(e) <= before + 65
    end = time.monotonic() + 60
    left = list(slow)
    while left and time.monotonic() < end:  # a byte now and then keeps nobody in
        for s in list(left):
            try:
                s.setblocking(False)
                s.send(b'T')
                if s.recv(1000) == b'':
                    left.remove(s)
            except BlockingIOError:
                pass
            except ConnectionError:
                left.remove(s)
        time.sleep(0.1)
    assert not left
    assert e.get('/metrics')[0] == 200
    procs.wait_for(lambda: descriptors(e) <= before + 1, 10, 'their descriptors closed')


def test_clients_that_do_not_read():
    """An answer of 10 MB is one text, however many wait for it; who does not take it is closed."""
    answers = fake_answers()
    drops = {f'reason_{i}': i for i in range(20)}
    answers['stats.show'] = {'vports': [{'adapter': 'ext0', 'id': i, 'name': f'vm{i}', 'drops': drops} for i in range(6000)]}
    with FakeVmqd(answers) as d:
        e = Exporter(d.path, '--timeout', '1')
        size = len(e.get('/metrics')[2])
        before = descriptors(e)
        held = []
        for _ in range(60):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            s.connect(('127.0.0.1', e.port))
            s.sendall(b'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n')
            held.append(s)
        procs.wait_for(lambda: descriptors(e) > before + 50, 10, 'them served')
        procs.wait_for(lambda: descriptors(e) <= before + 1, 60, 'them closed')
        assert e.get('/metrics')[0] == 200
        with open(f'/proc/{e.proc.pid}/status') as f:
            peak = int(re.search(r'VmHWM:\s+(\d+) kB', f.read()).group(1)) * 1024
        assert size > 8e6 and peak < 20 * size


def run(*args):
    p = subprocess.run([PROGRAM, *args], capture_output=True, text=True, timeout=20)
    return p.returncode, p.stdout + p.stderr


def test_command_line(quiet):
    status, said = run('--help')
    assert status == 0 and all(o in read('docs/man/vmq-exporter.8.scd') for o in re.findall(r'--[a-z-]+', said))
    assert run('--version')[1].startswith('vmq-exporter ')
    for args, word in ((['x'], 'x'), (['--listen', 'nowhere'], 'nowhere'), (['--listen', '127.0.0.1:70000'], '70000'), (['--timeout', '0'], '--timeout'),
                       (['--timeout', '5s'], '5s'), (['--what'], 'what')):
        status, said = run(*args)
        assert status == 2 and word in said, args
    status, said = run('--listen', '0.0.0.0:0')
    assert status == 2 and '--allow-remote' in said
    e = quiet()
    status, said = run('--listen', f'127.0.0.1:{e.port}')
    assert status == 1 and str(e.port) in said and 'in use' in said


def test_others_only_when_allowed():
    with FakeVmqd(fake_answers()) as d:
        e = Exporter(d.path, '--allow-remote', listen='0.0.0.0')
        assert e.get('/metrics', Host='switch.example:9678')[0] == 200
        assert 'no password' in e.proc.log()


def test_as_an_unprivileged_user(lab):
    """In the group of the control socket it may; in no group it is told so, and says so."""
    group = grp.getgrnam('games')
    x = lab(vports=[{'name': 'web1', 'mac': '52:54:00:00:00:01'}], start=False)
    x.vmqd.configure(control={'socket': x.vmqd.socket, 'group': group.gr_name})
    os.chmod(procs.workdir(), 0o711)
    x.start()
    wrapper = ('setpriv', '--reuid', 'nobody', '--regid', 'nogroup', '--no-new-privs', '--inh-caps=-all', '--bounding-set=-all')
    member = Exporter(x.vmqd.socket, wrapper=(*wrapper, '--groups', str(group.gr_gid)))
    stranger = Exporter(x.vmqd.socket, wrapper=(*wrapper, '--clear-groups'))
    assert member.up() == 1 and 'root' not in member.proc.log()
    assert stranger.up() == 0 and 'Permission denied' in stranger.state()['exporter']['error']


# ---- what goes with it ----

def expressions(board):
    for panel in board['panels']:
        for target in panel.get('targets', []):
            yield panel['title'], target['expr']
    for variable in board['templating']['list']:
        if variable['type'] == 'query':
            yield variable['name'], variable['query']['query']


def test_the_dashboard_asks_for_what_there_is():
    """Every metric in it is one of the exporter's, every label one of that metric's."""
    table = listed()
    board = json.loads(read('share/grafana/vmq.json'))
    used = set()
    for title, expr in expressions(board):
        names = re.findall(r'\bvmq_\w+', re.sub(r'\{[^}]*\}', '', expr))
        assert names and set(names) <= set(table), f'{title}: {expr}'
        used |= set(names)
        for name, matchers in re.findall(r'\b(vmq_\w+)\{([^}]*)\}', expr):
            assert set(re.findall(r'(\w+)=', re.sub(r'"[^"]*"', '', matchers))) <= {*table[name][2], 'instance'}, f'{title}: {expr}'
        for grouped in re.findall(r'\bby \(([^)]*)\)', expr):
            assert set(grouped.split(', ')) <= set(table[names[0]][2]), f'{title}: {expr}'
        assert expr.count('(') == expr.count(')') and expr.count('{') == expr.count('}') and expr.count('[') == expr.count(']')
        for name in names:
            rising = table[name][0] in ('counter', 'histogram')
            assert rising == bool(re.search(rf'\b(rate|increase)\({name}\b', expr)), f'{title}: a counter is to be seen as a rate: {expr}'
    assert len(used) > 40


def test_the_dashboard_is_sane():
    board = json.loads(read('share/grafana/vmq.json'))
    panels = board['panels']
    assert len({p['id'] for p in panels}) == len(panels) and all(p['title'] for p in panels)
    variables = {v['name'] for v in board['templating']['list']}
    assert set(re.findall(r'\$\{?([a-z]+)', json.dumps(board))) <= variables | {'__rate_interval', '__range'}
    taken = set()
    for p in panels:
        g = p['gridPos']
        cells = {(x, y) for x in range(g['x'], g['x'] + g['w']) for y in range(g['y'], g['y'] + g['h'])}
        assert g['x'] + g['w'] <= 24 and not cells & taken, p['title']
        taken |= cells
        if p['type'] != 'row':
            assert p['targets'] and all(t['datasource']['uid'] == '${datasource}' for t in p['targets'])
    assert 'http' not in json.dumps(board)


def test_alerts_of_the_guide():
    section = read('docs/guide.md').split('\n## Metrics', 1)[1].split('\n## ', 1)[0]
    rules = re.findall(r'^\| .* \| `(.*)` \|$', section, re.M)
    assert len(rules) > 4 and set(re.findall(r'\bvmq_\w+', ' '.join(rules))) <= set(listed()) | {'vmq_vport_status'}


def test_the_unit(tmp_path):
    """systemd's own check, where it is here; and it needs nothing that root has."""
    unit = read('examples/vmq-exporter.service')
    for line in ('DynamicUser=yes', 'CapabilityBoundingSet=', 'NoNewPrivileges=yes', 'ProtectSystem=strict', 'IPAddressDeny=any'):
        assert line in unit.splitlines()
    try:
        file = tmp_path / 'vmq-exporter.service'
        file.write_text(unit.replace('/usr/bin/vmq-exporter', '/bin/true'))
        p = subprocess.run(['systemd-analyze', 'verify', '--man=no', str(file)], capture_output=True, text=True, timeout=30)
    except FileNotFoundError:
        pytest.skip('no systemd-analyze')
    assert p.returncode == 0 and not p.stderr, p.stderr
