# SPDX-License-Identifier: BSD-3-Clause
"""The cases: what is measured on which switch, and what a user of vmq may expect of the result (the aims).

A step is one short measurement of one case on one running switch. Steps that need the same switch (the same setup) share one
start of it. A step returns a row: `value` in the case's unit, or `values` by variant, and what the generator saw."""
import os
import subprocess
import threading
import time
from dataclasses import dataclass, field

from . import machine
from .generator import read
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
WAKES = 200         # a slice
IDLE_S = 5
LIGHT = 32          # VMs with light traffic, beside one at full rate
LIGHT_PPS = 100     # frames a second each
LIGHT_S = 2
ASK_S = 0.02        # control is asked so often


# ---- the generator ----

def run(env, sw, gen, command, patience=0, **words):
    """A measurement's row; in taken_pct the share of a core's time that others took from the generator and the switch."""
    machine.before_others(sw.proc.pid, env.priority)
    for pid in sw.receivers: # as interrupts would
        machine.before_others(pid, env.priority, level=2)
    before, received, t = sw.threads(), sw.received_ns(), time.monotonic()
    gen.begin(command, **words)
    r = gen.result(patience + 60)
    spans = [(ran - before[k][0], waited - before[k][1]) for k, (ran, waited) in sw.threads().items() if k in before]
    if 'gen_wait_pct' in r and spans: # for the kernel's threads that receive for it the switch waits as for itself
        waited = max(0, max(spans)[1] - (sw.received_ns() - received))
        r['taken_pct'] = r['gen_wait_pct'] + waited / (time.monotonic() - t) / 1e7
    return r


def pair(sw, first=0, *extra, **kw):
    """The generator of a pair of VMs: the one of port `first` sends to the next."""
    return sw.generator('--first', str(first + 1), '--tx', sw.socket(first), '--rx', sw.socket(first + 1), *extra, **kw)


def cycles_a_frame(before, after, frames, mhz):
    """Of a worker's time those turns that found work, without what others took of its processor meanwhile."""
    busy, poll, cpu = (after[k] - before[k] for k in ('busy_ns', 'poll_ns', 'cpu_ns'))
    return cpu * busy / max(busy + poll, 1) / frames * mhz / 1000


def stream(env, sw, gen, size=64, rate=0, cpu=None):
    """Frames for a while. With vmq also the cycles a frame of the worker on `cpu`, from its own counters, and how many
    frames a second that worker could do (capacity)."""
    cpu = env.cpu if cpu is None else cpu
    begin = sw.workers()[cpu] if isinstance(sw, Vmq) else None
    r = run(env, sw, gen, 'stream', env.time + env.warmup, time=env.time, warmup=env.warmup, size=size, rate=rate)
    r['value'] = r['rx_mpps']
    if begin:
        now = sw.workers()[cpu]
        r['cycles'] = cycles_a_frame(begin, now, max(now['frames'] - begin['frames'], 1), r['mhz'])
        r['capacity'] = r['mhz'] / r['cycles'] if r['cycles'] else 0
    return r


# ---- the measurements ----

def stream_pair(size, first=0, *extra):
    return lambda env, sw: stream(env, sw, pair(sw, first, *extra), size)


def fan_out(env, sw):
    ports = ['--tx', sw.socket(0)]
    for i in range(1, FAN + 1):
        ports += ['--rx', sw.socket(i)]
    return stream(env, sw, sw.generator(*ports, '--random'))


def beside_silent(env, sw):
    sw.connect_silent(sw.silent)
    return stream(env, sw, pair(sw))


def idle(env, sw):
    sw.connect_silent(sw.silent)
    begin, t = sw.cpu_ns(), time.monotonic()
    time.sleep(IDLE_S)
    return {'value': (sw.cpu_ns() - begin) / (time.monotonic() - t) / 1e7}


def resident(env, sw):
    sw.connect_silent(sw.silent)
    return {'value': sw.resident_mib()}


def wake(env, sw):
    """A frame after a silence; in turn with it, without vmq, a thread on the worker's CPU after the same silence."""
    r = run(env, sw, pair(sw), 'wake', wake=WAKES, core=env.cpu)
    if 'wake_p50_us' not in r:
        raise Failed(f'{sw.name}: no frame arrived')
    return dict(r, values={'vmq median': r['wake_p50_us'], 'vmq p99': r['wake_p99_us'], 'the machine alone, median': r['alone_p50_us'],
                           'the machine alone, p99': r['alone_p99_us'],
                           'vmq less the machine, median': r['wake_p50_us'] - r['alone_p50_us']},
                note='the machine alone: a thread asleep in epoll on the worker\'s CPU, woken by an event descriptor; vmqd\'s light sleep, '
                     'begun by the first frames, is that CPU\'s and so counts for both')


LEVELS = ('off', 'high', 'adaptive')
SLOW = 10000 # frames a second


def moderated(env, sw):
    """A receiver that asks for interrupts, at each level, slowly and at full speed: interrupts for 1,000 frames, and of
    them those that were not held back beyond their turn, in %."""
    got = {}
    for level in LEVELS:
        for speed, first, options, rate in (('slow', 0, ['--burst', '1'], SLOW), ('fast', 2, [], 0)):
            name, gen = f'vm{first + 1}', pair(sw, first, '--interrupts', *options)
            sw.client.call('vport.set', name=name, moderation=level)
            a = sw.client.call('stats.show', vport=name)['vports'][0]
            r = run(env, sw, gen, 'stream', time=env.time, warmup=env.warmup, rate=rate)
            b = sw.client.call('stats.show', vport=name)['vports'][0]
            calls = b['rx_notifications'] - a['rx_notifications']
            got[f'{level}, {speed}'] = 1000 * calls / max(b['rx_frames'] - a['rx_frames'], 1)
            got[f'{level}, {speed}: at once'] = 100 * (b['notify_delay']['1'] - a['notify_delay']['1']) / max(calls, 1)
    return r, got


def interrupts(env, sw):
    r, got = moderated(env, sw)
    at_once = ', '.join(f'{level} {got[f"{level}, slow: at once"]:.0f} %' for level in LEVELS)
    return dict(r, values={k: v for k, v in got.items() if not k.endswith('at once')},
                note=f'sent in the turn of the frame at {SLOW:,} frames/s: {at_once}')


def half_load(env, sw):
    """Round trips at half of what Open vSwitch could do just now; without it, at half of our own."""
    gen = sw.generator('--both', sw.socket(0), '--echo', sw.socket(1))
    if env.half_load_of in (None, sw.key):
        env.half_load_of = sw.key
        env.half_load = run(env, sw, gen, 'stream', time=env.time, warmup=env.warmup, rate=0)['rx_mpps'] / 2
    r = run(env, sw, gen, 'stream', time=env.time, warmup=env.warmup, rate=f'{env.half_load * 1e6 + 1:.0f}')
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
    if len(env.cpus) >= 4:
        return r
    r.pop('taken_pct', None) # client, control thread, generator and worker share them
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
    """The VM of the third port breaks every rule, comes back, and breaks the next, for as long as the `with` block runs;
    then `rate` says how often a second."""

    def __init__(self, env, sw):
        self.cmd, self.cpu = [env.attack, sw.socket(2)], env.spare[1] if len(env.cpus) >= 4 else env.gen_cpu

    def __enter__(self):
        self.proc = machine.spawn(self.cmd, stdout=subprocess.PIPE, text=True)
        os.sched_setaffinity(self.proc.pid, {self.cpu})
        os.setpriority(os.PRIO_PROCESS, self.proc.pid, -20) # before the generator, should that have the same core
        self.proc.stdout.readline() # it has begun
        self.begin = time.monotonic()
        return self

    def __exit__(self, *_):
        seconds = time.monotonic() - self.begin
        machine.end(self.proc)
        self.rate = read(self.proc.stdout.read()).get('attacks', 0) / seconds
        self.proc.stdout.close()


def attack_takes(env, sw):
    """The share of the worker's time that the attack takes while nothing else happens, and how many attacks a second that
    were."""
    with Attacker(env, sw) as a:
        before, t = sw.workers()[env.cpu], time.monotonic()
        time.sleep(env.time)
        after, seconds = sw.workers()[env.cpu], time.monotonic() - t
    return cycles_a_frame(before, after, 1, 1000) / 1e9 / seconds, a.rate


def attack(env, sw):
    """The pair alone and beside an attacker. Where there are too few cores the attacker shares the generator's and goes first, and the
    worker's cycles a frame say what it costs: for each frame there are more attacks than if both had a core. What an attacker with
    the core for itself takes of the worker's time is measured, too, and taken off what the worker can do."""
    calm = stream(env, sw, pair(sw, priority=False))
    with Attacker(env, sw) as a:
        r = stream(env, sw, pair(sw, priority=False))
    if len(env.cpus) >= 4:
        return dict(r, values={'vmq, no attack': calm['value'], 'vmq, attacked': r['value']}, note=f'{a.rate:.0f} attacks/s')
    share, rate = attack_takes(env, sw)
    calm.pop('cycles') # of one of three
    return dict(calm, basis='cycles', values={
        'vmq, no attack': calm['capacity'], 'vmq, attacked': r['capacity'],
        'vmq, less what an attack alone takes': calm['capacity'] * (1 - share)},
        note=f'attacked: {a.rate:.0f} attacks/s beside {r["rx_mpps"]:.1f} Mpps from one core; alone: {rate:.0f} attacks/s take '
             f'{share * 100:.1f} % of the worker')


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
    heavy = pair(sw, 0, '--yield', before=['nice', '-n', '19'], priority=False)
    words = ['--first', '3', '--pairs', '--latency', '--yield', '--burst', '1']
    for i in range(LIGHT):
        words += ['--tx' if i % 2 == 0 else '--rx', sw.socket(2 + i)]
    light = sw.generator(*words)
    asker = Asker(sw)
    heavy.begin('stream', time=3 * LIGHT_S, warmup=0)
    limit = time.monotonic() + LIGHT_S
    while delivered(sw, 'vm1') < 100000:
        if time.monotonic() > limit:
            raise Failed(f'{sw.name}: the heavy VM does not send')
        time.sleep(0.05)
    try:
        at_first = light_counters(sw)
        asker.start()
        before, t = delivered(sw, 'vm1'), time.monotonic()
        r = run(env, sw, light, 'stream', LIGHT_S, time=LIGHT_S, warmup=env.warmup, rate=LIGHT // 2 * LIGHT_PPS)
        heavy_mpps = (delivered(sw, 'vm1') - before) / (time.monotonic() - t) / 1e6
    finally:
        asker.over = True
        asker.join()
    heavy.result(3 * LIGHT_S)
    if asker.failed:
        raise Failed(f'control did not answer: {asker.failed}')
    if 'lat_p99_us' not in r:
        raise Failed(f'{sw.name}: no light frame arrived')
    answers = sorted(asker.ms)
    shared = ''
    if len(env.cpus) < 4:
        shared = ', generators and control on one core'
        r.pop('taken_pct', None)
    sent, lost = (a - b for a, b in zip(light_counters(sw), at_first))
    r['note'] = f'beside {heavy_mpps:.2f} Mpps{shared}; of {sent} light frames {lost} were dropped'
    return dict(r, values={'light, median': r['lat_p50_us'] / 1000, 'light, p99': r['lat_p99_us'] / 1000,
                           'control answer, p99': answers[int(len(answers) * 0.99)],
                           'control answer, worst': answers[-1]})


BY_HAND = 'NAPI thread by hand' # what vmqd does on veth by itself
WIRE_ID = 9000 # the address of who sends from the far end of the wire


def through_wire(out):
    """Between a VM and the far end of the physical port: out from the first VM, or in to the second."""
    def measure(env, sw):
        if out:
            words = ['--tx', sw.socket(0), '--first', str(WIRE_ID), '--wire-rx', 'wire1']
        else:
            words = ['--first', '2', '--rx', sw.socket(1), '--first', str(WIRE_ID + 1), '--wire-tx', 'wire1']
        return stream(env, sw, sw.generator(*words, before=sw.netns.inside()))
    return measure


def two_workers(env, sw):
    """Two pairs, each on a worker of its own: at the same time where there are cores for it, else one after the other."""
    a, b = sw.cpus
    if len(env.cpus) >= 4:
        gens = [pair(sw, f, core=c) for f, c in ((0, env.spare[1]), (2, env.gen_cpu))]
        for g in gens:
            g.begin('stream', time=env.time, warmup=env.warmup)
        rows = [g.result(env.time + env.warmup + 60) for g in gens]
        return dict(rows[0], value=sum(r['rx_mpps'] for r in rows))
    one = stream(env, sw, pair(sw, 0, core=b), cpu=a)
    other = stream(env, sw, pair(sw, 2, core=a), cpu=b)
    return dict(other, basis='cycles', value=one['capacity'] + other['capacity'],
                cycles=(one['cycles'] + other['cycles']) / 2, note='one after the other')


def set_policy(sw, policy):
    for cpu in sw.cpus:
        sw.client.call('worker.set', cpu=cpu, policy=policy)


ACROSS, SAME = 'vmq', 'one worker, likewise'


def hand_over(env, sw):
    """The sender's ring on one worker, the receiver's on another, and beside it a pair on one worker. With two cores one of
    the workers shares the generator's, so it is done twice: once the receiver's worker has the other core for itself, once
    (ports 2 and 3) the sender's. The slower of the two, each measured while it had a core, is what both together can do.
    Nobody sleeps: the generator goes first on its core and pauses when the rings are full, so that bursts are as long as with
    a core for each."""
    shared, alone = sw.cpus
    if len(env.cpus) >= 3:
        r = stream(env, sw, pair(sw), cpu=shared)
        return dict(r, values={ACROSS: r['value'], SAME: stream(env, sw, pair(sw, 4), cpu=alone)['value']})
    took = {}
    set_policy(sw, 'poll')
    for who, first, sends in (('receiver', 0, shared), ('sender', 2, alone), (SAME, 4, alone)):
        gen = pair(sw, first, '--pause', '30', '--burst', '64', before=['chrt', '--fifo', '2'], priority=False)
        before = sw.workers()
        r = run(env, sw, gen, 'stream', time=env.time, warmup=env.warmup)
        after = sw.workers()
        took[who] = cycles_a_frame(before[alone], after[alone], max(after[sends]['frames'] - before[sends]['frames'], 1), r['mhz'])
    set_policy(sw, 'adaptive') # whoever is measured next has the cores
    r.pop('taken_pct', None)
    return dict(r, basis='cycles', values={ACROSS: r['mhz'] / max(took['receiver'], took['sender']), SAME: r['mhz'] / took[SAME]},
                note=f"each worker measured while the other shared the generator's core; sender's {took['sender']:.0f}, receiver's "
                     f"{took['receiver']:.0f} cycles, one for both {took[SAME]:.0f}")


# ---- setups: a switch, by key; several may run at once ----

def _second(env):
    """The CPU of a second worker: the generator's where there are only two."""
    return env.spare[0] if len(env.cpus) >= 3 else env.gen_cpu


SETUPS = {
    'testpmd': lambda env, key: Testpmd(env, key=key),
    'ovs': lambda env, key: Ovs(env, key=key),
    'vmq': lambda env, key: Vmq(env, active=8, key=key), # pairs: split, packed, on small pages, with descriptors anew
    'ovs-fan': lambda env, key: Ovs(env, active=FAN + 1, key=key),
    'vmq-fan': lambda env, key: Vmq(env, active=FAN + 1, key=key),
    'vmq-filters': lambda env, key: Vmq(env, active=FAN + 1, silent=MANY - FAN - 1, filters=FILTERS, key=key),
    'ovs-silent': lambda env, key: Ovs(env, silent=256, key=key),
    'vmq-silent': lambda env, key: Vmq(env, silent=256, key=key),
    'vmq-many': lambda env, key: Vmq(env, silent=MANY, key=key),
    'ovs-wire': lambda env, key: Ovs(env, wire='afxdp', key=key),
    'ovs-napi': lambda env, key: Ovs(env, wire='afxdp', napi_thread=True, key=key),
    'ovs-packet': lambda env, key: Ovs(env, wire='packet', key=key),
    'vmq-wire': lambda env, key: Vmq(env, key=key),
    'ovs-echo': lambda env, key: Ovs(env, key=key),
    'vmq-echo': lambda env, key: Vmq(env, key=key),
    'vmq-moderation': lambda env, key: Vmq(env, active=4, key=key),
    'vmq-attack': lambda env, key: Vmq(env, active=3, key=key),
    'vmq-load': lambda env, key: Vmq(env, active=2 + LIGHT, key=key),
    'vmq-none': lambda env, key: Vmq(env, active=0, key=key),
    'vmq-control': lambda env, key: Vmq(env, active=0, key=key),
    'vmq-two': lambda env, key: Vmq(env, active=4, cpus=[_second(env), env.cpu],
                                    place=[_second(env)] * 2 + [env.cpu] * 2, key=key),
    'vmq-over': lambda env, key: Vmq(env, active=6, cpus=[_second(env), env.cpu],
                                     place=[_second(env), env.cpu, env.cpu, _second(env), env.cpu, env.cpu], key=key),
}


# ---- cases ----

@dataclass
class Aim:
    """`what`: a variant of the case; ratio to `to` (case, variant) of the same cycle, or its plain value; op bound.
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
    group: str                        # cases of one group are measured in turn, all their switches up
    steps: list                       # (setup, variant, measurement)
    aims: list = field(default_factory=list)
    timed: bool = True                # others on the machine make a difference
    once: bool = False                # a round, not a cycle


PACKED, SMALL, ANEW = 2, 4, 6 # the first ports of those pairs
SIZES = (64, 1518)


def _by_size(name, title, group, steps, aims):
    """A case for each size of frames. steps, aims: functions of the size."""
    return [Case(f'{name}-{n}', f'{title}, {n:,} bytes', 'Mpps', group, steps(n), aims(n)) for n in SIZES]


CASES = [
    *_by_size('pair', 'VM to VM', 'pair',
              lambda n: [('testpmd', TESTPMD, stream_pair(n)), ('ovs', OVS, stream_pair(n)), ('vmq', VMQ, stream_pair(n))],
              lambda n: [Aim(VMQ, (f'pair-{n}', TESTPMD), '>=', {64: 1.7, 1518: 2.4}[n]),
                         Aim(VMQ, (f'pair-{n}', OVS), '>=', {64: 2.5, 1518: 2.9}[n])]),
    *_by_size('queue-own', "A VM's own queue against the default queue", 'pair',
              lambda n: [('vmq', 'own queue', stream_pair(n)), ('vmq', 'default queue', default_queue(n))],
              lambda n: [Aim('own queue', (f'queue-own-{n}', 'default queue'), '>=', 1.0)]),
    *_by_size('packed', 'Packed rings', 'pair', lambda n: [('vmq', VMQ, stream_pair(n, PACKED, '--packed'))],
              lambda n: [Aim(VMQ, (f'pair-{n}', VMQ), '>=', 1.0), Aim(VMQ, (f'descriptors-{n}', VMQ))]),
    *_by_size('descriptors', 'Split rings, a driver that writes descriptors anew', 'pair',
              lambda n: [('vmq', VMQ, stream_pair(n, ANEW, '--write-descriptors'))], lambda n: [Aim(VMQ, (f'pair-{n}', VMQ))]),
    *_by_size('small-pages', 'Guests without huge pages', 'pair', lambda n: [('vmq', VMQ, stream_pair(n, SMALL, '--small-pages'))],
              lambda n: [Aim(VMQ, (f'pair-{n}', VMQ))]),
    Case('churn', f'{CHURN_PER_S:,} filter changes a second, 64 bytes', 'Mpps', 'pair', [('vmq', VMQ, churn)],
         [Aim(VMQ, ('pair-64', VMQ), '>=', 0.97)]),
    Case('wake', 'Asleep to delivered', 'µs', 'pair', [('vmq', None, wake)],
         [Aim('vmq median', None, '<=', 30), Aim('vmq p99', None, '<=', 100), Aim('the machine alone, median', None),
          Aim('vmq less the machine, median', None), Aim('vmq median', ('wake', 'the machine alone, median')),
          Aim('vmq p99', ('wake', 'the machine alone, p99'))]),
    Case('fanout-64', '64 receivers at random, 64 bytes', 'Mpps', 'fan', [('ovs-fan', OVS, fan_out), ('vmq-fan', VMQ, fan_out)],
         [Aim(VMQ, ('pair-64', VMQ), '>=', 0.5), Aim(VMQ, ('fanout-64', OVS), '>=', 4)]),
    Case('filters', f'64 receivers at random, 1,000 VPorts and {FILTERS:,} filters', 'Mpps', 'fan',
         [('vmq-filters', VMQ, fan_out)], [Aim(VMQ, ('fanout-64', VMQ), '>=', 0.9)]),
    Case('silent-256', 'A pair beside 256 silent VMs, 64 bytes', 'Mpps', 'silent',
         [('ovs-silent', OVS, beside_silent), ('vmq-silent', VMQ, beside_silent)],
         [Aim(VMQ, ('pair-64', VMQ), '>=', 0.97), Aim(VMQ, ('silent-256', OVS), '>=', 15)]),
    Case('silent-1000', 'A pair beside 1,000 silent VMs, 64 bytes', 'Mpps', 'silent', [('vmq-many', VMQ, beside_silent)],
         [Aim(VMQ, ('pair-64', VMQ), '>=', 0.97), Aim(VMQ, ('silent-256', OVS), '>=', 15)]),
    Case('idle-1000', 'Nothing to do, 1,000 VMs connected', '% of a core', 'silent', [('vmq-many', VMQ, idle)],
         [Aim(VMQ, None, '<=', 1)], timed=False, once=True),
    Case('memory', 'Resident memory', 'MiB', 'silent',
         [('vmq-none', 'vmq, no VPort', resident), ('vmq-many', 'vmq, 1,000 VPorts', resident)],
         [Aim('vmq, no VPort', None, '<=', 16), Aim('vmq, 1,000 VPorts', None, '<=', 16 + MANY / 16)], timed=False, once=True),
    Case('workers-2', 'Two pairs on two workers, 64 bytes', 'Mpps', 'workers', [('vmq-two', VMQ, two_workers)],
         [Aim(VMQ, ('pair-64', VMQ), '>=', 1.9)]),
    Case('handover', 'From one worker to another, 64 bytes', 'Mpps', 'workers', [('vmq-over', None, hand_over)],
         [Aim(ACROSS, ('handover', SAME), '>=', 0.75)]),
    Case('half-load', "Round trip at half of OVS-DPDK's load, 64 bytes", 'µs', 'load',
         [('ovs-echo', None, half_load), ('vmq-echo', None, half_load)],
         [Aim('vmq p99', ('half-load', f'{OVS} p99'), '<=', 0.5)]),
    Case('moderation', f'Interrupts for 1,000 frames, at {SLOW:,} frames/s (slow) and full speed (fast)', 'interrupts', 'load',
         [('vmq-moderation', None, interrupts)],
         [Aim('off, slow', None), Aim('high, slow', None), Aim('adaptive, slow', ('moderation', 'off, slow'), '>=', 0.95),
          Aim('off, fast', None), Aim('high, fast', None), Aim('adaptive, fast', ('moderation', 'high, fast'), '<=', 1.2)],
         once=True),
    *(Case(f'wire-{way}', f'{title} (vmq: driver xdp on veth), 64 bytes', 'Mpps', 'wire',
           [('ovs-wire', f'{OVS}, afxdp', through_wire(out)), ('ovs-napi', f'{OVS}, afxdp, {BY_HAND}', through_wire(out)),
            ('ovs-packet', f'{OVS}, af_packet', through_wire(out)), ('vmq-wire', VMQ, through_wire(out))],
           [*(Aim(VMQ, (f'wire-{way}', f'{OVS}, {kind}'), '>=', 1.3) for kind in ('afxdp', 'af_packet')),
            Aim(VMQ, (f'wire-{way}', f'{OVS}, afxdp, {BY_HAND}'))])
      for way, title, out in (('in', 'Wire to VM', False), ('out', 'VM to wire', True))),
    Case('attack', 'Beside a VM that attacks, 64 bytes', 'Mpps', 'attack',
         [('vmq-attack', None, attack)],
         [Aim(what, ('attack', 'vmq, no attack'), '>=', 0.95) for what in ('vmq, attacked', 'vmq, less what an attack alone takes')]),
    Case('overload', f'{LIGHT} VMs with {LIGHT_PPS} frames/s beside one at full rate; control meanwhile', 'ms', 'attack',
         [('vmq-load', None, overload)],
         [Aim('light, p99', None), Aim('control answer, worst', None, '<=', 100)], once=True),
    Case('control', f'{MANY:,} VPorts with {PER_VPORT} filters each through the control socket', 'ms', 'attack',
         [('vmq-control', None, control)],
         [Aim('vmq, made', None, '<=', 2000), *(Aim(f'vmq, {what}', None, '<=', 100) for what in (
             'vport.show', 'filter.show', 'ENUM_VPORTS', 'ENUM_FILTERS'))], once=True),
]

BY_NAME = {c.name: c for c in CASES}
QUICK = ['pair-64', 'pair-1518']
COMPARED = ['pair-64', 'pair-1518', 'packed-64', 'packed-1518', 'fanout-64', 'filters', 'wire-in', 'wire-out'] # builds
