# SPDX-License-Identifier: BSD-3-Clause
"""TCP transfers between guests and a namespace, checked by the data's checksum at both ends."""
import hashlib
import os
import socket
import threading
import time

from . import procs

_port = 5000
_pattern = os.urandom(1 << 20)


def _next_port():
    global _port
    _port += 1
    return _port


def _data(size):
    return (_pattern * (size // len(_pattern) + 1))[:size]


def listen_in_guest(guest, port):
    # The fifo is standard input that never ends; nc ends when the sender closes.
    guest.sh(f'[ -e /tmp/hold ] || mkfifo /tmp/hold; rm -f /tmp/sum{port}; '
             f'(nc -l -p {port} 0<>/tmp/hold | md5sum >/tmp/sum{port}.new; mv /tmp/sum{port}.new /tmp/sum{port}) >/dev/null 2>&1 &')
    procs.wait_for(lambda: f':{port:04X} ' in guest.sh('cat /proc/net/tcp'), 10, f'{guest.name} listening', step=0.05)


def sum_in_guest(guest, port, timeout):
    return procs.wait_for(lambda: guest.sh(f'cat /tmp/sum{port} 2>/dev/null', check=False), timeout,
                          f'the end of the transfer in {guest.name}', step=0.1).split()[0]


class Work(threading.Thread):
    """A thread whose exception is raised where it is joined."""

    def __init__(self, target):
        super().__init__(daemon=True)
        self.work, self.error, self.result = target, None, None
        self.start()

    def run(self):
        try:
            self.result = self.work()
        except Exception as e:
            self.error = e

    def finish(self, timeout):
        self.join(timeout)
        if self.is_alive():
            raise TimeoutError('a transfer does not end')
        if self.error:
            raise self.error
        return self.result


class Transfer:
    """A transfer under way: done() tells whether it has ended, finish() waits and fails when the data is not the same."""

    def __init__(self, title, size):
        self.title, self.size, self.began = title, size, time.monotonic()
        self.threads = []

    def done(self):
        return not any(t.is_alive() for t in self.threads)

    def finish(self, timeout=90):
        sums = [t.finish(timeout) for t in self.threads]
        self.seconds = time.monotonic() - self.began
        if sums[0] != sums[1]:
            raise AssertionError(f'{self.title}: {self.size} bytes arrived changed')
        return self


def from_netns(netns, guest, address, size, timeout=90):
    """`size` bytes from a namespace to the guest at `address`."""
    port = _next_port()
    listen_in_guest(guest, port)
    s = netns.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.settimeout(timeout)
    t = Transfer(f'{netns.name} to {guest.name}', size)

    def send():
        data = _data(size)
        s.connect((address, port))
        s.sendall(data)
        s.close()
        return hashlib.md5(data).hexdigest()
    t.threads = [Work(send)]
    t.threads.append(Work(lambda: (t.threads[0].join(timeout), sum_in_guest(guest, port, timeout))[1]))
    return t


def to_netns(guest, netns, address, size, timeout=90):
    """`size` bytes from the guest to a namespace where `address` is."""
    port = _next_port()
    listener = netns.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind((address, port))
    listener.listen()
    listener.settimeout(timeout)
    t = Transfer(f'{guest.name} to {netns.name}', size)

    def receive():
        c, _ = listener.accept()
        c.settimeout(timeout)
        h = hashlib.md5()
        while d := c.recv(1 << 16):
            h.update(d)
        c.close()
        listener.close()
        return h.hexdigest()

    def send():
        guest.sh(f'[ "$(stat -c %s /tmp/data 2>/dev/null)" = {size} ] || head -c {size} /dev/urandom >/tmp/data')
        out = guest.sh('md5sum </tmp/data')
        guest.sh(f'nc {address} {port} </tmp/data', timeout=timeout)
        return out.split()[0]
    t.threads = [Work(receive), Work(send)]
    return t


def between(sender, receiver, address, size, timeout=90):
    """`size` bytes from one guest to another at `address`."""
    port = _next_port()
    listen_in_guest(receiver, port)
    t = Transfer(f'{sender.name} to {receiver.name}', size)

    def send():
        sender.sh(f'[ "$(stat -c %s /tmp/data 2>/dev/null)" = {size} ] || head -c {size} /dev/urandom >/tmp/data')
        out = sender.sh('md5sum </tmp/data')
        sender.sh(f'nc {address} {port} </tmp/data', timeout=timeout)
        return out.split()[0]
    t.threads = [Work(send)]
    t.threads.append(Work(lambda: (t.threads[0].join(timeout), sum_in_guest(receiver, port, timeout))[1]))
    return t
