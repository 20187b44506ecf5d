# SPDX-License-Identifier: BSD-3-Clause
"""A file of a FUSE file system whose server answers nothing but to its opening: whoever touches a mapping of it, closes it, or
asks for its file system waits for as long as the server lives. Needs root and /dev/fuse."""
import contextlib
import ctypes
import os
import stat
import struct
import threading

_LOOKUP, _GETATTR, _OPEN, _INIT = 1, 3, 14, 26
_FORGET, _RELEASE = 2, 18  # nobody waits for an answer to these
_MNT_FORCE, _MNT_DETACH = 1, 2
_libc = ctypes.CDLL(None, use_errno=True)


class FuseFile:
    """`fd` is the file, of `size` bytes; `asked` is set when somebody was made to wait."""

    def __init__(self, folder, size):
        self.size, self.folder, self.asked = size, str(folder), threading.Event()
        os.makedirs(self.folder, exist_ok=True)
        self.dev = os.open('/dev/fuse', os.O_RDWR | os.O_CLOEXEC)
        options = f'fd={self.dev},rootmode=40000,user_id=0,group_id=0'.encode()
        if _libc.mount(b'vmqtest', self.folder.encode(), b'fuse', 0, options):
            raise OSError(ctypes.get_errno(), 'no FUSE file system can be mounted')
        threading.Thread(target=self._serve, daemon=True).start()
        self.fd = os.open(os.path.join(self.folder, 'memory'), os.O_RDWR | os.O_CLOEXEC)

    def close(self):
        """Ends the file system; what waits for it gets an error."""
        _libc.umount2(self.folder.encode(), _MNT_FORCE)  # whether it can go or not, nobody waits any more
        with contextlib.suppress(OSError):  # it says that the server is gone
            os.close(self.fd)
        _libc.umount2(self.folder.encode(), _MNT_DETACH)
        os.close(self.dev)

    def _attributes(self, node):
        mode = stat.S_IFDIR | 0o755 if node == 1 else stat.S_IFREG | 0o600
        return struct.pack('<6Q10I', node, 0 if node == 1 else self.size, *[0] * 7, mode, 1, 0, 0, 0, 4096, 0)

    def _answer(self, request, node):
        if request == _INIT:
            return struct.pack('<4I2H2I2H8I', 7, 31, 65536, 0, 12, 9, 65536, 1, 0, 0, *[0] * 8)
        if request == _LOOKUP:
            return struct.pack('<4Q2I', 2, 0, 3600, 3600, 0, 0) + self._attributes(2)
        if request == _GETATTR:
            return struct.pack('<Q2I', 3600, 0, 0) + self._attributes(node)
        if request == _OPEN:
            return struct.pack('<Q2I', 1, 0, 0)
        return None

    def _serve(self):
        while True:
            try:
                asked = os.read(self.dev, 1 << 20)
            except OSError:
                return
            _, request, unique, node = struct.unpack_from('<IIQQ', asked)
            answer = self._answer(request, node)
            if answer:
                os.write(self.dev, struct.pack('<IiQ', 16 + len(answer), 0, unique) + answer)
            elif request not in (_FORGET, _RELEASE):
                self.asked.set()
