# SPDX-License-Identifier: BSD-3-Clause
"""A service manager as small as it can be: the socket of sd_notify, a store of descriptors by name with systemd's rules, and
the next start with what is in it (LISTEN_FDS, LISTEN_FDNAMES)."""
import array
import ctypes
import fcntl
import itertools
import os
import socket
import stat
import struct
import termios
import threading

from . import procs


_numbers = itertools.count()


class Supervisor:
    def __init__(self):
        self.path = os.path.join(procs.workdir(), f'notify{next(_numbers)}')
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)
        self.sock.settimeout(0.1)
        self.store = []       # (name, descriptor), as they came
        self.notes = []
        self.ended = False
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        self._undo = procs.at_end(self.close)

    def _serve(self):
        while not self.ended:
            try:
                data, anc, _, _ = self.sock.recvmsg(65536, socket.CMSG_SPACE(64 * 4), socket.MSG_CMSG_CLOEXEC)
            except (TimeoutError, OSError):
                continue
            fds = array.array('i')
            for level, kind, d in anc:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fds.frombytes(d[:len(d) - len(d) % 4])
            self._note(data.decode(), list(fds))

    def _note(self, text, fds):
        f = dict(line.split('=', 1) for line in text.splitlines() if '=' in line)
        name = f.get('FDNAME', 'stored')
        with self.lock:
            if f.get('FDSTORE') == '1':
                for fd in fds:
                    if any(self._same(fd, have) for _, have in self.store):
                        os.close(fd)  # systemd keeps a file once, under its first name
                    else:
                        self.store.append((name, fd))
                fds = []
            if f.get('FDSTOREREMOVE') == '1':
                for n, fd in [x for x in self.store if x[0] == name]:
                    self.store.remove((n, fd))
                    os.close(fd)
            self.notes += [k + '=' + v for k, v in f.items() if k not in ('FDSTORE', 'FDSTOREREMOVE', 'FDNAME', 'FDPOLL')]
        for fd in fds:
            os.close(fd)

    @staticmethod
    def _same(a, b):
        """Are both the same open file (kcmp)?"""
        pid = os.getpid()
        return ctypes.CDLL(None).syscall(312, pid, pid, 0, a, b) == 0

    def names(self):
        with self.lock:
            return sorted(n for n, _ in self.store)

    def unread(self):
        """Bytes that came for the sockets in the store and that nobody has read yet."""
        with self.lock:
            sockets = [fd for _, fd in self.store if stat.S_ISSOCK(os.fstat(fd).st_mode)]
            return sum(struct.unpack('i', fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))[0] for fd in sockets if self._connected(fd))

    @staticmethod
    def _connected(fd):
        with socket.socket(fileno=os.dup(fd)) as s:
            return s.family == socket.AF_UNIX and not s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)

    def settle(self):
        """Until everything that was sent has been read: a datagram behind the others comes last."""
        mark = f'MARK={os.urandom(4).hex()}'
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(mark.encode(), self.path)
        procs.wait_for(lambda: mark in self.notes, 10, "the supervisor to have read all", step=0.001)

    def command(self, args):
        """(arguments, environment, what the child does first) that start a service as systemd does: what is in the store from
        descriptor 3 on, and the environment says so."""
        self.settle()
        with self.lock:
            store = list(self.store)

        def before():
            high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 3 + len(store)) for _, fd in store]
            for i, fd in enumerate(high):
                os.dup2(fd, 3 + i, inheritable=True)
            for fd in high:
                os.close(fd)
        env = {'NOTIFY_SOCKET': self.path, 'VMQ_FDSTORE': '1'}
        if not store:
            return args, env, None
        env.update(LISTEN_FDS=str(len(store)), LISTEN_FDNAMES=':'.join(n for n, _ in store))
        return ['sh', '-c', 'export LISTEN_PID=$$; exec "$@"', 'sh', *args], env, before

    def close(self):
        self.ended = True
        self.thread.join()
        self.sock.close()
        for _, fd in self.store:
            os.close(fd)
        self.store = []
