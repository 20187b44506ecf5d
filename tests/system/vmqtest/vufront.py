# SPDX-License-Identifier: BSD-3-Clause
"""A virtual machine made of Python: the front end of vhost-user and the driver's side of split virtqueues.

It shares memfds with the daemon, posts receive buffers, sends frames and reads what arrives, byte for byte, with every
layout a driver may choose (chains, indirect tables, mergeable buffers, event index, rings and buffers in several memory
slots). Guest addresses and front-end addresses differ and both are far from any mapping, so that a wrong translation shows.
One thread. Everything is public on purpose: tests of hostile guests write where they like.
"""
import array
import mmap
import os
import select
import socket
import struct
import threading
import time

from . import procs

# virtio feature bits (virtio 1.2 §5.1.3, §6)
CSUM, GUEST_CSUM, MAC, MRG_RXBUF, STATUS_F, MQ = 0, 1, 5, 15, 16, 22
NOTIFY_ON_EMPTY, LOG_ALL, ANY_LAYOUT, INDIRECT_DESC, EVENT_IDX, PROTOCOL_FEATURES, VERSION_1 = 24, 26, 27, 28, 29, 30, 32
# vhost-user protocol feature bits
P_MQ, P_LOG_SHMFD, P_RARP, P_REPLY_ACK, P_RESET_DEVICE, P_CONFIGURE_MEM_SLOTS, P_STATUS = 0, 1, 2, 3, 13, 15, 16
# vhost-user requests
(GET_FEATURES, SET_FEATURES, SET_OWNER, RESET_OWNER, SET_MEM_TABLE, SET_LOG_BASE, SET_LOG_FD, SET_VRING_NUM, SET_VRING_ADDR,
 SET_VRING_BASE, GET_VRING_BASE, SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR, GET_PROTOCOL_FEATURES,
 SET_PROTOCOL_FEATURES, GET_QUEUE_NUM, SET_VRING_ENABLE, SEND_RARP) = range(1, 20)
GET_MAX_MEM_SLOTS, ADD_MEM_REG, REM_MEM_REG = 36, 37, 38

_VERSION, _REPLY, _NEED_REPLY = 1, 4, 8
DESC_NEXT, DESC_WRITE, DESC_INDIRECT = 1, 2, 4
_fence = threading.Lock()


def bits(*numbers):
    return sum(1 << n for n in numbers)


#: What a Linux driver of today negotiates, offloads left out.
MODERN = bits(VERSION_1, MRG_RXBUF, ANY_LAYOUT, INDIRECT_DESC, EVENT_IDX, PROTOCOL_FEATURES)
#: A driver from before virtio 1.0: header of 10 bytes in a descriptor of its own, no mergeable buffers.
LEGACY = bits(PROTOCOL_FEATURES)


class Slot:
    """A piece of guest memory with a memfd of its own."""

    def __init__(self, gpa, uva, size, mmap_offset=0, huge=False):
        if huge:
            size, mmap_offset = (size + 0x1fffff) & ~0x1fffff, 0
        self.gpa, self.uva, self.size, self.mmap_offset = gpa, uva, size, mmap_offset
        self.fd = os.memfd_create('vmqt-guest', os.MFD_CLOEXEC | (os.MFD_HUGETLB if huge else 0))
        os.ftruncate(self.fd, size + mmap_offset)
        self.map = mmap.mmap(self.fd, size + mmap_offset)
        self.mem = memoryview(self.map)[mmap_offset:]

    def region(self):
        return struct.pack('<QQQQ', self.gpa, self.size, self.uva, self.mmap_offset)

    def close(self):
        self.mem.release()
        self.map.close()
        os.close(self.fd)


class Queue:
    """One split virtqueue. Ring at offset `at` of slot 0; buffer i of size `bufsize` in one of the slots. Shared index words
    are read and written through cast views: one access of their size."""

    def __init__(self, front, index, size, bufsize, at):
        self.front, self.index, self.size, self.bufsize = front, index, size, bufsize
        self.writable = index % 2 == 0
        m = front.slots[0].mem
        self.desc_off, self.avail_off = at, at + 16 * size
        self.used_off = (self.avail_off + 6 + 2 * size + 63) & ~63
        self.end_off = (self.used_off + 6 + 8 * size + 4095) & ~4095
        self.desc = m[self.desc_off:self.desc_off + 16 * size]
        self.avail = m[self.avail_off:self.avail_off + 6 + 2 * size].cast('H')
        self.used16 = m[self.used_off:self.used_off + 6 + 8 * size].cast('H')
        self.used_elems = m[self.used_off + 4:self.used_off + 4 + 8 * size].cast('I')
        self.kick_fd, self.call_fd, self.err_fd = (os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in range(3))
        self.interrupts = 0
        self.reset()

    def reset(self):
        self.avail_idx = self.used_idx = 0
        self.free = list(range(self.size - 1, -1, -1))
        self.chains = {}
        for i in range(len(self.avail)):
            self.avail[i] = 0
        for i in range(len(self.used16)):
            self.used16[i] = 0

    def views(self):
        return (self.desc, self.avail, self.used16, self.used_elems)

    def buffer(self, i):
        """(guest address, memory) of descriptor i's buffer."""
        return self.front.buffers[self.index][i]

    def set_desc(self, i, addr, length, flags=0, nxt=0):
        struct.pack_into('<QIHH', self.desc, 16 * i, addr, length, flags, nxt)

    def publish(self, heads):
        for h in heads:
            self.avail[2 + self.avail_idx % self.size] = h
            self.avail_idx = (self.avail_idx + 1) & 0xffff
        self.avail[1] = self.avail_idx

    def kick(self):
        os.eventfd_write(self.kick_fd, 1)

    def kick_if_wanted(self, old):
        """Notifies as the driver must: event index or flag, read after the index was published."""
        with _fence:
            pass
        if self.front.has(EVENT_IDX):
            event = self.used16[2 + 4 * self.size]
            if (self.avail_idx - event - 1) & 0xffff >= (self.avail_idx - old) & 0xffff:
                return
        elif self.used16[0] & 1:
            return
        self.kick()

    def take_used(self):
        """[(head, length)…] of what the device has finished since the last call; chains are not freed yet."""
        done = []
        idx = self.used16[1]
        while self.used_idx != idx:
            at = 2 * (self.used_idx % self.size)
            done.append((self.used_elems[at], self.used_elems[at + 1]))
            self.used_idx = (self.used_idx + 1) & 0xffff
        if done and self.front.has(EVENT_IDX):
            self.avail[2 + self.size] = self.used_idx  # used_event: tell us about the next one
        return done

    def release(self, head):
        if head not in self.chains:
            raise AssertionError(f'queue {self.index}: the device returned descriptor {head}, which it was not given')
        self.free.extend(reversed(self.chains.pop(head)))

    def close(self):
        for v in self.views():
            v.release()
        for fd in (self.kick_fd, self.call_fd, self.err_fd):
            os.close(fd)


class VuFront:
    """A VM on a VPort's socket.

    rx_layout: sizes of the descriptors of one receive chain; default one buffer (2,048 bytes with mergeable buffers, else
    a whole jumbo frame). slots: how many memory slots the buffers are spread over. memory: 'table' (SET_MEM_TABLE) or 'regions'
    (ADD_MEM_REG). huge: on 2 MiB pages. listen: we listen and the daemon connects.
    """

    def __init__(self, path, features=MODERN, ring=256, pairs=1, rx_layout=None, slots=1, memory='table', listen=False,
                 protocol=bits(P_MQ, P_REPLY_ACK, P_CONFIGURE_MEM_SLOTS), timeout=10, start=True, bufsize=None,
                 huge=False):
        self.path, self.want, self.ring, self.pairs, self.memory = path, features, ring, pairs, memory
        self.protocol_want, self.timeout = protocol, timeout
        self.features = self.protocol = 0
        self.headers = []
        self.pending = {}
        self._undo = procs.at_end(self.close)
        self.sock = None
        self.rx_layout = rx_layout
        self.bufsize, self.huge = bufsize, huge
        self._make_memory(slots)
        if listen:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
            self.listener.listen()
            self.listener.settimeout(timeout)
        else:
            self.listener = None
        if start:
            self.connect()
            self.start()

    # ---- memory ----

    def _make_memory(self, nslots):
        n = 2 * self.pairs
        merge = self.want >> MRG_RXBUF & 1
        rx_size = max(self.rx_layout or [0], default=0) or self.bufsize or (2048 if merge else 9216 + 64)
        tx_size = self.bufsize or 2048
        if self.rx_layout is None:
            self.rx_layout = [rx_size]
        sizes = [rx_size if i % 2 == 0 else tx_size for i in range(n)]
        one_ring = (16 * self.ring + 6 + 2 * self.ring + 64 + 6 + 8 * self.ring + 2 * 4096) & ~4095
        # One indirect table of up to `ring` entries for the sender, in slot 0 behind the rings.
        rings = one_ring * n
        self.indirect_off = rings
        head = rings + 16 * self.ring * self.ring if self.ring <= 256 else rings + 16 * 256 * self.ring
        per_slot = [head] + [0] * (nslots - 1)
        place = [[] for _ in range(n)]
        k = 0
        for q in range(n):
            for _ in range(self.ring):
                s = k % nslots
                place[q].append((s, per_slot[s]))
                per_slot[s] += sizes[q]
                k += 1
        self.slots = []
        for s in range(nslots):
            size = (per_slot[s] + 4096 + 4095) & ~4095
            self.slots.append(Slot(0x1_0000_0000 + s * 0x1000_0000, 0x5500_0000_0000 + s * 0x2000_0000, size,
                                   mmap_offset=4096 * (s % 3), huge=self.huge))
        self.buffers = [[(self.slots[s].gpa + off, self.slots[s].mem[off:off + sizes[q]]) for s, off in place[q]]
                        for q in range(n)]
        at = 0
        self.queues = []
        for q in range(n):
            self.queues.append(Queue(self, q, self.ring, sizes[q], at))
            at += one_ring
        self.rx, self.tx = self.queues[0], self.queues[1]

    def has(self, bit):
        return bool(self.features >> bit & 1)

    # ---- messages ----

    def message(self, request, payload=b'', fds=(), flags=0):
        head = struct.pack('<III', request, _VERSION | flags, len(payload))
        anc = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))] if fds else []
        self.sock.sendmsg([head + payload], anc)

    def reply(self, request):
        head = self._read(12)
        got, _flags, size = struct.unpack('<III', head)
        if got != request:
            raise RuntimeError(f'reply to request {got}, expected {request}')
        return self._read(size)

    def _read(self, n):
        data = b''
        while len(data) < n:
            d = self.sock.recv(n - len(data))
            if not d:
                raise ConnectionError('the daemon closed the vhost-user connection')
            data += d
        return data

    def ask(self, request, payload=b'', fds=()):
        """A message that must succeed: acknowledged when that was negotiated."""
        ack = self.protocol >> P_REPLY_ACK & 1
        self.message(request, payload, fds, _NEED_REPLY if ack else 0)
        if ack:
            r = struct.unpack('<Q', self.reply(request))[0]
            if r:
                raise RuntimeError(f'request {request} was refused ({r})')

    def get_u64(self, request):
        self.message(request)
        return struct.unpack('<Q', self.reply(request))[0]

    # ---- life ----

    def connect(self):
        if self.listener:
            self.sock, _ = self.listener.accept()
        else:
            def attempt():
                self.sock = socket.socket(socket.AF_UNIX)
                try:
                    self.sock.connect(self.path)
                    return True
                except (FileNotFoundError, ConnectionRefusedError):
                    self.sock.close()
                    return False
            procs.wait_for(attempt, self.timeout, f'a listener on {self.path}')
        self.sock.settimeout(self.timeout)
        offered = self.get_u64(GET_FEATURES)
        self.offered = offered
        self.features = offered & self.want
        self.protocol = 0
        if self.has(PROTOCOL_FEATURES):
            self.protocol_offered = self.get_u64(GET_PROTOCOL_FEATURES)
            self.protocol = self.protocol_offered & self.protocol_want
            self.message(SET_PROTOCOL_FEATURES, struct.pack('<Q', self.protocol))
            if self.protocol >> P_MQ & 1:
                self.queue_pairs_offered = self.get_u64(GET_QUEUE_NUM)
        self.ask(SET_OWNER)
        self.header_size = 12 if self.has(VERSION_1) or self.has(MRG_RXBUF) else 10
        self.share_memory()

    def share_memory(self):
        if self.memory == 'regions':
            for s in self.slots:
                self.add_region(s)
        else:
            p = struct.pack('<II', len(self.slots), 0) + b''.join(s.region() for s in self.slots)
            self.ask(SET_MEM_TABLE, p, [s.fd for s in self.slots])

    def add_region(self, s):
        self.ask(ADD_MEM_REG, struct.pack('<Q', 0) + s.region(), [s.fd])

    def remove_region(self, s):
        self.ask(REM_MEM_REG, struct.pack('<Q', 0) + s.region())

    def vring(self, request, index, num):
        self.ask(request, struct.pack('<II', index, num))

    def start(self, bases=None, enable=True, post=True):
        """Sets features and rings as a driver does that says DRIVER_OK."""
        self.ask(SET_FEATURES, struct.pack('<Q', self.features))
        uva = self.slots[0].uva
        for q in self.queues:
            base = bases[q.index] if bases else 0
            self.vring(SET_VRING_NUM, q.index, q.size)
            self.vring(SET_VRING_BASE, q.index, base)
            self.ask(SET_VRING_ADDR, struct.pack('<IIQQQQ', q.index, 0, uva + q.desc_off, uva + q.used_off,
                                                 uva + q.avail_off, 0))
            for request, fd in ((SET_VRING_ERR, q.err_fd), (SET_VRING_CALL, q.call_fd), (SET_VRING_KICK, q.kick_fd)):
                self.ask(request, struct.pack('<Q', q.index), [fd])
        if enable:
            self.enable(True)
        if post:
            for q in self.queues[::2]:
                self.post_rx(q)

    def enable(self, on):
        for q in self.queues:
            self.vring(SET_VRING_ENABLE, q.index, int(on))

    def stop(self):
        """Takes the rings back (GET_VRING_BASE); returns where each stands."""
        bases = []
        for q in self.queues:
            self.message(GET_VRING_BASE, struct.pack('<II', q.index, 0))
            bases.append(struct.unpack('<II', self.reply(GET_VRING_BASE))[1])
        return bases

    def driver_reset(self):
        """What a guest's reboot or driver reload looks like from here: rings stopped, fresh rings, started again."""
        self.stop()
        for q in self.queues:
            q.reset()
        self.start()

    def disconnect(self):
        self.sock.close()

    def reconnect(self):
        """The connection is lost and made again, as after a restart of either side; rings begin anew."""
        self.disconnect()
        for q in self.queues:
            q.reset()
        self.connect()
        self.start()

    def close(self):
        procs.not_at_end(self._undo)
        if self.sock:
            self.sock.close()
        if self.listener:
            self.listener.close()
        if self.slots:
            for q in self.queues:
                q.close()
            for bufs in self.buffers:
                for _, m in bufs:
                    m.release()
            for s in self.slots:
                s.close()
            self.slots = []

    # ---- receiving ----

    def post_rx(self, q=None, count=None):
        """Posts receive chains (all there is room for); notifies if the device wants it."""
        q = q or self.rx
        heads = []
        n = len(self.rx_layout)
        while len(q.free) >= n and (count is None or len(heads) < count):
            ids = [q.free.pop() for _ in range(n)]
            for k, d in enumerate(ids):
                q.set_desc(d, q.buffer(d)[0], self.rx_layout[k], DESC_WRITE | (DESC_NEXT if k + 1 < n else 0),
                           ids[k + 1] if k + 1 < n else 0)
            q.chains[ids[0]] = ids
            heads.append(ids[0])
        if heads:
            old = q.avail_idx
            q.publish(heads)
            q.kick_if_wanted(old)
        return len(heads)

    def _chain_bytes(self, q, head, length):
        out = b''
        for k, d in enumerate(q.chains[head]):
            take = min(length - len(out), self.rx_layout[k])
            out += bytes(q.buffer(d)[1][:take])
        if len(out) != length:
            raise AssertionError(f'queue {q.index}: {length} bytes reported in a chain of {sum(self.rx_layout)}')
        return out

    def received(self, q=None, repost=True):
        """The frames that have arrived; their virtio headers are appended to `headers`."""
        q = q or self.rx
        frames = []
        done = q.take_used()
        state = self.pending.setdefault(q.index, [b'', 0])  # the frame begun, and how many buffers it still lacks
        for head, length in done:
            data = self._chain_bytes(q, head, length)
            q.release(head)
            if state[1] == 0:
                h = data[:self.header_size]
                self.headers.append(h)
                buffers = struct.unpack_from('<H', h, 10)[0] if self.header_size == 12 else 1
                if not self.has(MRG_RXBUF) and self.header_size == 12 and buffers != 1:
                    raise AssertionError(f'num_buffers is {buffers} without mergeable buffers')
                if buffers == 0:
                    raise AssertionError('num_buffers is 0')
                state[0], state[1] = data[self.header_size:], buffers - 1
            else:
                state[0] += data
                state[1] -= 1
            if state[1] == 0:
                frames.append(state[0])
                state[0] = b''
        if repost and done:
            self.post_rx(q)
        return frames

    def recv(self, count=1, timeout=5.0, q=None):
        """Waits for `count` frames and returns what came by then; more than that when more came at once."""
        q = q or self.rx
        frames = []
        end = time.monotonic() + timeout
        while True:
            frames += self.received(q)
            left = end - time.monotonic()
            if len(frames) >= count or left <= 0:
                return frames
            select.select([q.call_fd], [], [], min(left, 0.05))
            self._count_interrupts(q)

    def _count_interrupts(self, q):
        try:
            q.interrupts += os.eventfd_read(q.call_fd)
        except BlockingIOError:
            pass

    def drain(self, quiet=0.2):
        """All frames of all queues until none comes for `quiet` seconds."""
        frames = []
        last = time.monotonic()
        while time.monotonic() - last < quiet:
            new = [f for q in self.queues[::2] for f in self.received(q)]
            if new:
                frames += new
                last = time.monotonic()
            else:
                time.sleep(0.005)
        return frames

    # ---- sending ----

    def _reclaim(self, q):
        for head, _length in q.take_used():
            q.release(head)

    def send(self, frames, header=None, pieces=None, indirect=False, timeout=5.0, q=None, window=None):
        """Sends frames (one or a list). pieces: how the header and frame are cut into descriptors, as sizes, the last piece
        takes the rest; default: one piece, or for an old driver the header alone and then the frame. indirect: an
        indirect table. Waits for room when the ring is full."""
        q = q or self.tx
        if isinstance(frames, (bytes, bytearray)):
            frames = [frames]
        header = bytes(self.header_size) if header is None else header
        if pieces is None and not self.has(ANY_LAYOUT) and not self.has(VERSION_1):
            pieces = [self.header_size]
        heads = []
        old = q.avail_idx
        for f in frames:
            parts = self._cut(header + f, pieces or [], q.bufsize)
            need = 1 if indirect else len(parts)
            if len(q.free) < need:
                q.publish(heads)
                q.kick_if_wanted(old)
                heads, old = [], q.avail_idx
                self.wait_room(need, timeout, q)
            heads.append(self._chain(q, parts, indirect))
        q.publish(heads)
        q.kick_if_wanted(old)
        self._reclaim(q)

    def wait_room(self, need, timeout=5.0, q=None):
        q = q or self.tx
        end = time.monotonic() + timeout
        while len(q.free) < need:
            self._reclaim(q)
            if len(q.free) >= need:
                return
            if time.monotonic() > end:
                raise TimeoutError(f'the device does not return transmit descriptors ({len(q.free)} free)')
            time.sleep(0.0005)

    def sent(self, timeout=5.0, q=None):
        """Waits until the device has given back every transmit descriptor."""
        self.wait_room((q or self.tx).size, timeout, q)

    @staticmethod
    def _cut(data, pieces, most):
        parts, at = [], 0
        for n in pieces:
            parts.append(data[at:at + n])
            at += n
        while at < len(data):
            parts.append(data[at:at + most])
            at += most
        return [p for p in parts if p]

    def _chain(self, q, parts, indirect):
        if indirect:
            # The table's pieces lie one behind the other in one buffer of the descriptor, or cut over those of its neighbours.
            d = q.free.pop()
            gpa, mem = q.buffer(d)
            if sum(map(len, parts)) > len(mem):
                raise ValueError('an indirect frame must fit in one buffer of this front end')
            table = self.indirect_off + 16 * min(self.ring, 256) * d
            at = 0
            for k, p in enumerate(parts):
                mem[at:at + len(p)] = p
                last = k + 1 == len(parts)
                struct.pack_into('<QIHH', self.slots[0].mem, table + 16 * k, gpa + at, len(p), 0 if last else DESC_NEXT,
                                 0 if last else k + 1)
                at += len(p)
            q.set_desc(d, self.slots[0].gpa + table, 16 * len(parts), DESC_INDIRECT)
            q.chains[d] = [d]
            return d
        ids = [q.free.pop() for _ in parts]
        for k, (d, p) in enumerate(zip(ids, parts)):
            gpa, mem = q.buffer(d)
            mem[:len(p)] = p
            last = k + 1 == len(parts)
            q.set_desc(d, gpa, len(p), 0 if last else DESC_NEXT, 0 if last else ids[k + 1])
        q.chains[ids[0]] = ids
        return ids[0]
