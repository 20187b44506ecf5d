# SPDX-License-Identifier: BSD-3-Clause
"""A switch with everything around it: a wire with a raw port at its far end, the host's TAP, virtual machines.

         far (netns) w0 ====veth==== p0 sw (netns: vmqd) ---- VPorts: VuFront, testpmd, QEMU
                                        \\---- vmq0 host (netns: the default VPort's TAP)
"""
import time

from . import daemon, netns, procs, vufront


class Lab:
    """host_promiscuous: the host looks at its TAP as tcpdump does, so the default VPort gets all that no filter claims;
    otherwise it looks without asking the device for more than it takes. queues: the wire's, at both ends."""

    def __init__(self, vports=(), driver='packet', mtu=1500, cpus=None, start=True, wrapper=(), env=None,
                 host_promiscuous=True, supervisor=None, config=None, queues=1, **adapter):
        self.sw, self.far, self.host_ns = netns.NetNS('sw'), netns.NetNS('far'), netns.NetNS('host')
        netns.veth(self.sw, 'p0', self.far, 'w0', mtu, queues)
        self.cpus = cpus or daemon.cpus()
        port = {'driver': driver, 'device': 'p0', **adapter.pop('port', {})}
        self.config = {'cpus': self.cpus,
                       'adapters': [{'name': 'ext0', 'port': port, 'host': {'device': 'vmq0', 'netns': self.host_ns.path},
                                     **adapter}]}
        self.config['adapters'][0].setdefault('vports', list(vports))
        self.config.update(config or {})
        self.mtu = mtu
        self.host_promiscuous = host_promiscuous
        self.vms = {}
        self.wire = self.host = None
        self.vmqd = daemon.Vmqd(self.config, netns=self.sw, start=False, wrapper=wrapper, env=env, supervisor=supervisor)
        if start:
            self.start()

    def start(self):
        self.vmqd.start()
        self.host_ns.run('ip', 'link', 'set', 'vmq0', 'mtu', str(self.mtu))
        self.host_ns.run('ip', 'link', 'set', 'vmq0', 'up')
        self.wire = netns.RawPort(self.far, 'w0')
        self.host = netns.RawPort(self.host_ns, 'vmq0', self.host_promiscuous)
        procs.wait_for(lambda: self.switch()['port']['link'], 5, 'link of the wire')
        self.wait_host(promiscuous=self.host_promiscuous, link=True)
        return self

    def switch(self):
        return self.vmqd.call('switch.show')['switches'][0]

    def wait_host(self, **expected):
        """Until vmqd knows this of the host's device: link, promiscuous, mac."""
        procs.wait_for(lambda: expected.items() <= self.switch()['host'].items(), 5, f'host device {expected}')

    def vm(self, name, **options):
        """Plugs a Python VM into the VPort and waits until its rings are served."""
        v = vufront.VuFront(self.vmqd.path(name), **options)
        self.vms[name] = v
        self.vmqd.wait_running(name)
        return v

    def plug(self, *names, **options):
        return [self.vm(n, **options) for n in names]

    def everywhere(self, expected=0, quiet=0.1, timeout=5):
        """What has arrived at each place since the last look: {'wire': [...], 'host': [...], VM: [...]}; places where
        nothing arrived are left out. Waits until `expected` frames have come in all, however slow the machine is, and then
        `quiet` seconds for those that should not come."""
        places = {**{n: v.received for n, v in self.vms.items()}, 'wire': self.wire.pending, 'host': self.host.pending}
        got = {n: [] for n in places}

        def look():
            for n, received in places.items():
                got[n] += received()
            return sum(map(len, got.values())) >= expected
        end = time.monotonic() + timeout
        while not look() and time.monotonic() < end:
            time.sleep(0.002)
        time.sleep(quiet)
        look()
        return {k: v for k, v in got.items() if v}

    def stop(self):
        for v in self.vms.values():
            v.close()
        return self.vmqd.stop()
