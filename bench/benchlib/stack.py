# SPDX-License-Identifier: BSD-3-Clause
"""A pair of VMs whose guests are the kernel's TCP stack: network namespaces behind TAP devices, joined to a switch by vtap.
What they send each other is checked before it is measured."""
import contextlib
import hashlib
import json
import os
import select
import subprocess

from . import machine, switches
from .generator import read
from .machine import Failed, end, spawn, tail

MTU = 1500
INTERVAL_S = 0.1  # of iperf3's reports
SETTLE_S = 0.3    # of a connection, that are not counted
CHECKED = 8 << 20 # bytes each way before a measurement

QUIET = ('for c in all default; do [ ! -e /proc/sys/net/ipv6/conf/$c ] || echo 1 > /proc/sys/net/ipv6/conf/$c/disable_ipv6; done;'
         ' exec "$0" "$@"')

# Takes what one connection brings and prints its hash; sends a file.
TAKE = '''import hashlib, socket, sys
s = socket.create_server((sys.argv[1], 5202))
print('ready', flush=True)
s.settimeout(30)
c, h = s.accept()[0], hashlib.sha256()
c.settimeout(30)
while data := c.recv(1 << 20):
    h.update(data)
print(h.hexdigest(), flush=True)'''
SEND = '''import socket, sys
with socket.create_connection((sys.argv[1], 5202), 30) as s, open(sys.argv[2], 'rb') as f:
    s.sendfile(f)'''


def congestion_control():
    """Linux' own default where there is it; one that paces by timers would measure the machine's timers."""
    with open('/proc/sys/net/ipv4/tcp_available_congestion_control') as f:
        return 'cubic' if 'cubic' in f.read().split() else 'reno'


def line(proc, patience, what, log):
    if not select.select([proc.stdout], [], [], patience)[0]:
        raise Failed(f'{what}: no answer within {patience} s: {tail(log)}')
    got = proc.stdout.readline()
    if not got:
        raise Failed(f'{what}: it ended: {tail(log)}')
    return got.strip()


class Vm:
    """The i-th VM of a switch, on one core with its stack and what runs above it."""

    def __init__(self, env, sw, i, offload):
        self.cpu, self.address, self.device, self.offloads = env.vm_cpus[i], f'10.79.0.{i + 1}', f'{sw.key}v{i}', []
        self.napi = None # the kernel's thread that receives
        self.log = os.path.join(sw.dir, f'vtap{i}.log')
        cmd = [*self._pinned(), 'unshare', '--net', 'sh', '-c', QUIET, env.vtap, '--socket', sw.socket(i), '--tap', self.device,
               '--ring', str(env.ring)]
        cmd += ([] if offload else ['--no-offload']) + ([] if sw.listens else ['--server']) + ([] if env.huge else ['--small-pages'])
        with open(self.log, 'ab') as f:
            self.proc = spawn(cmd, stdout=subprocess.PIPE, stderr=f, text=True)
        self.sent = None # its counters, when it has ended

    def _pinned(self):
        return ['taskset', '-c', str(self.cpu)]

    def wait_ready(self):
        self.offloads = [w for w in line(self.proc, 30, 'vtap', self.log).partition('offloads=')[2].split(',') if w]

    def configure(self, i):
        other = 1 - i
        self.run('sh', '-ec', f'ip link set lo up; ip link set {self.device} address {switches.mac(i)} mtu {MTU};'
                 f' ip addr add {self.address}/24 dev {self.device}; ip link set {self.device} up;'
                 f' ip neigh add 10.79.0.{other + 1} lladdr {switches.mac(other)} dev {self.device} nud permanent')
        # a namespace's devices are in a sysfs of its own
        self.run('unshare', '--mount', 'sh', '-ec', f'mount -t sysfs none /sys; echo 1 > /sys/class/net/{self.device}/threaded')
        for p in filter(str.isdigit, os.listdir('/proc')):
            with contextlib.suppress(OSError), open(f'/proc/{p}/comm') as f:
                if f.read().startswith(f'napi/{self.device}-'):
                    self.napi = int(p)
        if not self.napi:
            raise Failed(f'{self.device}: the kernel has no thread for it')
        os.sched_setaffinity(self.napi, [self.cpu])

    def napi_s(self):
        """Seconds that the kernel's thread ran so far."""
        with open(f'/proc/{self.napi}/stat') as f:
            return sum(int(x) for x in f.read().rpartition(')')[2].split()[11:13]) / machine.TICK

    def inside(self):
        """What to put before a command."""
        return [*self._pinned(), 'nsenter', f'--net=/proc/{self.proc.pid}/ns/net']

    def run(self, *cmd):
        r = subprocess.run([*self.inside(), *cmd], capture_output=True, text=True, timeout=60)
        if r.returncode:
            raise Failed(f'{" ".join(cmd)[:100]}: {r.stderr[-300:]}{tail(self.log)}')
        return r.stdout

    def spawn(self, *cmd, **kw):
        return spawn([*self.inside(), *cmd], **kw)

    def stop(self):
        if self.proc.poll() is None:
            end(self.proc)
            self.sent = read(self.proc.stdout.read())
        self.proc.stdout.close()


class Pair:
    """Two of them at a running switch, with a server of iperf3 in the second."""

    def __init__(self, env, sw, offload):
        self.env, self.sw, self.vms, self.server = env, sw, [], None
        self.file = os.path.join(sw.dir, 'data')
        try:
            for i in range(2):
                self.vms.append(Vm(env, sw, i, offload))
            for vm in self.vms: # a switch that connects may want both sockets
                vm.wait_ready()
            for i, vm in enumerate(self.vms):
                vm.configure(i)
            if sw.polls:
                sw.settle()
            self.offloads = self.vms[0].offloads
            if offload is False and self.offloads:
                raise Failed(f'{sw.name}: offloads were negotiated that were not asked for: {self.offloads}')
            self.check()
            self.server = self.vms[1].spawn('iperf3', '-s', log=os.path.join(sw.dir, 'iperf3.log'))
            machine.wait_for(lambda: ':1451 ' in self.vms[1].run('cat', '/proc/net/tcp', '/proc/net/tcp6'), 'iperf3', self.server)
        except BaseException:
            self.close()
            raise

    def check(self):
        """A file each way; it must arrive as it was."""
        data = os.urandom(CHECKED)
        with open(self.file, 'wb') as f:
            f.write(data)
        for a, b in (self.vms, self.vms[::-1]):
            taker = b.spawn('python3', '-c', TAKE, b.address, stdout=subprocess.PIPE, text=True)
            try:
                line(taker, 30, 'the receiver', self.sw.log)
                a.run('python3', '-c', SEND, b.address, self.file)
                if line(taker, 30, 'the receiver', self.sw.log) != hashlib.sha256(data).hexdigest():
                    raise Failed(f'{self.sw.name}: a file of {CHECKED} bytes did not arrive as it was sent')
            finally:
                end(taker)
                taker.stdout.close()

    def measure(self, seconds, options):
        """One run of iperf3: Gbit/s once it has settled. Of the whole run: the milliseconds of work that a GiB takes the switch, and
        the shares of the time in which the switch had work, in which it used its core, and in which the VMs did theirs."""
        cmd = ['iperf3', '-c', self.vms[1].address, '-J', '-t', str(seconds), '-i', str(INTERVAL_S), '-C', congestion_control(), *options]
        cores = dict.fromkeys(vm.cpu for vm in self.vms)
        before, at_first = self.sw.work(), busy_s(cores)
        client = self.vms[0].spawn(*cmd, stdout=subprocess.PIPE, text=True)
        try:
            said = client.communicate(timeout=seconds + 20)[0]
        except subprocess.TimeoutExpired:
            raise Failed(f'{self.sw.name}: iperf3 does not end') from None
        finally:
            end(client)
        at_last, after = busy_s(cores), self.sw.work()
        found = json.loads(said or '{}')
        if 'error' in found or not found.get('end'):
            raise Failed(f'{self.sw.name}: iperf3: {found.get("error", "no result")}')
        last = found['end']
        busy, poll, ran = (b - a for a, b in zip(before, after))
        work, took = ran * busy / max(busy + poll, 1) / 1e9, last['sum_sent']['seconds']
        gib = sum(last[k]['bytes'] for k in ('sum_received', 'sum_received_bidir_reverse') if k in last) / (1 << 30)
        again = sum(last[k]['retransmits'] for k in ('sum_sent', 'sum_sent_bidir_reverse') if k in last)
        if not gib:
            raise Failed(f'{self.sw.name}: nothing arrived')
        return {'value': rate(found['intervals']), 'work_ms': 1000 * work / gib, 'retransmitted': again / gib,
                'work_pct': min(100, 100 * work / took), 'used_pct': min(100, ran / took / 1e7),
                'vm_pct': min(100, max(100 * (at_last[c] - at_first[c]) / took for c in cores))}

    def napi_s(self):
        return sum(vm.napi_s() for vm in self.vms)

    def close(self):
        self.sw.resume() # the VMs leave in good order
        end(self.server)
        for vm in self.vms:
            vm.stop()

    def verdict(self):
        """After close: what the counters of both VMs say against what was negotiated, or None."""
        for vm in self.vms:
            c = vm.sent or {}
            long = c.get('tx_longest', 0) > MTU + 18
            if long != ('HOST_TSO4' in self.offloads):
                return f'{self.sw.name}: with {self.offloads or "no offload"} the longest frame sent was of {c.get("tx_longest")} bytes'
            if c.get('rx_refused', 1):
                return f'{self.sw.name}: the stack refused {c.get("rx_refused")} frames'
        return None


def rate(intervals):
    """Gbit/s, both directions together, without what is not counted."""
    counted = [i for i in intervals if i['sum']['start'] >= SETTLE_S - INTERVAL_S / 2]
    seconds = sum(i['sum']['seconds'] for i in counted)
    if not seconds:
        raise Failed('iperf3 was kept from running')
    return sum(i[k]['bytes'] for i in counted for k in ('sum', 'sum_bidir_reverse') if k in i) * 8e-9 / seconds


def busy_s(cpus):
    """By CPU: seconds with something to do so far."""
    got = {}
    with open('/proc/stat') as f:
        for words in map(str.split, f):
            if words[0][:3] == 'cpu' and words[0][3:].isdigit() and int(words[0][3:]) in cpus:
                v = [int(x) for x in words[1:9]]
                got[int(words[0][3:])] = (sum(v) - v[3] - v[4]) / machine.TICK
    return got
