# SPDX-License-Identifier: BSD-3-Clause
"""The switches that are compared. Each is started for a number of VMs, carries frames between them, and is ended.

Port i (from 0) is the VM with the address 52:54:00:00:HH:LL, HHLL = i + 1; the silent ones come behind the active."""
import json
import os
import shutil
import signal
import subprocess
import time

from .generator import Generator
from .machine import Failed, end, receivers, spawn, tail, wait_for
from .rpc import Client

OVS_VSWITCHD = '/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk'
OVS_SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema'
DPDK_MEMORY_MB = 512


def mac(i):
    return f'52:54:00:00:{(i + 1) >> 8:02x}:{(i + 1) & 255:02x}'


class Namespace:
    """A network namespace with a veth pair, wire0 for the switch and wire1 for its far end. Held by a process of ours:
    nothing is left when it ends."""

    def __init__(self, log):
        self.holder = spawn(['unshare', '--net', 'sleep', 'infinity'], log)
        self.path = f'/proc/{self.holder.pid}/ns/net'
        ours = os.readlink('/proc/self/ns/net')

        def apart():
            with open(f'/proc/{self.holder.pid}/comm') as f:
                return os.readlink(self.path) != ours and f.read().strip() == 'sleep'
        wait_for(apart, 'network namespace', self.holder, log)
        script = ('for c in all default; do [ ! -e /proc/sys/net/ipv6/conf/$c ] ||'
                  ' echo 1 > /proc/sys/net/ipv6/conf/$c/disable_ipv6; done;'
                  ' ip link add wire0 type veth peer name wire1 && ip link set wire0 up && ip link set wire1 up')
        r = subprocess.run([*self.inside(), 'sh', '-c', script], capture_output=True, text=True)
        if r.returncode:
            self.close()
            raise Failed('no veth pair: ' + r.stderr)

    def inside(self):
        """What to put before a command."""
        return ['nsenter', '--net=' + self.path]

    def close(self):
        end(self.holder)


class Switch:
    """name: in the table. listens: the switch has the sockets and the generator connects, or the reverse.
    polls: it uses its core also while it has nothing to do. key: tells apart several that run at once."""
    name, listens, polls = '?', True, False

    def __init__(self, env, active=2, silent=0, key=''):
        self.env, self.active, self.silent = env, active, silent
        self.proc, self.helpers, self.generators, self.connected = None, [], {}, 0
        self.receivers = set() # the kernel's threads that receive for its wire: pids
        self.key = key or self.name.replace(' ', '-')
        self.dir = os.path.join(env.work, self.key)
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.log = os.path.join(self.dir, 'log')

    def socket(self, i):
        return os.path.join(self.dir, f'p{i}' if i < self.active else f's{i - self.active}')

    def sockets(self):
        return [self.socket(i) for i in range(self.active + self.silent)]

    def missing(self):
        """Why it can't be run here, or None."""
        return None

    def start(self):
        raise NotImplementedError

    def generator(self, *words, core=None, before=(), priority=True):
        """The generator with these words; it connects when it is asked for the first time."""
        if words not in self.generators:
            self.generators[words] = Generator(self.env, self, words, core, before, priority)
            if self.polls:
                self.settle()
        return self.generators[words]

    def pause(self):
        """Takes no processor time until resume()."""
        if self.polls and self.proc:
            self.proc.send_signal(signal.SIGSTOP)

    def resume(self):
        if self.polls and self.proc:
            self.proc.send_signal(signal.SIGCONT)

    def connect_silent(self, n):
        """Sees to VMs that send nothing at the first n silent ports; they stay until the switch is stopped."""
        if n <= self.connected:
            return
        cmd = [self.env.vugen, '--ring', str(self.env.ring), '--core', str(self.env.gen_cpu), '--timeout', '60']
        for i in range(self.connected, n):
            cmd += ['--idle', self.socket(self.active + i)]
        vms = spawn(cmd + ([] if self.listens else ['--server']) + ([] if self.env.huge else ['--small-pages']),
                    stdout=subprocess.PIPE, text=True)
        self.helpers.append(vms)
        if 'ready' not in vms.stdout.readline():
            raise Failed(f'{self.name}: {n} silent VMs did not come up: {tail(self.log)}')
        self.connected = n
        if self.polls:
            self.settle()

    def settle(self):
        """Waits until it has said nothing in its log for a while: the more ports, the longer there is something to say."""
        size, limit = -1, time.monotonic() + 60
        while size != os.path.getsize(self.log) and time.monotonic() < limit:
            size = os.path.getsize(self.log)
            time.sleep(0.2 + 0.003 * (self.active + self.silent))

    def threads(self):
        """By thread: nanoseconds that it ran, and that it was ready to run and others ran instead."""
        got = {}
        for t in os.listdir(f'/proc/{self.proc.pid}/task'):
            with open(f'/proc/{self.proc.pid}/task/{t}/schedstat') as f:
                got[t] = tuple(int(x) for x in f.read().split()[:2])
        return got

    def received_ns(self):
        """Processor time of the kernel's threads that receive for it."""
        total = 0
        for t in self.receivers:
            with open(f'/proc/{t}/schedstat') as f:
                total += int(f.read().split()[0])
        return total

    def disconnect(self):
        """Takes all VMs away."""
        self.resume()
        for g in self.generators.values():
            g.close()
        for h in self.helpers:
            end(h)
        self.helpers, self.generators = [], {}

    def stop(self):
        self.disconnect()
        end(self.proc)
        self.proc = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()


class Testpmd(Switch):
    """DPDK's testpmd with two net_vhost ports, forwarding without a look at the frame (io)."""
    name, polls = 'testpmd io', True

    def missing(self):
        return None if shutil.which('dpdk-testpmd') else 'dpdk-testpmd is not installed (package dpdk)'

    def start(self):
        e = self.env
        cmd = ['dpdk-testpmd', '-l', f'{e.gen_cpu},{e.cpu}', '--main-lcore', str(e.gen_cpu), '--file-prefix', self.key,
               '--no-pci', '--in-memory', '-m', str(DPDK_MEMORY_MB)] + ([] if e.huge else ['--no-huge'])
        for i, s in enumerate(self.sockets()):
            cmd += ['--vdev', f'net_vhost{i},iface={s},queues=1']
        cmd += ['--', '-i', '--forward-mode=io', '--nb-cores=1', '--no-lsc-interrupt', f'--rxd={e.ring}', f'--txd={e.ring}']
        self.proc = spawn(cmd, self.log, stdin=subprocess.PIPE)
        wait_for(lambda: all(os.path.exists(s) for s in self.sockets()), self.name, self.proc, self.log)
        time.sleep(1)
        self._say('start')

    def _say(self, command):
        self.proc.stdin.write((command + '\n').encode())
        self.proc.stdin.flush()

    def stop(self):
        self.disconnect()
        if self.proc and self.proc.poll() is None:
            try:
                self._say('stop')
                self._say('quit')
                self.proc.wait(10)
            except (OSError, subprocess.TimeoutExpired):
                pass
        super().stop()


class Ovs(Switch):
    """Open vSwitch with its DPDK data path, one bridge that learns addresses (NORMAL). It has a database of its own in the
    work folder; an Open vSwitch that runs on the machine is not touched."""
    name, listens, polls = 'OVS-DPDK NORMAL', False, True
    other_config = () # of its database, beside what is needed

    def __init__(self, env, active=2, silent=0, wire=None, napi_thread=False, key=''):
        """wire: what kind of port the wire is, afxdp or packet (DPDK's); None: there is none. napi_thread: what vmqd does for its own
        wire is done for this one by hand."""
        super().__init__(env, active, silent, key)
        self.wire, self.napi_thread, self.netns, self.db = wire, napi_thread, None, None

    def missing(self):
        return None if os.path.exists(OVS_VSWITCHD) else f'{OVS_VSWITCHD} is not there (package openvswitch-switch-dpdk)'

    def _run(self, *cmd):
        d = self.dir
        env = dict(os.environ, OVS_RUNDIR=d, OVS_DBDIR=d, OVS_LOGDIR=d, OVS_SYSCONFDIR=d)
        r = subprocess.run(cmd, env=env, capture_output=True, text=True, timeout=120)
        if r.returncode:
            raise Failed(f'{" ".join(cmd)[:200]}: {r.stderr[-400:]} {tail(self.log)}')
        return r.stdout

    def _vsctl(self, *words):
        return self._run('ovs-vsctl', '--timeout=100', f'--db=unix:{self.dir}/db.sock', *words)

    def start(self):
        d, e = self.dir, self.env
        env = dict(os.environ, OVS_RUNDIR=d, OVS_DBDIR=d, OVS_LOGDIR=d, OVS_SYSCONFDIR=d)
        self._run('ovsdb-tool', 'create', f'{d}/conf.db', OVS_SCHEMA)
        self.db = spawn(['ovsdb-server', f'{d}/conf.db', f'--remote=punix:{d}/db.sock', f'--unixctl={d}/db.ctl'], self.log,
                        env=env)
        wait_for(lambda: os.path.exists(f'{d}/db.sock'), 'ovsdb-server', self.db, self.log)
        extra = f'--no-pci --in-memory --file-prefix={self.key}'
        memory = [f'other_config:dpdk-socket-mem={DPDK_MEMORY_MB}']
        if not e.huge:
            extra, memory = extra + f' --no-huge -m {DPDK_MEMORY_MB}', []
        self._vsctl('--no-wait', 'init', '--', 'set', 'Open_vSwitch', '.', 'other_config:dpdk-init=true',
                    f'other_config:dpdk-lcore-mask={1 << e.gen_cpu:#x}', f'other_config:pmd-cpu-mask={1 << e.cpu:#x}',
                    *memory, *self.other_config, 'other_config:max-idle=600000',
                    f'other_config:dpdk-extra={extra}')
        self.netns = Namespace(self.log)  # the bridge makes devices
        self.proc = spawn(self.netns.inside() + [OVS_VSWITCHD, f'unix:{d}/db.sock', f'--unixctl={d}/vs.ctl'],
                          self.log, env=env)
        words = ['add-br', 'br0', '--', 'set', 'bridge', 'br0', 'datapath_type=netdev', 'fail-mode=standalone',
                 'other_config:mac-aging-time=3600']
        for i, s in enumerate(self.sockets()):
            words += ['--', 'add-port', 'br0', f'v{i}', '--', 'set', 'Interface', f'v{i}', 'type=dpdkvhostuserclient',
                      f'options:vhost-server-path={s}', f'ofport_request={i + 1}']
        self._vsctl(*words)
        if self.wire:
            kind = {'afxdp': ['type=afxdp', 'options:n_rxq=1'],
                    'packet': ['type=dpdk', 'options:dpdk-devargs=net_af_packet0,iface=wire0']}[self.wire]
            name = 'wire0' if self.wire == 'afxdp' else 'dpdk0' # a DPDK port's name is its own, its device is wire0
            self._vsctl('add-port', 'br0', name, '--', 'set', 'Interface', name, *kind)
            error = self._vsctl('get', 'Interface', name, 'error').strip()
            if error not in ('[]', ''):
                raise Failed(f'Open vSwitch takes no {self.wire} port: {error}')
        if self.napi_thread:
            self._receive_by_thread()

    def _receive_by_thread(self):
        """A kernel thread receives for wire0, on the CPUs where vmqd would have it: those that the switch does not use, if there
        are two at least, else the switch's."""
        before = receivers('wire0')
        script = 'mount -t sysfs sysfs /sys && echo 1 > /sys/class/net/wire0/threaded' # sysfs of the namespace
        self._run(*self.netns.inside(), 'unshare', '--mount', 'sh', '-c', script)
        self.receivers = receivers('wire0') - before
        if not self.receivers:
            raise Failed('no kernel thread receives for wire0')
        for t in self.receivers:
            free = os.sched_getaffinity(t) - {self.env.cpu}
            os.sched_setaffinity(t, free if len(free) >= 2 else {self.env.cpu})

    def stop(self):
        super().stop()
        end(self.db)
        self.db = None
        if self.netns:
            self.netns.close()
            self.netns = None


    def work(self):
        """Of its data path's thread so far: the clock's ticks with frames and without, and the nanoseconds that it ran."""
        d, found = self.dir, {}
        for line in self._run('ovs-appctl', '-t', f'{d}/vs.ctl', 'dpif-netdev/pmd-stats-show').splitlines():
            what, _, value = line.strip().partition(' cycles: ')
            if value and what in ('idle', 'processing'):
                found[what] = found.get(what, 0) + int(value.split()[0])
        for t, (ran, _) in self.threads().items():
            with open(f'/proc/{self.proc.pid}/task/{t}/comm') as f:
                if f.read().startswith('pmd-'):
                    return found['processing'], found['idle'], ran
        raise Failed('Open vSwitch has no thread for its data path')


class OvsTso(Ovs):
    """The same with segmentation by its own data path's leave."""
    name = 'OVS-DPDK with userspace TSO'
    other_config = ('other_config:userspace-tso-enable=true',)


class Vmq(Switch):
    """vmqd as a user starts it: a configuration file, AF_XDP or AF_PACKET on a veth pair in a network namespace of its own,
    the default VPort on a TAP device, one VPort with one filter a VM. cpus: one worker each; place: the CPU of port i."""
    name = 'vmq'

    def __init__(self, env, active=2, silent=0, cpus=None, place=None, filters=0, key=''):
        super().__init__(env, active, silent, key)
        self.cpus, self.place, self.filters = cpus or [env.cpu], place, filters
        self.client = self.netns = None

    def missing(self):
        return None if os.path.exists(self.env.vmqd) else f'{self.env.vmqd} is not built'

    def _config(self, netns):
        vports = [{'name': f'vm{i}', 'mac': mac(i), 'socket': s, 'cpu': self.place[i] if self.place else self.cpus[0]}
                  for i, s in enumerate(self.sockets())]
        return {'control': {'socket': self.dir + '/ctl'}, 'run_dir': self.dir, 'cpus': self.cpus,
                'adapters': [{'name': 'ext0', 'port': {'driver': 'auto', 'device': 'wire0', 'netns': netns},
                              'host': {'device': 'vmq0', 'netns': netns}, 'vports': vports}]}

    def start(self):
        config, before = self.dir + '/vmqd.yaml', receivers('wire0')
        self.netns = Namespace(self.log)
        with open(config, 'w') as f: # JSON is YAML
            json.dump(self._config(self.netns.path), f, indent=1)
        self.proc = spawn([self.env.vmqd, '--config', config], self.log)
        wait_for(lambda: os.path.exists(self.dir + '/ctl') and all(os.path.exists(s) for s in self.sockets()), 'vmqd',
                 self.proc, self.log)
        time.sleep(0.2)
        self.receivers = receivers('wire0') - before
        self.client = Client(self.dir + '/ctl')
        self._install_filters()

    def _install_filters(self):
        """More filters, spread over all VPorts, until so many stand. Their addresses are nobody's."""
        if not self.filters:
            return
        have = self.client.call('switch.show')['switches'][0]['num_filters']
        n = self.active + self.silent
        calls = [('filter.add', {'vport': f'vm{k % n}', 'mac': f'02:00:00:{k >> 16:02x}:{k >> 8 & 255:02x}:{k & 255:02x}',
                                 'broadcast': False}) for k in range(self.filters - have)]
        for i in range(0, len(calls), 4000):
            self.client.batch(calls[i:i + 4000])

    def workers(self):
        """By CPU: each worker's counters so far, and in cpu_ns the processor time of its thread."""
        got = {w['cpu']: w for w in self.client.call('stats.show', vport='default')['workers']}
        for cpu, w in got.items():
            with open(f'/proc/{self.proc.pid}/task/{self.worker_thread(cpu)}/schedstat') as f:
                w['cpu_ns'] = int(f.read().split()[0])
        return got

    def work(self):
        """Of its worker so far: the clock's ticks with frames and without, and the nanoseconds that it ran."""
        w = self.workers()[self.env.cpu]
        return w['busy_ns'], w['poll_ns'], w['cpu_ns']

    def resident_mib(self):
        """Its own memory: what VMs share with it is theirs."""
        kib = 0
        with open(f'/proc/{self.proc.pid}/status') as f:
            for line in f:
                if line.startswith(('RssAnon:', 'RssFile:')):
                    kib += int(line.split()[1])
        return kib / 1024

    def cpu_ns(self):
        """Processor time of all its threads so far: the process's clock (clock_getcpuclockid)."""
        return time.clock_gettime_ns(~self.proc.pid << 3 | 2)

    def worker_thread(self, cpu):
        """The thread id of the worker of a CPU."""
        for t in os.listdir(f'/proc/{self.proc.pid}/task'):
            with open(f'/proc/{self.proc.pid}/task/{t}/comm') as f:
                if f.read().strip() == f'vmq-cpu{cpu}':
                    return int(t)
        raise Failed(f'vmqd has no worker of CPU {cpu}')

    def stop(self):
        if self.client:
            self.client.close()
            self.client = None
        super().stop()
        if self.netns:
            self.netns.close()
            self.netns = None
