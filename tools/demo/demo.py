#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""make demo: vmqd with two real Linux VMs, one untagged and one in a VLAN, traffic every way, and the table of queues.

Everything runs in network namespaces that vanish with this process; the host's network is not touched. The status is 0
only when all data arrived unchanged and no frame was seen where it should not have been.
"""
import os
import shutil
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '..', '..', 'tests', 'system'))
from vmqtest import daemon, guest, netns, procs, transfer  # noqa: E402
from vmqtest.lab import Lab  # noqa: E402

VM1, VM1B, VM2 = '52:54:00:00:00:01', '52:54:00:00:00:11', '52:54:00:00:00:02'
VMS = {bytes.fromhex(m.replace(':', '')) for m in (VM1, VM1B, VM2)}
VLAN = 100
SIZE = 8 << 20      # bytes a transfer
PHASE_S = 8         # how long each kind of traffic is kept up, at least one transfer of each
REFRESH_S = 2

PICTURE = '''
   far end of the wire                    vmqd, the switch                     two virtual machines
                                     .--------------------------.
   10.77.0.254    untagged    ____   |  VPort vm1    untagged   |---- VM1 eth0  10.77.0.1    CPU {c0}
   10.77.100.254  VLAN 100    wire---|  VPort vm1b   VLAN 100   |---- VM1 eth1  10.77.100.1  CPU {c0}
                                     |  VPort vm2    VLAN 100   |---- VM2 eth0  10.77.100.2  CPU {c1}
                                     |  VPort default           |---- the host's TAP vmq0: what no filter claims
                                     '--------------------------'
'''

TTY = sys.stdout.isatty()
BOLD, GREEN, RED, PLAIN = ('\033[1m', '\033[32m', '\033[31m', '\033[0m') if TTY else ('',) * 4
BEGAN = time.monotonic()


def say(text):
    print(f'[{time.monotonic() - BEGAN:5.1f} s] {text}', flush=True)


def title(text):
    print(f'\n{BOLD}{text}{PLAIN}', flush=True)


class Watch(threading.Thread):
    """Looks at every frame that leaves the switch at one place and keeps those that should not be there."""

    def __init__(self, port, wrong):
        super().__init__(daemon=True)
        self.port, self.wrong = port, wrong
        self.seen, self.bad, self.ending = 0, [], False
        self.start()

    def run(self):
        while True:
            try:
                f = self.port.recv(0.2)
            except OSError as e:  # the namespace is gone: we are being ended, or the device was taken away
                self.bad.append(str(e))
                return
            if f is None:
                if self.ending:
                    return
                continue
            self.seen += 1
            reason = self.wrong(f)
            if reason:
                self.bad.append(f'{reason}: {f[:18].hex()}')

    def finish(self):
        self.ending = True
        self.join(30)
        lost = self.port.lost()
        if lost:
            self.bad.append(f'{lost} frames were not looked at')
        return self.bad


def vid(f):
    return int.from_bytes(f[14:16], 'big') & 0xfff if f[12:14] == b'\x81\x00' else None


def wrong_on_the_wire(f):
    want = {VM1: None, VM1B: VLAN, VM2: VLAN}
    src = ':'.join(f'{b:02x}' for b in f[6:12])
    if f[:6] in VMS:
        return 'a frame for a VM left the switch'
    if src not in want:
        return 'a frame of a stranger'
    if vid(f) != want[src]:
        return f'VLAN {vid(f)} where {want[src]} was due'
    return None


def wrong_at_the_host(f):
    # The default VPort gets group frames and what no filter claims; never what a VM's filter claims.
    return 'a frame that a VM\'s filter claims' if f[:6] in VMS else None


class Demo:
    def __init__(self):
        self.failures = []

    def check(self, what, problem=None):
        if problem:
            self.failures.append(what)
        mark = f'{RED}FAILED{PLAIN}' if problem else f'{GREEN}ok{PLAIN}    '
        print(f'  {mark} {what}' + (f'\n         {problem}' if problem else ''), flush=True)

    def start(self):
        c = daemon.cpus()
        self.cpu = {'vm1': c[0], 'vm1b': c[0], 'vm2': c[-1]}
        print(f'{BOLD}vmq: a NIC switch for virtual machines{PLAIN}')
        print(PICTURE.format(c0=c[0], c1=c[-1]))
        say('the guest: Debian\'s kernel and busybox (made the first time, kept in ~/.cache/vmq)')
        guest.image()
        how = guest.accel(say)
        x = self.lab = Lab(driver='auto', host_promiscuous=False, vports=[
            {'name': 'vm1', 'mac': VM1, 'cpu': self.cpu['vm1']},
            {'name': 'vm1b', 'mac': VM1B, 'vlan': VLAN, 'cpu': self.cpu['vm1b']},
            {'name': 'vm2', 'mac': VM2, 'vlan': VLAN, 'cpu': self.cpu['vm2']}])
        port = x.vmqd.call('switch.show')['switches'][0]['port']
        say(f'vmqd runs; the wire is {port["device"]}: {port["describe"]}')
        x.far.run('ip', 'addr', 'add', '10.77.0.254/24', 'dev', 'w0')
        x.far.run('ip', 'addr', 'add', '10.77.100.254/24', 'dev', netns.vlan(x.far, 'w0', VLAN))
        self.watches = {'the wire': Watch(x.wire, wrong_on_the_wire), 'the host': Watch(x.host, wrong_at_the_host)}
        path = x.vmqd.path
        self.vm1 = guest.Guest('vm1', [guest.Nic(path('vm1'), VM1, '10.77.0.1/24'),
                                       guest.Nic(path('vm1b'), VM1B, '10.77.100.1/24')], how=how, wait=False)
        self.vm2 = guest.Guest('vm2', [guest.Nic(path('vm2'), VM2, '10.77.100.2/24')], how=how, wait=False)
        say(f'VM1 and VM2 boot under QEMU {guest.qemu_version()} ({how.upper()}) …')
        for g in (self.vm1, self.vm2):
            g.wait_ready()
        x.vmqd.wait_running(*self.cpu)
        say('both are up, their queues are served')

    def table(self, lines_before=0):
        text = self.lab.vmqd.vmqctl('queue', 'show')
        if TTY and lines_before:
            sys.stdout.write(f'\033[{lines_before}F\033[J')
        width = shutil.get_terminal_size((200, 50)).columns if TTY else 1000
        lines = ['  ' + line for line in text.rstrip().splitlines()]
        print('\n'.join(line[:width] for line in lines), flush=True)
        return len(lines)

    def phase(self, heading, kinds):
        """kinds: functions that begin a Transfer. They run side by side, again and again, and the table is shown."""
        title(heading)
        end, began, count, moved = time.monotonic() + PHASE_S, time.monotonic(), 0, 0
        lines, shown, problem = 0, 0.0, None
        running = {k: k() for k in kinds}
        try:
            while running:
                for k, t in list(running.items()):
                    if t.done():
                        t.finish()
                        count, moved = count + 1, moved + t.size
                        del running[k]
                        if time.monotonic() < end:
                            running[k] = k()
                if time.monotonic() - shown >= (0.5 if TTY else REFRESH_S * 2):
                    lines = self.table(lines)
                    shown = time.monotonic()
                time.sleep(0.02)
        except (AssertionError, RuntimeError, OSError) as e:
            problem = str(e)
        self.table(lines)
        seconds = time.monotonic() - began
        self.check(f'{count} transfers, {moved >> 20} MiB in {seconds:.1f} s, checksums equal at both ends', problem)

    def traffic(self):
        far, vm1, vm2 = self.lab.far, self.vm1, self.vm2
        self.phase('Wire to VM: untagged frames reach VM1, frames of VLAN 100 reach VM2', [
            lambda: transfer.from_netns(far, vm1, '10.77.0.1', SIZE),
            lambda: transfer.from_netns(far, vm2, '10.77.100.2', SIZE)])
        self.phase('VM to wire: VM1\'s frames leave untagged, VM2\'s with the tag of VLAN 100', [
            lambda: transfer.to_netns(vm1, far, '10.77.0.254', SIZE),
            lambda: transfer.to_netns(vm2, far, '10.77.100.254', SIZE)])
        self.phase('VM to VM inside the switch: VM1\'s second device to VM2, both in VLAN 100', [
            lambda: transfer.between(vm1, vm2, '10.77.100.2', SIZE)])

    def verify(self):
        title('Where every frame went')
        x = self.lab
        for g, vm in ((self.vm1, 'VM1'), (self.vm2, 'VM2')):
            stray, last = g.stray()
            self.check(f'{vm}\'s kernel was given no frame for another address and none with a VLAN tag left on',
                       f'{stray} such frames, the last: {last}' if stray else None)
        for name, g, dev in (('vm1', self.vm1, 'eth0'), ('vm1b', self.vm1, 'eth1'), ('vm2', self.vm2, 'eth0')):
            there, here = g.received(dev), x.vmqd.queue(name)['rx_frames']
            self.check(f'the queue of {name} delivered {here} frames, {g.name} received as many on {dev}',
                       None if there == here and here else f'{g.name} received {there}')
        for where, w in self.watches.items():
            bad = w.finish()
            self.check(f'{w.seen} frames went to {where}, each of them rightly (no VM\'s frame, the right tags)',
                       f'{len(bad)} wrong: {bad[0]}' if bad else None if w.seen else 'nothing came at all')
        for name, cpu in self.cpu.items():
            q = x.vmqd.queue(name)
            self.check(f'the queue of {name} is on CPU {cpu} and runs',
                       None if (q['cpu'], q['state']) == (cpu, 'running') else f'CPU {q["cpu"]}, {q["state"]}')
        busy = {w['cpu']: w['frames'] for w in x.vmqd.call('stats.show')['workers']}
        idle = [c for c in self.cpu.values() if not busy.get(c)]
        self.check('each of these CPUs has worked: ' + ', '.join(f'CPU {c}: {n} frames' for c, n in busy.items()),
                   f'none on CPU {idle[0]}' if idle else None)
        for heading, command in (
                ('The queues at the end', ('queue', 'show')),
                ('All counters, and the CPUs', ('stats', 'show')),
                ('What becomes of a frame, and why', ('explain', 'from', 'wire', 'dst', VM2, 'vlan', str(VLAN)))):
            title(f'{heading} (vmqctl {" ".join(command)})')
            print(x.vmqd.vmqctl(*command).rstrip())

    def stop(self):
        for g in (self.vm1, self.vm2):
            g.stop()
        try:
            self.lab.stop()
        except AssertionError as e:
            self.check('vmqd ends by itself', str(e))


def main():
    if os.getuid() != 0:
        print('make demo needs root: it makes network namespaces', file=sys.stderr)
        return 1
    procs.end_on_signals()
    d = Demo()
    try:
        d.start()
        d.traffic()
        d.verify()
        d.stop()
    except KeyboardInterrupt:
        print('\ninterrupted; cleaning up', flush=True)
        return 130
    except Exception as e:
        if d.__dict__.get('lab') and d.lab.vmqd.proc:
            print(d.lab.vmqd.proc.log(), file=sys.stderr)
        print(f'{RED}the demo failed:{PLAIN} {e}', file=sys.stderr)
        return 1
    finally:
        procs.close_all()
    if d.failures:
        print(f'\n{RED}{len(d.failures)} of the checks failed{PLAIN}')
        return 1
    print(f'\n{GREEN}No frame went where it should not.{PLAIN} It took {time.monotonic() - BEGAN:.0f} s; '
          'nothing is left running.')
    return 0


sys.exit(main())
