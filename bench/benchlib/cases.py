# SPDX-License-Identifier: BSD-3-Clause
"""The cases: what is measured on which switch, and what a user of vmq may expect of the result (the aims).

A step is one measurement of one case on one running switch. Steps that need the same switch (the same setup) share one
start of it. A step returns a row: `value` in the case's unit, or `values` by variant, and what the generator saw."""
import subprocess
import threading
import time
from dataclasses import dataclass, field

from . import machine
from .machine import Failed
from .rpc import Client
from .switches import Ovs, Testpmd, Vmq

TESTPMD, OVS, VMQ = 'testpmd io', 'OVS-DPDK NORMAL', 'vmq'
FAN = 64            # receivers
MANY = 1000         # VPorts
FILTERS = 65536
CHURN_PER_S = 1000  # filter changes
CHURN_BATCH = 20
PER_VPORT = 64      # filters, where the control socket is measured
WAKES = 600
IDLE_S = 5
LIGHT = 32          # VMs with light traffic, beside one at full rate
LIGHT_PPS = 100     # frames a second each
ASK_S = 0.02        # control is asked so often


class Skip(Exception):
    """The case can't be measured here; the text says why."""


# ---- the generator ----

def generator(env, sw, ports, size=64, extra=(), core=None):
    """The command line."""
    cmd = [env.vugen, '--core', str(env.gen_cpu if core is None else core), '--size', str(size), '--ring', str(env.ring),
           '--time', str(env.time), '--warmup', str(env.warmup + sw.warmup), '--label', sw.name.replace(' ', '-')]
    return cmd + ([] if sw.listens else ['--server']) + ([] if env.huge else ['--small-pages']) + list(ports) + list(extra)


def read(text):
    """key=value words as numbers."""
    got = {}
    for w in text.split():
        k, _, v = w.partition('=')
        try:
            got[k] = float(v)
        except ValueError:
            pass
    return got


def collect(proc, sw, patience):
    try:
        out, err = proc.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        machine.end(proc)
        raise Failed(f'{sw.name}: the generator did not end: {machine.tail(sw.log)}') from None
    if 'does not offer' in err:
        raise Skip(err.strip().rpartition(': ')[2])
    if proc.returncode or not out.startswith('vugen '):
        raise Failed(f'{sw.name}: the generator failed: {out}{err}{machine.tail(sw.log)}')
    return read(out)


def run(env, sw, cmd):
    """The generator's row; in taken_pct the share of a core's time that others took from it and from the switch."""
    before, t = sw.threads(), time.monotonic()
    with machine.first(sw.proc.pid, env.priority):
        p = machine.spawn(cmd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        machine.before_others(p.pid, env.priority)
        r = collect(p, sw, env.time + env.warmup + sw.warmup + 60)
    spans = [(ran - before[k][0], waited - before[k][1]) for k, (ran, waited) in sw.threads().items() if k in before]
    if 'gen_wait_pct' in r and spans:
        r['taken_pct'] = r['gen_wait_pct'] + max(spans)[1] / (time.monotonic() - t) / 1e7
    return r


def pair(sw, first=0):
    return ['--first', str(first + 1), '--tx', sw.socket(first), '--rx', sw.socket(first + 1)]


def cycles_a_frame(before, after, frames, mhz):
    """Of a worker's time those turns that found work, without what others took of its processor meanwhile."""
    busy, poll, cpu = (after[k] - before[k] for k in ('busy_ns', 'poll_ns', 'cpu_ns'))
    return cpu * busy / max(busy + poll, 1) / frames * mhz / 1000


def stream(env, sw, ports, size=64, extra=(), core=None, cpu=None, before=()):
    """Frames for a while; `before` comes before the generator's command. With vmq also the cycles a frame of the worker on `cpu`, from its own counters, and how many
    frames a second that worker could do (capacity)."""
    cpu = env.cpu if cpu is None else cpu
    begin = sw.workers()[cpu] if isinstance(sw, Vmq) else None
    r = run(env, sw, [*before, *generator(env, sw, ports, size, extra, core)])
    r['value'] = r['rx_mpps']
    if begin:
        now = sw.workers()[cpu]
        r['cycles'] = cycles_a_frame(begin, now, max(now['frames'] - begin['frames'], 1), r['mhz'])
        r['capacity'] = r['mhz'] / r['cycles'] if r['cycles'] else 0
    return r


# ---- the measurements ----

def stream_pair(size, *extra):
    return lambda env, sw: stream(env, sw, pair(sw), size, extra)


def fan_out(env, sw):
    ports = ['--tx', sw.socket(0)]
    for i in range(1, FAN + 1):
        ports += ['--rx', sw.socket(i)]
    return stream(env, sw, ports, extra=['--random'])


def beside_silent(n):
    """The pair, with VMs connected to n of the silent ports."""
    def measure(env, sw):
        sw.connect_silent(n)
        return stream(env, sw, pair(sw))
    return measure


def idle(env, sw):
    sw.connect_silent(MANY)
    begin, t = sw.cpu_ns(), time.monotonic()
    time.sleep(IDLE_S)
    return {'value': (sw.cpu_ns() - begin) / (time.monotonic() - t) / 1e7}


def resident(env, sw):
    return {'value': sw.resident_mib()}


def wake(env, sw):
    r = run(env, sw, generator(env, sw, pair(sw), extra=['--wake', str(WAKES)]))
    return dict(r, values={'vmq median': r['wake_p50_us'], 'vmq p99': r['wake_p99_us']})


LEVELS = ('off', 'high', 'adaptive')
SLOW = 10000 # frames a second


def moderated(env, sw):
    """A receiver that asks for interrupts, at each level, slowly and at full speed: interrupts for 1,000 frames, and of
    them those that were not held back beyond their turn, in %."""
    got = {}
    for level in LEVELS:
        sw.client.call('vport.set', name='vm1', moderation=level)
        for speed, rate in (('slow', ['--rate', str(SLOW), '--burst', '1']), ('fast', [])):
            a = sw.client.call('stats.show', vport='vm1')['vports'][0]
            r = run(env, sw, generator(env, sw, pair(sw), extra=['--interrupts', *rate]))
            b = sw.client.call('stats.show', vport='vm1')['vports'][0]
            calls = b['rx_notifications'] - a['rx_notifications']
            got[f'{level}, {speed}'] = 1000 * calls / max(b['rx_frames'] - a['rx_frames'], 1)
            got[f'{level}, {speed}: at once'] = 100 * (b['notify_delay']['1'] - a['notify_delay']['1']) / max(calls, 1)
    sw.client.call('vport.set', name='vm1', moderation='adaptive')
    return r, got


def interrupts(env, sw):
    r, got = moderated(env, sw)
    at_once = ', '.join(f'{level} {got[f"{level}, slow: at once"]:.0f} %' for level in LEVELS)
    return dict(r, values={k: v for k, v in got.items() if not k.endswith('at once')},
                note=f'sent in the turn of the frame at {SLOW:,} frames/s: {at_once}')


def half_load(env, sw):
    """Round trips at half of what Open vSwitch can do; without it, at half of our own. The best it did so far counts, so
    that a disturbed round does not set the load of the others."""
    ports = ['--both', sw.socket(0), '--echo', sw.socket(1)]
    if env.half_load_of in (None, sw.name):
        env.half_load_of = sw.name
        env.half_load = max(env.half_load, run(env, sw, generator(env, sw, ports))['rx_mpps'] / 2)
    r = run(env, sw, generator(env, sw, ports, extra=['--rate', f'{env.half_load * 1e6 + 1:.0f}']))
    if 'lat_p99_us' not in r:
        raise Failed(f'{sw.name}: no frame came back')
    r['note'] = f'at {env.half_load:.2f} Mpps'
    if r['rx_mpps'] < 0.97 * env.half_load:
        r['note'] += f', of which {r["rx_mpps"]:.2f} were carried'
    return dict(r, values={f'{sw.name} median': r['lat_p50_us'], f'{sw.name} p99': r['lat_p99_us']})


class Churn(threading.Thread):
    """Adds and removes filters over the control socket, evenly."""

    def __init__(self, sw):
        super().__init__()
        self.client, self.over, self.changes, self.failed = Client(sw.dir + '/ctl'), False, 0, None

    def run(self):
        begin, k = time.monotonic(), 0
        try:
            while not self.over:
                add = [('filter.add', {'vport': f'vm{i % 2}', 'mac': f'02:01:00:00:{k & 255:02x}:{i:02x}',
                                       'broadcast': False}) for i in range(CHURN_BATCH)]
                made = self.client.batch(add)
                self.client.batch([('filter.del', {'id': m['filters'][0]['id']}) for m in made])
                self.changes += 2 * CHURN_BATCH
                k += 1
                time.sleep(max(0.0, begin + self.changes / CHURN_PER_S - time.monotonic()))
        except (Failed, OSError) as e:
            self.failed = e
        self.seconds = time.monotonic() - begin
        self.client.close()


def churn(env, sw):
    c = Churn(sw)
    c.start()
    try:
        r = stream(env, sw, pair(sw))
    finally:
        c.over = True
        c.join()
    if c.failed:
        raise Failed(f'filter changes failed: {c.failed}')
    r['note'] = f'{c.changes / c.seconds:.0f} changes/s'
    if len(env.cpus) < 4: # client, control thread, generator and worker share them
        r.update(basis='cycles', measured=r['value'], value=r['capacity'])
    return r


def default_queue(size):
    """The receiver's frames through the default queue, as without VMQ (vport.set bypass)."""
    def measure(env, sw):
        sw.client.call('vport.set', name='vm1', bypass=True)
        try:
            return stream(env, sw, pair(sw), size)
        finally:
            sw.client.call('vport.set', name='vm1', bypass=False)
    return measure


def control(env, sw):
    """How long the control socket takes: VPorts and filters made in batches, all of them shown and enumerated, removed."""
    c = sw.client
    values, begin = {}, time.monotonic()
    c.batch([('vport.add', {'name': f'c{i}'}) for i in range(MANY)])
    for first in range(0, MANY, 50): # 3,200 filters a line
        c.batch([('filter.add', {'vport': f'c{i}', 'mac': f'02:02:{i >> 8:02x}:{i & 255:02x}:00:{k:02x}', 'broadcast': False})
                 for i in range(first, min(first + 50, MANY)) for k in range(PER_VPORT)])
    values['made'] = time.monotonic() - begin
    vports = '80011c00' + '00' * 24   # an empty NDIS_NIC_SWITCH_VPORT_INFO_ARRAY,
    filters = '80021c00' + '00' * 24  # and NDIS_RECEIVE_FILTER_INFO_ARRAY
    for name, method, params in (
            ('vport.show', 'vport.show', {}), ('filter.show', 'filter.show', {}),
            ('ENUM_VPORTS', 'oid.request', {'oid': 'OID_NIC_SWITCH_ENUM_VPORTS', 'type': 'method', 'in': vports, 'out_len': 4 << 20}),
            ('ENUM_FILTERS', 'oid.request', {'oid': 'OID_RECEIVE_FILTER_ENUM_FILTERS', 'type': 'method', 'in': filters,
                                             'out_len': 4 << 20})):
        begin = time.monotonic()
        c.unread(method, **params)
        values[name] = time.monotonic() - begin
    c.batch([('vport.del', {'name': f'c{i}'}) for i in range(MANY)])
    return {'values': {f'vmq, {k}': v * 1000 for k, v in values.items()}}


class Attacker:
    """The VM of the third port breaks every rule, comes back, and breaks the next, until the end."""

    def __init__(self, env, sw):
        self.proc, self.begin = machine.spawn([env.attack, sw.socket(2)], stdout=subprocess.PIPE, text=True), time.monotonic()

    def end(self):
        """How many a second there were."""
        seconds = time.monotonic() - self.begin
        machine.end(self.proc)
        return read(self.proc.stdout.read()).get('attacks', 0) / seconds


def calm(env, sw):
    """The pair of `attacked`, and nobody attacks."""
    r = stream(env, sw, pair(sw))
    if len(env.cpus) < 4:
        r.update(basis='cycles', measured=r['value'], value=r['capacity'])
    return r


def attacked(env, sw):
    """The pair beside an attacker. Where the attacker would take the generator's core, what the attack alone takes of the
    worker's time is taken off what the worker could do without it."""
    if len(env.cpus) >= 4:
        a = Attacker(env, sw)
        try:
            r = stream(env, sw, pair(sw))
        finally:
            rate = a.end()
        r['note'] = f'{rate:.0f} attacks/s'
        return r
    a = Attacker(env, sw)
    time.sleep(0.5)
    before, t = sw.workers()[env.cpu], time.monotonic()
    time.sleep(env.time)
    after, seconds = sw.workers()[env.cpu], time.monotonic() - t
    rate = a.end()
    share = cycles_a_frame(before, after, 1, 1000) / 1e9 / seconds
    r = calm(env, sw)
    r['value'] *= 1 - share
    r['note'] = f'{rate:.0f} attacks/s take {share * 100:.1f} % of the worker'
    return r


class Asker(threading.Thread):
    """Asks the control socket again and again, and notes how long each answer took."""

    def __init__(self, sw):
        super().__init__()
        self.client, self.over, self.ms, self.failed = Client(sw.dir + '/ctl'), False, [], None

    def run(self):
        try:
            while not self.over:
                t = time.monotonic()
                self.client.call('vport.show', name='vm0')
                self.ms.append((time.monotonic() - t) * 1000)
                time.sleep(ASK_S)
        except (Failed, OSError) as e:
            self.failed = e
        self.client.close()


def delivered(sw, name):
    return sw.client.call('stats.show', vport=name)['vports'][0]['rx_frames']


def light_counters(sw):
    """Frames that the VMs with light traffic sent, and that were dropped on the way to them."""
    light = [s for s in sw.client.call('stats.show')['vports'] if s['name'] not in ('default', 'vm0', 'vm1')]
    drops = (n for s in light for why, n in s['drops'].items() if why != 'rx_not_connected')
    return sum(s['tx_frames'] for s in light), sum(drops)


def overload(env, sw):
    """One VM sends all it can to a second; 32 others send little, to each other. All on one worker."""
    heavy = machine.spawn(['nice', '-n', '19', *generator(env, sw, pair(sw), extra=['--yield', '--time', '600'])],
                          stdout=subprocess.DEVNULL)
    asker = Asker(sw)
    ports = ['--first', '3']
    for i in range(LIGHT):
        ports += ['--tx' if i % 2 == 0 else '--rx', sw.socket(2 + i)]
    try:
        wait = time.monotonic() + 20
        while delivered(sw, 'vm1') < 100000:
            if time.monotonic() > wait:
                raise Failed(f'{sw.name}: the heavy VM does not send')
            time.sleep(0.1)
        at_first = light_counters(sw)
        asker.start()
        before, t = delivered(sw, 'vm1'), time.monotonic()
        r = run(env, sw, generator(env, sw, ports, extra=['--pairs', '--latency', '--yield', '--burst', '1', '--rate',
                                                          str(LIGHT // 2 * LIGHT_PPS)]))
        heavy_mpps = (delivered(sw, 'vm1') - before) / (time.monotonic() - t) / 1e6
    finally:
        asker.over = True
        if asker.ident:
            asker.join()
        machine.end(heavy)
    if asker.failed:
        raise Failed(f'control did not answer: {asker.failed}')
    if 'lat_p99_us' not in r:
        raise Failed(f'{sw.name}: no light frame arrived')
    answers = sorted(asker.ms)
    shared = ', generators and control on one core' if len(env.cpus) < 4 else ''
    sent, lost = (a - b for a, b in zip(light_counters(sw), at_first))
    r['note'] = f'beside {heavy_mpps:.2f} Mpps{shared}; of {sent} light frames {lost} were dropped'
    return dict(r, values={'light, median': r['lat_p50_us'] / 1000, 'light, p99': r['lat_p99_us'] / 1000,
                           'control answer, p99': answers[int(len(answers) * 0.99)],
                           'control answer, worst': answers[-1]})


def through_wire(size, out):
    """Between a VM and the far end of the physical port: out, or in."""
    def measure(env, sw):
        vm, wire = ('--tx', '--wire-rx') if out else ('--rx', '--wire-tx')
        ports = [vm, sw.socket(0), '--idle', sw.socket(1), wire, 'wire1']
        return stream(env, sw, ports, size, before=sw.netns.inside())
    return measure


def two_workers(env, sw):
    """Two pairs, each on a worker of its own: at the same time where there are cores for it, else one after the other."""
    a, b = sw.cpus
    if len(env.cpus) >= 4:
        cmds = [generator(env, sw, pair(sw, f), core=c) for f, c in ((0, env.spare[1]), (2, env.gen_cpu))]
        procs = [machine.spawn(c, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for c in cmds]
        rows = [collect(p, sw, env.time + env.warmup + sw.warmup + 60) for p in procs]
        return dict(rows[0], value=sum(r['rx_mpps'] for r in rows))
    one = stream(env, sw, pair(sw, 0), core=b, cpu=a)
    other = stream(env, sw, pair(sw, 2), core=a, cpu=b)
    return dict(other, basis='cycles', value=one['capacity'] + other['capacity'],
                cycles=(one['cycles'] + other['cycles']) / 2, note='one after the other')


def hand_over(env, sw):
    """The sender's ring on one worker, the receiver's on another. Sharing a core makes the bursts small: a lower bound."""
    a, b = sw.cpus
    if len(env.cpus) >= 3:
        return stream(env, sw, pair(sw), cpu=a)
    before = sw.workers()
    r = run(env, sw, generator(env, sw, pair(sw), extra=['--yield']))
    after = sw.workers()
    frames = max(after[a]['frames'] - before[a]['frames'], 1)
    giving, taking = (cycles_a_frame(before[c], after[c], frames, r['mhz']) for c in (a, b))
    r['cycles'] = max(giving, taking)
    return dict(r, basis='cycles', lower=True, measured=r['rx_mpps'], value=r['mhz'] / r['cycles'],
                note=f"the generator shares the sender's core; sender's worker {giving:.0f}, receiver's {taking:.0f} cycles")


# ---- setups: a running switch, by key; in this order within a round ----

def _second(env):
    """The CPU of a second worker: the generator's where there are only two."""
    return env.spare[0] if len(env.cpus) >= 3 else env.gen_cpu


SETUPS = {
    'testpmd': lambda env: Testpmd(env),
    'ovs': lambda env: Ovs(env),
    'vmq': lambda env: Vmq(env),
    'ovs-fan': lambda env: Ovs(env, active=FAN + 1),
    'vmq-fan': lambda env: Vmq(env, active=FAN + 1),
    'vmq-filters': lambda env: Vmq(env, active=FAN + 1, silent=MANY - FAN - 1, filters=FILTERS),
    'ovs-silent': lambda env: Ovs(env, silent=256),
    'vmq-silent': lambda env: Vmq(env, silent=MANY),
    'ovs-wire': lambda env: Ovs(env, wire='afxdp'),
    'ovs-packet': lambda env: Ovs(env, wire='packet'),
    'vmq-wire': lambda env: Vmq(env),
    'vmq-attack': lambda env: Vmq(env, active=3),
    'vmq-load': lambda env: Vmq(env, active=2 + LIGHT),
    'vmq-none': lambda env: Vmq(env, active=0),
    'vmq-control': lambda env: Vmq(env, active=0),
    'vmq-two': lambda env: Vmq(env, active=4, cpus=[_second(env), env.cpu],
                               place=[_second(env)] * 2 + [env.cpu] * 2),
    'vmq-over': lambda env: Vmq(env, cpus=[_second(env), env.cpu], place=[_second(env), env.cpu]),
}


# ---- cases ----

@dataclass
class Aim:
    """`what`: a variant of the case; ratio to `to` (case, variant) of the same round, or its plain value; op bound.
    Without a bound it is there for information."""
    what: str
    to: tuple
    op: str = ''
    bound: float = None


@dataclass
class Case:
    name: str
    title: str
    unit: str
    steps: list                       # (setup, variant, measurement)
    aims: list = field(default_factory=list)
    timed: bool = True                # others on the machine make a difference


CASES = [
    Case('pair-64', 'VM to VM, 64 bytes', 'Mpps',
         [('testpmd', TESTPMD, stream_pair(64)), ('ovs', OVS, stream_pair(64)), ('vmq', VMQ, stream_pair(64))],
         [Aim(VMQ, ('pair-64', TESTPMD), '>=', 1.7), Aim(VMQ, ('pair-64', OVS), '>=', 2.5)]),
    Case('pair-1518', 'VM to VM, 1,518 bytes', 'Mpps',
         [('testpmd', TESTPMD, stream_pair(1518)), ('ovs', OVS, stream_pair(1518)), ('vmq', VMQ, stream_pair(1518))],
         [Aim(VMQ, ('pair-1518', TESTPMD), '>=', 2.4), Aim(VMQ, ('pair-1518', OVS), '>=', 2.9)]),
    Case('queue-own', "A VM's own queue against the default queue", 'Mpps',
         [('vmq', 'own queue, 64 bytes', stream_pair(64)), ('vmq', 'default queue, 64 bytes', default_queue(64)),
          ('vmq', 'own queue, 1,518 bytes', stream_pair(1518)), ('vmq', 'default queue, 1,518 bytes', default_queue(1518))],
         [Aim('own queue, 64 bytes', ('queue-own', 'default queue, 64 bytes'), '>=', 1.0),
          Aim('own queue, 1,518 bytes', ('queue-own', 'default queue, 1,518 bytes'), '>=', 1.0)]),
    Case('packed', 'Packed rings', 'Mpps',
         [('vmq', 'vmq, 64 bytes', stream_pair(64, '--packed')), ('vmq', 'vmq, 1,518 bytes', stream_pair(1518, '--packed'))],
         [Aim('vmq, 64 bytes', ('pair-64', VMQ), '>=', 1.0), Aim('vmq, 1,518 bytes', ('pair-1518', VMQ), '>=', 1.0)]),
    Case('small-pages', 'Guests without huge pages', 'Mpps',
         [('vmq', 'vmq, 64 bytes', stream_pair(64, '--small-pages')),
          ('vmq', 'vmq, 1,518 bytes', stream_pair(1518, '--small-pages'))],
         [Aim('vmq, 64 bytes', ('pair-64', VMQ)), Aim('vmq, 1,518 bytes', ('pair-1518', VMQ))]),
    Case('fanout-64', '64 receivers at random, 64 bytes', 'Mpps',
         [('ovs-fan', OVS, fan_out), ('vmq-fan', VMQ, fan_out)],
         [Aim(VMQ, ('pair-64', VMQ), '>=', 0.5), Aim(VMQ, ('fanout-64', OVS), '>=', 4)]),
    Case('filters', f'64 receivers at random, 1,000 VPorts and {FILTERS:,} filters', 'Mpps',
         [('vmq-filters', VMQ, fan_out)], [Aim(VMQ, ('fanout-64', VMQ), '>=', 0.9)]),
    Case('silent-256', 'A pair beside 256 silent VMs, 64 bytes', 'Mpps',
         [('ovs-silent', OVS, beside_silent(256)), ('vmq-silent', VMQ, beside_silent(256))],
         [Aim(VMQ, ('pair-64', VMQ), '>=', 0.97), Aim(VMQ, ('silent-256', OVS), '>=', 15)]),
    Case('silent-1000', 'A pair beside 1,000 silent VMs, 64 bytes', 'Mpps',
         [('vmq-silent', VMQ, beside_silent(MANY))],
         [Aim(VMQ, ('pair-64', VMQ), '>=', 0.97), Aim(VMQ, ('silent-256', OVS), '>=', 15)]),
    Case('idle-1000', 'Nothing to do, 1,000 VMs connected', '% of a core',
         [('vmq-silent', VMQ, idle)], [Aim(VMQ, None, '<=', 1)], timed=False),
    Case('workers-2', 'Two pairs on two workers, 64 bytes', 'Mpps',
         [('vmq-two', VMQ, two_workers)], [Aim(VMQ, ('pair-64', VMQ), '>=', 1.9)]),
    Case('handover', 'From one worker to another, 64 bytes', 'Mpps',
         [('vmq-over', VMQ, hand_over)], [Aim(VMQ, ('pair-64', VMQ), '>=', 0.75)]),
    Case('wake', 'Asleep to delivered', 'µs', [('vmq', None, wake)],
         [Aim('vmq median', None, '<=', 30), Aim('vmq p99', None, '<=', 100)]),
    Case('half-load', "Round trip at half of OVS-DPDK's load, 64 bytes", 'µs',
         [('ovs', None, half_load), ('vmq', None, half_load)],
         [Aim('vmq p99', ('half-load', f'{OVS} p99'), '<=', 0.5)]),
    Case('moderation', f'Interrupts for 1,000 frames, at {SLOW:,} frames/s (slow) and full speed (fast)', 'interrupts',
         [('vmq', None, interrupts)],
         [Aim('off, slow', None), Aim('high, slow', None), Aim('adaptive, slow', ('moderation', 'off, slow'), '>=', 0.95),
          Aim('off, fast', None), Aim('high, fast', None), Aim('adaptive, fast', ('moderation', 'high, fast'), '<=', 1.2)]),
    Case('churn', f'{CHURN_PER_S:,} filter changes a second, 64 bytes', 'Mpps',
         [('vmq', VMQ, churn)], [Aim(VMQ, ('pair-64', VMQ), '>=', 0.97)]),
    Case('control', f'{MANY:,} VPorts with {PER_VPORT} filters each through the control socket', 'ms',
         [('vmq-control', None, control)],
         [Aim('vmq, made', None, '<=', 2000), *(Aim(f'vmq, {what}', None, '<=', 100) for what in (
             'vport.show', 'filter.show', 'ENUM_VPORTS', 'ENUM_FILTERS'))]),
    *(Case(f'wire-{way}', f'{title} (vmq: AF_XDP on veth), 64 bytes', 'Mpps',
           [('ovs-wire', f'{OVS}, afxdp', through_wire(64, out)), ('ovs-packet', f'{OVS}, af_packet', through_wire(64, out)),
            ('vmq-wire', VMQ, through_wire(64, out))],
           [Aim(VMQ, (f'wire-{way}', f'{OVS}, {kind}'), '>=', 1.3) for kind in ('afxdp', 'af_packet')])
      for way, title, out in (('in', 'Wire to VM', False), ('out', 'VM to wire', True))),
    Case('attack', 'Beside a VM that attacks, 64 bytes', 'Mpps',
         [('vmq-attack', 'vmq, no attack', calm), ('vmq-attack', 'vmq, attacked', attacked)],
         [Aim('vmq, attacked', ('attack', 'vmq, no attack'), '>=', 0.95)]),
    Case('overload', f'{LIGHT} VMs with {LIGHT_PPS} frames/s beside one at full rate; control meanwhile', 'ms',
         [('vmq-load', None, overload)],
         [Aim('light, p99', None), Aim('control answer, worst', None, '<=', 100)]),
    Case('memory', 'Resident memory', 'MiB',
         [('vmq-none', 'vmq, no VPort', resident), ('vmq-silent', 'vmq, 1,000 VPorts', resident)],
         [Aim('vmq, no VPort', None, '<=', 16), Aim('vmq, 1,000 VPorts', None, '<=', 16 + MANY / 16)],
         timed=False),
]

BY_NAME = {c.name: c for c in CASES}
QUICK = ['pair-64', 'pair-1518']
