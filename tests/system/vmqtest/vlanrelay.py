# SPDX-License-Identifier: BSD-3-Clause
"""A VLAN device for kernels without one: a TAP whose frames travel over another device with a tag on. Run as a program in the
namespace of the device: vlanrelay.py DEVICE TAP VID. One thread; ends with the test that started it."""
import fcntl
import os
import select
import struct
import sys

if __name__ == '__main__':
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
from vmqtest import netns  # noqa: E402

_TUNSETIFF, _IFF_TAP, _IFF_NO_PI = 0x400454ca, 2, 0x1000


def main(dev, tap, vid):
    fd = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, _TUNSETIFF, struct.pack('16sH22x', tap.encode(), _IFF_TAP | _IFF_NO_PI))
    port = netns.RawPort(None, dev)
    tag = struct.pack('!HH', 0x8100, vid)
    port.sock.setblocking(False)
    while True:
        ready, _, _ = select.select([fd, port.sock], [], [])
        if fd in ready:
            for _ in range(64):
                try:
                    f = os.read(fd, 65536)
                except BlockingIOError:
                    break
                port.send(f[:12] + tag + f[12:])
        if port.sock in ready:
            for _ in range(64):
                f = port.recv_now()
                if f is None:
                    break
                if f[12:14] == tag[:2] and (f[14] << 8 | f[15]) & 0xfff == vid:
                    try:
                        os.write(fd, f[:12] + f[16:])
                    except OSError:
                        pass  # not up yet, or its queue is full: lost, as on a wire


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
