# SPDX-License-Identifier: BSD-3-Clause
"""Real Linux guests under QEMU: the image from tools/guest, an agent that runs commands, QMP."""
import base64
import json
import os
import re
import socket
import subprocess
import time

from . import procs

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), '..', '..', '..'))
QEMU = os.environ.get('VMQ_QEMU', 'qemu-system-x86_64')
_COMMON = ['-nodefaults', '-display', 'none', '-no-user-config']
_APPEND = 'console=ttyS0 quiet mitigations=off nokaslr ipv6.disable=1'


def image():
    """The folder with vmlinuz and initrd.gz, made when it is not there yet."""
    out = procs.run([os.path.join(ROOT, 'tools', 'guest', 'build')], timeout=600)
    return out.strip().splitlines()[-1]


def _cache_file():
    with open('/proc/sys/kernel/random/boot_id') as f:
        boot = f.read().strip()
    return os.path.join(os.path.dirname(image()), 'accel-' + boot)


def accel(say=print):
    """'kvm' when a guest boots under it quickly, else 'tcg'. /dev/kvm may open and KVM still be unusable (a nested or
    para-virtual KVM that emulates kernel code instruction by instruction), so the question is put to the machine once
    a boot: does the guest come up within a few seconds? VMQ_ACCEL=kvm or tcg decides without asking."""
    wish = os.environ.get('VMQ_ACCEL', 'auto')
    if wish in ('kvm', 'tcg'):
        return wish
    if wish != 'auto':
        raise ValueError(f'VMQ_ACCEL is "{wish}"; it may be kvm, tcg or auto')
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        return 'tcg'
    cache = _cache_file()
    try:
        with open(cache) as f:
            return f.read().strip()
    except FileNotFoundError:
        pass
    say('trying KVM …')
    img = image()
    p = procs.Process([QEMU, '-accel', 'kvm', '-m', '128', '-no-reboot', *_COMMON, '-serial', 'stdio', '-kernel', img + '/vmlinuz',
                       '-initrd', img + '/initrd.gz', '-append', _APPEND], 'kvm-trial')
    end = time.monotonic() + 6
    while p.alive() and time.monotonic() < end and 'GUEST-READY' not in p.log():
        time.sleep(0.05)
    found = 'kvm' if 'GUEST-READY' in p.log() else 'tcg'
    p.stop(timeout=1)
    say('KVM works' if found == 'kvm' else 'a guest does not boot under KVM here: QEMU emulates the CPU (TCG)')
    with open(f'{cache}.{os.getpid()}', 'w') as f:
        f.write(found + '\n')
    os.rename(f'{cache}.{os.getpid()}', cache)
    return found


class Nic:
    """A virtio-net device whose other side is a VPort's socket."""

    def __init__(self, path, mac, ip=None, mtu=None, queues=1, listen=False, options=''):
        self.path, self.mac, self.ip, self.mtu, self.queues, self.listen = path, mac, ip, mtu, queues, listen
        self.options = options


class Guest:
    """A running guest. Its devices are eth0, eth1 … in the order given. hotplug: slots for more memory.

    RAM is a shared memfd, as vhost-user needs. Under emulation Debian 12's QEMU 7.2 dies with MSI-X on a vhost-user
    device, hence vectors=0 there; and it loses guest writes while migrating when RAM is a multiple of 256 KiB, hence the odd size.
    """

    def __init__(self, name, nics, memory='131080K', hotplug=0, cpus=1, how=None, extra=(), wait=True, netns=None,
                 share='on'):
        self.name = name
        self.how = how or accel()
        w = procs.workdir()
        self.agent_path, self.qmp_path = f'{w}/{name}.agent', f'{w}/{name}.qmp'
        for p in (self.agent_path, self.qmp_path):
            if os.path.exists(p):
                os.unlink(p)
        img = image()
        append = _APPEND + ' tsc=reliable no_timer_check'
        args = [QEMU, '-name', name, '-accel', self.how, '-machine', 'pc,memory-backend=ram',
                '-object', f'memory-backend-memfd,id=ram,size={memory},share={share}', '-m', memory + (f',slots={hotplug},maxmem=4G' if hotplug else ''), '-smp', str(cpus), *_COMMON,
                '-serial', f'file:{w}/{name}.console', '-kernel', img + '/vmlinuz', '-initrd', img + '/initrd.gz',
                '-device', 'virtio-serial-pci', '-chardev', f'socket,id=agent,path={self.agent_path},server=on,wait=off',
                '-device', 'virtserialport,chardev=agent,name=agent',
                '-qmp', f'unix:{self.qmp_path},server=on,wait=off']
        if self.how == 'kvm':
            args += ['-cpu', 'host']
        if hotplug:
            append += ' swiotlb=512'  # else 64 MiB of bounce buffers are set aside, which are not there
        for i, n in enumerate(nics):
            link = ',server=on,wait=off' if n.listen else ',reconnect=1'
            args += ['-chardev', f'socket,id=c{i},path={n.path}{link}',
                     '-netdev', f'vhost-user,id=n{i},chardev=c{i}' + (f',queues={n.queues}' if n.queues > 1 else ''),
                     '-device', f'virtio-net-pci,id=nic{i},netdev=n{i},mac={n.mac},romfile=' + (',mq=on' if n.queues > 1 else '')
                     + (',vectors=0' if self.how == 'tcg' else '') + n.options]
            if n.mtu:
                append += f' vmtu=eth{i}={n.mtu}'
            if n.ip:
                append += f' vip=eth{i}={n.ip}'
        args += ['-append', append, *extra]
        self.proc = procs.Process(args, 'qemu-' + name, netns=netns)
        self.sock = self.qmp_sock = None
        self.buf = b''
        if wait:
            self.wait_ready()

    def console(self):
        try:
            with open(f'{procs.workdir()}/{self.name}.console', errors='replace') as f:
                return f.read()
        except FileNotFoundError:
            return ''

    # ---- the agent ----

    def wait_ready(self, timeout=120):
        self.sock = procs.wait_for(self._connect_agent, timeout, f'the agent socket of {self.name}')
        self._until(rb'AGENT-UP', timeout)
        return self

    def _connect_agent(self):
        self.proc.need_alive()
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(self.agent_path)
        except OSError:
            s.close()
            return None
        return s

    def attach(self, timeout=30):
        """Connects to the agent of a guest that came by migration: it is up and says nothing of itself."""
        self.sock = procs.wait_for(self._connect_agent, timeout, f'the agent socket of {self.name}')
        return self

    def _until(self, pattern, timeout):
        end = time.monotonic() + timeout
        self.sock.settimeout(0.5)
        while True:
            m = re.search(pattern + rb'([^\n]*)\n', self.buf)
            if m:
                before, rest = self.buf[:m.start()], m.group(1)
                self.buf = self.buf[m.end():]
                return before, rest
            try:
                d = self.sock.recv(65536)
                if not d:
                    raise ConnectionError(f'{self.name}: the agent is gone: {self.console()[-2000:]}')
                self.buf += d
            except TimeoutError:
                self.proc.need_alive()
            if time.monotonic() > end:
                raise TimeoutError(f'{self.name}: no answer within {timeout} s; console: {self.console()[-2000:]}')

    def begin(self, command):
        """Starts a shell command in the guest without waiting for it; end() gives its result."""
        # The agent takes one line: a longer text travels as base64.
        if '\n' in command:
            command = f'echo {base64.b64encode(command.encode()).decode()} | base64 -d | sh'
        self.sock.sendall(command.encode() + b'\n')

    def end(self, timeout=60):
        out, rc = self._until(rb'__RC ', timeout)
        return int(rc), out.decode(errors='replace')

    def sh(self, command, check=True, timeout=60):
        """Runs a shell command in the guest and returns its output."""
        self.begin(command)
        rc, out = self.end(timeout)
        if check and rc:
            raise RuntimeError(f'{self.name}: {command}: status {rc}: {out}')
        return out

    def stray(self):
        """How many frames the guest was given that it should not have seen: for somebody else, or with a VLAN tag left on
        (framewatch); and the beginning of the last of them."""
        r = dict(line.split(' ', 1) for line in self.sh('cat /run/frames').splitlines())
        return int(r['stray']) + int(r['tagged']) + int(r['lost']), r['last']

    def received(self, dev):
        """Frames the guest's driver has received on this device."""
        return int(self.sh(f'cat /sys/class/net/{dev}/statistics/rx_packets'))

    # ---- QMP ----

    def qmp(self, execute, **arguments):
        if not self.qmp_sock:
            self.qmp_sock = socket.socket(socket.AF_UNIX)
            self.qmp_sock.settimeout(30)
            self.qmp_sock.connect(self.qmp_path)
            self.qmp_file = self.qmp_sock.makefile('r')
            self.qmp_file.readline()
            self.qmp('qmp_capabilities')
        self.qmp_sock.sendall(json.dumps({'execute': execute, 'arguments': arguments}).encode() + b'\n')
        while True:
            r = json.loads(self.qmp_file.readline())
            if 'error' in r:
                raise RuntimeError(f'{self.name}: {execute}: {r["error"]["desc"]}')
            if 'return' in r:
                return r['return']

    def add_memory(self, name, size):
        """Plugs in `size` bytes of memory of its own memfd and puts it to use."""
        self.qmp('object-add', **{'qom-type': 'memory-backend-memfd', 'id': 'mem-' + name, 'size': size, 'share': True})
        self.qmp('device_add', driver='pc-dimm', id='dimm-' + name, memdev='mem-' + name)

    def remove_memory(self, name, timeout=60):
        """Unplugs what add_memory plugged. The guest must give it back, which it can only where it has put nothing that stays;
        it is asked until it has."""
        dimm = 'dimm-' + name

        def gone():
            if not any(d['data']['id'] == dimm for d in self.qmp('query-memory-devices')):
                return True
            try:
                self.qmp('device_del', id=dimm)
            except RuntimeError:  # it is about to, or went between the questions
                pass
            return False
        procs.wait_for(gone, timeout, f'the memory {name} of {self.name} unplugged', step=0.5)
        self.qmp('object-del', id='mem-' + name)

    # ---- the end ----

    def reset(self, timeout=120):
        """A hard reset, as a reboot does it; returns when the agent is back."""
        self.qmp('system_reset')
        self._until(rb'AGENT-UP', timeout)

    def reboot(self, timeout=120):
        """A reboot from inside; returns when the agent is back."""
        self.begin('reboot -f')
        self._until(rb'AGENT-UP', timeout)

    def stop(self):
        for s in (self.sock, self.qmp_sock):
            if s:
                s.close()
        self.sock = self.qmp_sock = None
        return self.proc.stop(timeout=5)


def qemu_version():
    out = subprocess.run([QEMU, '--version'], capture_output=True, text=True).stdout
    return out.split('version ')[1].split()[0]
