# SPDX-License-Identifier: BSD-3-Clause
"""vmqctl capture and vmqctl trace against a running vmqd (in its sandbox): what is in the file is read back with tshark."""
import json
import os
import re
import signal
import subprocess

import pytest

from test_vlan_rules import A, B, BROADCAST, FAR, MACS, UNKNOWN, VPORTS
from vmqtest import daemon, procs
from vmqtest.frames import frame, tagged

FIELDS = ('frame.interface_name', 'frame.comment', 'frame.len', 'frame.cap_len', 'eth.src', 'eth.dst', 'frame.packet_flags_direction',
          'frame.time_epoch', 'vlan.id')


@pytest.fixture
def switch(lab):
    x = lab(vports=VPORTS)
    x.plug('a', 'b', 'c')
    return x


class Running:
    """vmqctl in the background."""

    def __init__(self, x, *args, **kw):
        self.proc = subprocess.Popen([daemon.program('vmqctl'), '--socket', x.vmqd.socket, *args], stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kw)
        procs.at_end(self.kill)

    def kill(self):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()

    def end(self, signo=None, timeout=30):
        """(status, stdout, stderr)"""
        if signo:
            self.proc.send_signal(signo)
        out, err = self.proc.communicate(timeout=timeout)
        return self.proc.returncode, out, err


def capture(x, tmp_path, *args):
    """A capture into a file that is under way; its process and the file."""
    file = str(tmp_path / f'{len(os.listdir(tmp_path))}.pcapng')
    run = Running(x, 'capture', *args, '-w', file)
    procs.wait_for(lambda: os.path.exists(file) and os.path.getsize(file) > 0 or run.proc.poll() is not None, 30, 'the capture')
    return run, file


def tshark(file, *options, stdin=None):
    p = subprocess.run(['tshark', '-n', '-r', file, *options], capture_output=True, text=True, timeout=60, stdin=stdin)
    assert p.returncode == 0, p.stderr
    return p.stdout


def packets(file):
    """A dictionary of FIELDS for each packet of the file."""
    out = tshark(file, '-T', 'fields', '-E', 'separator=|', *[w for f in FIELDS for w in ('-e', f)])
    return [dict(zip(FIELDS, line.split('|'))) for line in out.splitlines()]


def raw(file):
    """The packets' bytes."""
    return [bytes.fromhex(h) for h in re.findall(r'"frame_raw": \[\s*"([0-9a-f]*)"', tshark(file, '-T', 'json', '-x'))]


def test_what_a_vport_sends_and_gets(switch, tmp_path):
    run, file = capture(switch, tmp_path, 'b')
    f = next(f for f in switch.vmqd.call('filter.show', vport='b')['filters'] if f['mac'] == B)
    got, sent = frame(B, FAR, 1, vlan=100), frame(FAR, B, 2)
    switch.wire.send(got)
    assert switch.everywhere(1, quiet=0)['b']
    switch.vms['b'].send(sent)
    assert switch.everywhere(2, quiet=0)['wire']
    switch.wire.send(frame(A, FAR, 3))  # another VPort's
    switch.everywhere(1, quiet=0)
    status, out, err = run.end(signal.SIGINT)
    assert (status, out) == (0, '')
    assert err == '2 frames captured, 0 of them dropped by the switch; 0 not captured for want of room\n'
    first, second = packets(file)
    assert first['frame.interface_name'] == second['frame.interface_name'] == 'b'
    cpu = switch.vmqd.queue('b')['cpu']
    vid = switch.vmqd.vport('b')['id']
    assert first['frame.comment'] == f'delivered: VPort b ({vid}), from wire, filter {f["id"]}, queue 0, CPU {cpu}, tag stripped'
    assert second['frame.comment'] == f'ingress: VPort b ({vid}), from b, queue 0, CPU {cpu}'
    assert (first['eth.src'], first['eth.dst'], first['frame.packet_flags_direction']) == (FAR, B, '0x00000002')
    assert (second['eth.src'], second['eth.dst'], second['frame.packet_flags_direction']) == (B, FAR, '0x00000001')
    assert re.fullmatch(r'\d+\.\d{9}', first['frame.time_epoch']) and float(first['frame.time_epoch']) <= float(second['frame.time_epoch'])
    assert raw(file) == [got[:12] + got[16:], sent]
    assert 'VPort %u of adapter ext0' % vid in subprocess.run(['capinfos', file], capture_output=True, text=True).stdout


def test_drops_with_their_reasons(switch, tmp_path):
    run, file = capture(switch, tmp_path, 'point', 'dropped')
    f = next(f for f in switch.vmqd.call('filter.show', vport='d')['filters'] if f['mac'] == MACS['d'])
    switch.wire.send(frame(MACS['d'], FAR, 1, vlan=100))           # no VM
    switch.vms['a'].send(frame(A, A, 2))                           # to itself
    switch.vms['a'].send(tagged(frame(FAR, A, 3), 99))             # not its VLAN
    procs.wait_for(lambda: sum(switch.vmqd.stats('a')['drops'].values()) == 2 and sum(switch.vmqd.stats('d')['drops'].values()) == 1, 30, 'the drops')
    status, _out, err = run.end(signal.SIGTERM)
    assert status == 0 and err.startswith('3 frames captured, 3 of them dropped by the switch;')
    found = {p['eth.src'] + ' ' + p['eth.dst']: p for p in packets(file)}
    p = found[f'{FAR} {MACS["d"]}']
    assert p['frame.interface_name'] == 'd'
    assert f'filter {f["id"]}, ' in p['frame.comment'] and p['frame.comment'].endswith(
        'rx_not_connected: no VM is connected to the VPort, or its driver is not running')
    assert 'tx_hairpin: ' in found[f'{A} {A}']['frame.comment'] and found[f'{A} {A}']['frame.interface_name'] == 'a'
    assert 'tx_vlan: ' in found[f'{A} {FAR}']['frame.comment']
    assert len(tshark(file, '-Y', 'frame.comment contains "tx_vlan"').splitlines()) == 1


def test_wire_with_tags_and_header_filters(switch, tmp_path):
    run, file = capture(switch, tmp_path, 'point', 'wire', 'vlan', '100', 'snaplen', '40', '-c', '3')
    switch.wire.send(frame(UNKNOWN, FAR, 1))
    switch.wire.send(frame(B, FAR, 2, vlan=100))
    switch.vms['b'].send(frame(FAR, B, 3))
    switch.wire.send(frame(BROADCAST, FAR, 4, vlan=100, priority=5))
    status, _out, err = run.end()
    assert status == 0 and err.startswith('3 frames captured')
    seen = packets(file)
    assert sorted(p['frame.comment'].split(':')[0] for p in seen) == ['wire in', 'wire in', 'wire out']
    assert {p['frame.interface_name'] for p in seen} == {'wire'}
    assert {p['vlan.id'] for p in seen} == {'100'}
    assert {(p['frame.len'], p['frame.cap_len']) for p in seen} == {('64', '40')}
    run, file = capture(switch, tmp_path, 'a', 'point', 'delivered', 'src', UNKNOWN, '-c', '1')
    switch.wire.send(frame(A, FAR, 5))
    switch.wire.send(frame(A, UNKNOWN, 6))
    assert run.end()[0] == 0
    assert [p['eth.src'] for p in packets(file)] == [UNKNOWN]


def test_to_a_pipe_and_as_lines(switch, tmp_path):
    pipe = Running(switch, 'capture', 'a', 'point', 'delivered', '-c', '2', '-w', '-')
    reader = subprocess.Popen(['tshark', '-n', '-l', '-r', '-', '-T', 'fields', '-e', 'frame.comment'], stdin=pipe.proc.stdout, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    procs.at_end(reader.kill)
    lines, objects = Running(switch, 'capture', 'a', 'count', '2'), Running(switch, '-j', 'capture', 'a', 'count', '2')

    def all_done():
        switch.wire.send(frame(A, FAR, 1))
        switch.everywhere(1, quiet=0.05)
        return all(p.proc.poll() is not None for p in (pipe, lines, objects))
    procs.wait_for(all_done, 60, 'the captures')
    out, _ = reader.communicate(timeout=30)
    assert [line.split(':')[0] for line in out.splitlines()] == ['delivered'] * 2
    _status, out, _err = lines.end()
    assert all(re.fullmatch(rf'\d\d:\d\d:\d\d\.\d{{9}} {FAR} > {A}, type 0x88b5, 60 bytes; delivered: VPort a .*', x) for x in out.splitlines()), out
    _status, out, _err = objects.end()
    assert [(o['vport'], o['from'], o['point'], o['len']) for o in map(json.loads, out.splitlines())] == [('a', 'wire', 'delivered', 60)] * 2


def test_what_is_refused(switch, tmp_path):
    def refused(*args):
        status, _out, err = switch.vmqd.vmqctl(*args, check=False)
        assert status == 1, (args, err)
        return err
    assert 'ingress, delivered, dropped and wire' in refused('capture', 'point', 'everywhere')
    assert 'vport' in refused('capture', 'nobody')
    assert 'snaplen' in refused('capture', 'snaplen', '3')
    assert 'power of two' in refused('capture', 'buffer_kib', '100')
    assert 'count' in refused('trace', '-c', '0')
    assert 'from' in refused('trace', 'a', 'from', 'nobody')
    assert 'cannot write /nowhere/file' in refused('capture', '-w', '/nowhere/file')
    with pytest.raises(Exception, match='this connection has no capture'):
        switch.vmqd.call('capture.stop')
    # four at a time; one whose client is gone, however it went, has ended
    four = [capture(switch, tmp_path)[0] for _ in range(4)]
    assert 'already' in refused('capture')
    four[0].kill()
    procs.wait_for(lambda: 'already' not in switch.vmqd.vmqctl('capture', '-w', '/nowhere/file', check=False)[2], 30, 'the end of the first')
    traces = [Running(switch, 'trace', 'a'), Running(switch, 'trace', 'b')]
    procs.wait_for(lambda: any(t.proc.poll() is not None for t in traces), 30, 'the end of the second trace')
    traces.sort(key=lambda t: t.proc.poll() is None)
    assert traces[0].end()[0] == 1
    for run in four[1:]:
        assert run.end(signal.SIGINT)[0] == 0
    assert traces[1].end(signal.SIGINT)[0] == 0


def test_vmqd_ends_before_the_capture(switch, tmp_path):
    run, file = capture(switch, tmp_path)
    switch.wire.send(frame(A, FAR, 1))
    switch.everywhere(1, quiet=0)
    switch.vmqd.stop()
    status, _out, err = run.end()
    assert status == 0 and err.endswith('; vmqd has ended\n')
    assert len(packets(file)) >= 1


def traced(switch, send, *args):
    """The frames that vmqctl -j trace tells of, while `send` sends them until it has enough."""
    run = Running(switch, '-j', 'trace', *args)

    def done():
        send()
        switch.everywhere(quiet=0.05)
        return run.proc.poll() is not None
    procs.wait_for(done, 60, 'the trace')
    status, out, err = run.end()
    assert status == 0, err
    return [json.loads(line) for line in out.splitlines()]


def test_trace_from_the_wire(switch):
    f = next(f for f in switch.vmqd.call('filter.show', vport='b')['filters'] if f['mac'] == B)
    cpu = switch.vmqd.queue('b')['cpu']
    told = traced(switch, lambda: switch.wire.send(frame(B, FAR, 1, vlan=100)), 'b', 'from', 'wire', '-c', '3')
    assert len(told) == 3
    for t in told:
        assert t['from'] == 'wire' and f'{FAR} > {B}, VLAN 100 priority 0' in t['frame']
        steps = {s['step']: s for s in t['steps']}
        assert {'read', 'verdict', 'delivered', 'notified'} <= set(steps) <= {'read', 'verdict', 'arrived', 'delivered', 'notified'}
        assert ('arrived' in steps) == (steps['read']['cpu'] != cpu)
        assert steps['verdict']['text'] == f'filter {f["id"]} claims it: to VPort b, queue 0, on CPU {cpu}, its tag is stripped'
        assert (steps['delivered']['vport'], steps['delivered']['buffers'], steps['delivered']['cpu']) == ('b', 1, cpu)
        times = [s['time_ns'] for s in t['steps']]
        assert times == sorted(times)


def test_trace_of_groups_and_drops(switch):
    t, = traced(switch, lambda: switch.vms['b'].send(frame(BROADCAST, B, 1)), 'b', '-c', '1')
    ends = sorted(s['vport'] for s in t['steps'] if s['step'] in ('delivered', 'sent'))
    assert ends == ['c', 'default', 'wire']  # and d, which has no VM
    drop, = [s for s in t['steps'] if s['step'] == 'dropped']
    assert (drop['vport'], drop['drop']) == ('d', 'rx_not_connected')
    t, = traced(switch, lambda: switch.vms['a'].send(frame(A, A, 1)), 'a', '-c', '1')
    assert [s['step'] for s in t['steps']] == ['read', 'verdict', 'dropped'] and t['steps'][-1]['drop'] == 'tx_hairpin'


def test_trace_for_people(switch):
    run = Running(switch, 'trace', 'a', '-c', '2')

    def done():
        switch.wire.send(frame(A, FAR, 1))
        switch.everywhere(1, quiet=0.05)
        return run.proc.poll() is not None
    procs.wait_for(done, 60, 'the trace')
    _status, out, _err = run.end()
    assert out.startswith(f'frame 1: {FAR} > {A}, type 0x88b5, 60 bytes\n')
    assert re.search(r'^ +0\.0 µs  CPU \d+ +read from the wire$', out, re.M)
    assert re.search(r'^ +\d+\.\d µs  CPU \d+ +delivered to VPort a, queue 0, in 1 receive buffer$', out, re.M)
    assert '\nframe 2: ' in out
