# SPDX-License-Identifier: BSD-3-Clause
"""DPDK's testpmd as a virtual machine's network stack: virtio-user is a front end of vhost-user that we did not write."""
import subprocess
import time

from . import procs


class Testpmd(procs.Process):
    """testpmd forwards between its ports in pairs: (0, 1), (2, 3)…"""

    __test__ = False  # no test class, whatever pytest makes of the name

    def __init__(self, name, vdevs, netns=None, options=(), cores='0,1', memory=384):
        args = ['dpdk-testpmd', '-l', cores, '--no-huge', '-m', str(memory), '--no-shconf', '--no-pci', '--no-telemetry']
        for v in vdevs:
            args += ['--vdev', v]
        args += ['--', '-i', '--forward-mode=io', '--total-num-mbufs=8192', '--auto-start', *options]
        super().__init__(args, name, netns=netns, stdin=subprocess.PIPE, text=True)
        procs.wait_for(self._ready, 60, 'testpmd ' + name, step=0.05)

    def _ready(self):
        self.need_alive()
        return 'testpmd>' in self.log()

    def command(self, line, settle=0.5):
        """Types a line; returns what was printed within `settle` seconds."""
        before = len(self.log(1 << 30))
        self.popen.stdin.write(line + '\n')
        self.popen.stdin.flush()
        time.sleep(settle)
        return self.log(1 << 30)[before:]


def virtio_user(index, path, mac, queues=1, **options):
    """The vdev of a virtio-user device that connects to a VPort's socket."""
    more = ''.join(f',{k}={v}' for k, v in options.items())
    return f'net_virtio_user{index},path={path},mac={mac},queues={queues}{more}'


def af_packet(index, dev):
    return f'net_af_packet{index},iface={dev}'
