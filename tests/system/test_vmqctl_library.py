# SPDX-License-Identifier: BSD-3-Clause
"""libvmq through its public interface alone, as a program in another language sees it, against canned answers."""
import ctypes as c
import errno
import json
import os
import re
import select
import socket
import struct
import subprocess
import threading
import time

import pytest

from fake_vmqd import Error, FakeVmqd, close_now, event, reply
from vmqtest.daemon import BUILD, ROOT

INCLUDE = os.path.join(ROOT, 'include')
REFUSED = 1
QUERY, SET, STATISTICS, METHOD = 0, 1, 2, 12


class VmqError(c.Structure):
    _fields_ = [('size', c.c_size_t), ('code', c.c_int), ('message', c.c_char * 512), ('field', c.c_char * 128),
                ('status', c.c_char * 64), ('oid', c.c_char * 64)]


class OidRequest(c.Structure):
    _fields_ = [('size', c.c_size_t), ('adapter', c.c_char_p), ('type', c.c_uint32), ('oid', c.c_uint32),
                ('buffer', c.c_void_p), ('input_length', c.c_uint32), ('output_length', c.c_uint32),
                ('port_number', c.c_uint32), ('switch_id', c.c_uint32), ('vport_id', c.c_uint32), ('flags', c.c_uint32),
                ('status', c.c_int32), ('bytes_read', c.c_uint32), ('bytes_written', c.c_uint32),
                ('bytes_needed', c.c_uint32), ('supported_revision', c.c_uint8)]


class Indication(c.Structure):
    _fields_ = [('size', c.c_size_t), ('buffer', c.c_void_p), ('room', c.c_uint32), ('length', c.c_uint32),
                ('status', c.c_int32), ('oid', c.c_uint32), ('vf_id', c.c_uint32), ('adapter', c.c_char * 65)]


def library():
    lib = c.CDLL(os.path.join(BUILD, 'src/client/libvmq.so.0'))
    lib.vmq_connect.argtypes = [c.c_char_p, c.POINTER(c.c_void_p), c.POINTER(VmqError)]
    lib.vmq_connect_within.argtypes = [c.c_char_p, c.c_uint, c.POINTER(c.c_void_p), c.POINTER(VmqError)]
    lib.vmq_disconnect.argtypes = [c.c_void_p]
    lib.vmq_set_timeout.argtypes = [c.c_void_p, c.c_uint]
    lib.vmq_call.argtypes = [c.c_void_p, c.c_char_p, c.c_char_p, c.POINTER(c.c_void_p), c.POINTER(VmqError)]
    lib.vmq_monitor.argtypes = [c.c_void_p, c.POINTER(VmqError)]
    lib.vmq_next_event.argtypes = [c.c_void_p, c.c_int, c.POINTER(c.c_void_p), c.POINTER(VmqError)]
    lib.vmq_fd.argtypes = [c.c_void_p]
    lib.vmq_event_indication.argtypes = [c.c_char_p, c.POINTER(Indication), c.POINTER(VmqError)]
    lib.vmq_oid_request.argtypes = [c.c_void_p, c.POINTER(OidRequest), c.POINTER(VmqError)]
    return lib


lib = library()
libc = c.CDLL(None)
libc.free.argtypes = [c.c_void_p]


def take(pointer):
    """The text the library gave us, freed as a caller must."""
    text = c.string_at(pointer).decode()
    libc.free(pointer)
    return text


class Client:
    def __init__(self, path):
        self.err = VmqError(size=c.sizeof(VmqError))
        self.p = c.c_void_p()
        self.rc = lib.vmq_connect(None if path is None else path.encode(), c.byref(self.p), c.byref(self.err))

    def call(self, method, params=None):
        out = c.c_void_p(1)
        rc = lib.vmq_call(self.p, method.encode(), None if params is None else params.encode(), c.byref(out),
                          c.byref(self.err))
        assert (rc == 0) == bool(out)
        return rc, json.loads(take(out)) if out else None

    def next_event(self, timeout_ms):
        out = c.c_void_p(1)
        rc = lib.vmq_next_event(self.p, timeout_ms, c.byref(out), c.byref(self.err))
        assert (rc == 0) == bool(out)
        return rc, json.loads(take(out)) if out else None

    def monitor(self):
        return lib.vmq_monitor(self.p, c.byref(self.err))

    def oid(self, type, oid, data=b'', output_length=0, adapter=None, **members):
        buf = c.create_string_buffer(bytes(data), max(len(data), output_length, 1))
        r = OidRequest(size=c.sizeof(OidRequest), adapter=adapter, type=type, oid=oid, buffer=c.addressof(buf),
                       input_length=len(data), output_length=output_length)
        for name, value in members.items():
            setattr(r, name, value)
        rc = lib.vmq_oid_request(self.p, c.byref(r), c.byref(self.err))
        return rc, r, buf.raw

    @property
    def message(self):
        return self.err.message.decode()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        lib.vmq_disconnect(self.p)


def test_exports_are_the_headers():
    """What the header declares is exported, with a version, and nothing else."""
    so = os.path.join(BUILD, 'src/client/libvmq.so.0')
    out = subprocess.run(['nm', '-D', '--defined-only', so], capture_output=True, text=True, check=True).stdout
    exported = {line.split()[2] for line in out.splitlines() if ' T ' in line or ' D ' in line or ' B ' in line}
    declared = set()
    for header in ('vmq.h', 'ndis_names.h'):
        with open(os.path.join(ROOT, 'include/vmq', header)) as f:
            declared.update(re.findall(r'^\w[^\n]*?\b((?:vmq|ndis)_\w+)\(', f.read(), re.M))
    assert exported == {name + '@@LIBVMQ_0' for name in declared}
    dynamic = subprocess.run(['readelf', '-d', so], capture_output=True, text=True, check=True).stdout
    assert 'soname: [libvmq.so.0]' in dynamic


def test_header_alone_in_c_and_cplusplus():
    for compiler in (['cc', '-std=c99', '-x', 'c'], ['clang++', '-x', 'c++']):
        p = subprocess.run([*compiler, '-Wall', '-Wextra', '-Werror', '-fsyntax-only', '-I', INCLUDE, '-'],
                           input='#include <vmq/vmq.h>\n'
                                 'int main(void) { struct vmq_error e = VMQ_ERROR_INIT; return e.code; }\n',
                           capture_output=True, text=True)
        assert (p.returncode, p.stderr) == (0, '')


def test_structures_are_laid_out_as_here():
    """The sizes this file believes in are the compiler's."""
    source = ('#include <vmq/vmq.h>\n'
              '_Static_assert(sizeof(struct vmq_error) == %d && sizeof(struct vmq_oid_request) == %d &&\n'
              'sizeof(struct vmq_indication) == %d, "");\n'
              % (c.sizeof(VmqError), c.sizeof(OidRequest), c.sizeof(Indication)))
    subprocess.run(['cc', '-fsyntax-only', '-I', INCLUDE, '-x', 'c', '-'], input=source, text=True, check=True)


def test_call():
    with FakeVmqd({'a.b': {'x': [1, 'ü']}}) as d, Client(d.path) as k:
        assert k.rc == 0
        assert k.call('a.b') == (0, {'x': [1, 'ü']})
        assert k.call('a.b', '{"p": {"q": [true, null]}}\n') == (0, {'x': [1, 'ü']})
        assert d.requests == [('a.b', None), ('a.b', {'p': {'q': [True, None]}})]


def test_a_daemon_that_takes_no_connections(tmp_path):
    """Waited for as long as the caller says."""
    err, p = VmqError(size=c.sizeof(VmqError)), c.c_void_p(1)
    with socket.socket(socket.AF_UNIX) as s, socket.socket(socket.AF_UNIX) as first:
        s.bind(str(tmp_path / 'ctl'))
        s.listen(0)
        first.connect(str(tmp_path / 'ctl'))
        assert lib.vmq_connect_within(str(tmp_path / 'ctl').encode(), 50, c.byref(p), c.byref(err)) == -errno.ETIMEDOUT
        assert not p and b'timed out' in err.message


def test_result_may_be_left_out():
    with FakeVmqd({'a': 1}) as d, Client(d.path) as k:
        assert lib.vmq_call(k.p, b'a', None, None, None) == 0


def test_path_from_environment(monkeypatch):
    with FakeVmqd({'a': 1}) as d:
        monkeypatch.setenv('VMQ_SOCKET', d.path)
        with Client(None) as k:
            assert k.call('a') == (0, 1)


def test_error_members_and_connection_goes_on():
    error = Error(4, 'no room', field='vports[0].mac', status='NDIS_STATUS_RESOURCES', oid='OID_X')
    with FakeVmqd({'a': error, 'b': 2}) as d, Client(d.path) as k:
        assert k.call('a') == (REFUSED, None)
        e = k.err
        assert (e.code, e.message, e.field, e.status, e.oid) == \
            (4, b'no room', b'vports[0].mac', b'NDIS_STATUS_RESOURCES', b'OID_X')
        assert k.call('b') == (0, 2)
        assert (e.code, e.message, e.field, e.status, e.oid) == (0, b'', b'', b'', b'')


def test_error_texts_are_cut_between_characters():
    with FakeVmqd({'a': Error(1, 'ü' * 5000, field='é' * 500)}) as d, Client(d.path) as k:
        assert k.call('a')[0] == REFUSED
        assert k.message == 'ü' * 255
        assert k.err.field.decode() == 'é' * 63


def test_error_smaller_than_ours_is_not_written():
    """A structure of an unknown, smaller size is left alone, whatever happens."""
    with FakeVmqd({'a': Error(1, 'no')}) as d, Client(d.path) as k:
        k.err.size, k.err.code = 16, 4711
        assert k.call('a') == (REFUSED, None)
        assert (k.err.code, k.err.message) == (4711, b'')


@pytest.mark.parametrize('params', ['', 'x', '[]', '1', '"a"', '{"a":1,"a":2}', '{} {}', '{"a":"\xff"'])
def test_params_that_are_no_object(params):
    with FakeVmqd({'a': 1}) as d, Client(d.path) as k:
        rc, _ = k.call('a', params)
        assert rc == -errno.EINVAL
        assert k.message.startswith('params: not a JSON object')
        assert k.call('a') == (0, 1)
        assert len(d.requests) == 1


def test_request_too_long():
    with FakeVmqd({'a': 1}) as d, Client(d.path) as k:
        assert k.call('a', json.dumps({'x': 'y' * (16 << 20)}))[0] == -errno.EMSGSIZE
        assert k.call('a') == (0, 1)
        longest = (16 << 20) - len('{"jsonrpc":"2.0","id":3,"method":"a","params":{"x":""}}\n')
        assert k.call('a', json.dumps({'x': 'y' * longest})) == (0, 1)
        assert k.call('a', json.dumps({'x': 'y' * (longest + 1)}))[0] == -errno.EMSGSIZE


def test_descriptors_nobody_asked_for_are_closed():
    """As many as there is room for beside a line, with each answer."""
    def with_two(conn, request):
        line = json.dumps({'jsonrpc': '2.0', 'id': request['id'], 'result': 1}) + '\n'
        socket.send_fds(conn, [line.encode()], [own, own])

    def have_it():
        return sum(os.path.sameopenfile(own, int(fd)) for fd in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{fd}'))

    own = os.memfd_create('vmqt-passed')
    try:
        with FakeVmqd({'a': with_two}) as d, Client(d.path) as k:
            for _ in range(5):
                assert k.call('a') == (0, 1)
                assert have_it() == 2  # ours, and one that could be asked for
    finally:
        os.close(own)


def test_timeout_closes():
    """After a timeout nobody knows what a late line belongs to: the connection is not used again."""
    with FakeVmqd({'slow': lambda conn, request: None, 'a': 1}) as d, Client(d.path) as k:
        lib.vmq_set_timeout(k.p, 50)
        assert k.call('slow')[0] == -errno.ETIMEDOUT
        assert k.message == 'vmqd did not answer within 50 ms'
        assert lib.vmq_fd(k.p) == -1
        assert k.call('a')[0] == -errno.ENOTCONN


def test_timeout_is_of_the_whole_call():
    """Neither a byte now and then nor events without end keep a call from ending."""
    def drip(conn, _request):
        while True:
            conn.sendall(b' ')
            time.sleep(0.005)

    def chatter(conn, _request):
        while True:
            event(conn, event='x')
    for answer in (drip, chatter):
        with FakeVmqd({'a': answer}) as d, Client(d.path) as k:
            lib.vmq_set_timeout(k.p, 100)
            assert k.call('a')[0] == -errno.ETIMEDOUT


def test_daemon_that_does_not_read():
    with FakeVmqd(on_connect=lambda conn: threading.Event().wait(20)) as d, Client(d.path) as k:
        lib.vmq_set_timeout(k.p, 50)
        assert k.call('a', json.dumps({'x': 'y' * 1000000}))[0] == -errno.ETIMEDOUT


def test_daemon_that_does_not_accept():
    """A full queue of connections makes connect() wait; the wait has an end."""
    import socket
    import tempfile
    with tempfile.TemporaryDirectory(prefix='vmqt-') as folder:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(folder + '/s')
        listener.listen(0)
        clients = []
        while not clients or clients[-1].rc == 0:
            clients.append(Client(folder + '/s'))
            assert len(clients) < 10
        assert clients[-1].rc == -errno.ETIMEDOUT
        for k in clients:
            lib.vmq_disconnect(k.p)
        listener.close()


def test_connect_errors(tmp_path):
    assert Client(str(tmp_path / 'x')).rc == -errno.ENOENT
    assert Client('/' + 'x' * 200).rc == -errno.ENAMETOOLONG
    k = Client(str(tmp_path))
    assert (k.rc, bool(k.p)) == (-errno.ECONNREFUSED, False)
    lib.vmq_disconnect(k.p)


def test_no_sigpipe():
    """A daemon that has gone is an error of the call, not the end of the program."""
    with FakeVmqd(on_connect=close_now) as d, Client(d.path) as k:
        assert k.call('a')[0] == -errno.ECONNRESET
        assert k.call('a')[0] == -errno.ENOTCONN


def monitor_of(*events, after=None):
    def answer(conn, request):
        reply(conn, request, result={})
        for e in events:
            event(conn, **e)
        if after:
            after(conn)
    return FakeVmqd({'monitor.start': answer})


def test_monitor():
    with monitor_of({'event': 'one', 'n': 1}, {'event': 'two'}) as d, Client(d.path) as k:
        assert k.next_event(0)[0] == -errno.EINVAL
        assert k.monitor() == 0
        assert k.next_event(5000) == (0, {'event': 'one', 'n': 1})
        assert k.next_event(5000) == (0, {'event': 'two'})
        assert k.next_event(0)[0] == -errno.EAGAIN
        assert k.next_event(20)[0] == -errno.EAGAIN
        assert k.call('a')[0] == -errno.EBUSY
        event(d.connections[0], event='three')
        assert select.select([lib.vmq_fd(k.p)], [], [], 10)[0]
        assert k.next_event(0) == (0, {'event': 'three'})


def test_monitor_half_an_event_is_kept():
    line = b'{"jsonrpc":"2.0","method":"event","params":{"event":"x"}}\n'
    with monitor_of() as d, Client(d.path) as k:
        assert k.monitor() == 0
        d.connections[0].sendall(line[:20])
        assert k.next_event(50)[0] == -errno.EAGAIN
        d.connections[0].sendall(line[20:] + line)
        assert k.next_event(5000) == (0, {'event': 'x'})
        assert k.next_event(5000) == (0, {'event': 'x'})


def test_monitor_refused():
    with FakeVmqd({'monitor.start': Error(4, 'too many monitors'), 'a': 1}) as d, Client(d.path) as k:
        assert k.monitor() == REFUSED
        assert k.call('a') == (0, 1)


@pytest.mark.parametrize('line', [b'x\n', b'{}\n', b'[]\n', b'{"method":"event"}\n',
                                  b'{"method":"event","params":[]}\n', b'{"method":"other","params":{}}\n',
                                  b'{"id":1,"result":{}}\n', b'\n'])
def test_monitor_hostile(line):
    with monitor_of(after=lambda conn: conn.sendall(line)) as d, Client(d.path) as k:
        assert k.monitor() == 0
        assert k.next_event(5000)[0] == -errno.EPROTO
        assert k.next_event(0)[0] == -errno.ENOTCONN
        assert lib.vmq_fd(k.p) == -1


def test_monitor_end():
    with monitor_of(after=close_now) as d, Client(d.path) as k:
        assert k.monitor() == 0
        assert k.next_event(-1)[0] == -errno.ECONNRESET


def test_two_clients_are_independent():
    with FakeVmqd({'a': 1, 'slow': lambda conn, request: None}) as d, Client(d.path) as one, Client(d.path) as two:
        lib.vmq_set_timeout(one.p, 20)
        assert one.call('slow')[0] == -errno.ETIMEDOUT
        assert two.call('a') == (0, 1)


# ---- NDIS requests ----

ENUM_VPORTS = 0x00010243
INVALID_LENGTH = 0xC0010014


def oid_answer(status=0, read=0, written=0, needed=0, out='', **more):
    return {'status': status, 'status_name': 'NDIS_STATUS_X', 'bytes_read': read, 'bytes_written': written,
            'bytes_needed': needed, 'supported_revision': 0, 'out': out, **more}


def test_oid_request():
    with FakeVmqd({'oid.request': oid_answer(read=3, written=4, out='DEadbe0f')}) as d, Client(d.path) as k:
        rc, r, raw = k.oid(METHOD, ENUM_VPORTS, b'\x00\x80\xff', 6, adapter=b'ext0')
        assert (rc, r.status, r.bytes_read, r.bytes_written) == (0, 0, 3, 4)
        assert raw == bytes.fromhex('deadbe0f0000')
        k.oid(SET, 1, b'')
        k.oid(QUERY, 0xffffffff, b'', 4)
        k.oid(STATISTICS, 1, b'', 4, vport_id=0, flags=1)
        k.oid(SET, 1, b'', vport_id=7, port_number=3, switch_id=2)
        d.answers['oid.request'] = oid_answer(supported_revision=3)
        assert k.oid(SET, 1, b'', vport_id=7, flags=1)[1].supported_revision == 3
        assert d.requests == [
            ('oid.request', {'adapter': 'ext0', 'type': 'method', 'oid': ENUM_VPORTS, 'in': '0080ff', 'out_len': 6}),
            ('oid.request', {'type': 'set', 'oid': 1, 'in': '', 'out_len': 0}),
            ('oid.request', {'type': 'query', 'oid': 0xffffffff, 'in': '', 'out_len': 4}),
            ('oid.request', {'type': 'statistics', 'oid': 1, 'in': '', 'out_len': 4, 'flags': 1}),
            ('oid.request', {'type': 'set', 'oid': 1, 'in': '', 'out_len': 0, 'port_number': 3, 'switch_id': 2, 'vport_id': 7,
                             'flags': 0}),
            ('oid.request', {'type': 'set', 'oid': 1, 'in': '', 'out_len': 0, 'vport_id': 7, 'flags': 1}),
        ]


@pytest.mark.parametrize('status', [INVALID_LENGTH, INVALID_LENGTH - (1 << 32)])
def test_oid_refused_by_the_contract(status):
    """That is an outcome of the request, not a failure of the call; the sentence comes along."""
    answer = oid_answer(status, needed=604, message='the buffer is too short')
    with FakeVmqd({'oid.request': answer}) as d, Client(d.path) as k:
        rc, r, _ = k.oid(METHOD, ENUM_VPORTS, b'', 4)
        assert (rc, r.status & 0xffffffff, r.bytes_needed) == (0, INVALID_LENGTH, 604)
        assert (k.message, k.err.status) == ('the buffer is too short', b'NDIS_STATUS_X')


def test_oid_refused_by_the_daemon():
    with FakeVmqd({'oid.request': Error(2, 'adapter: there is no "x"')}) as d, Client(d.path) as k:
        assert k.oid(QUERY, 1, b'', 4, adapter=b'x')[0] == REFUSED


@pytest.mark.parametrize('members', [{'type': 4}, {'type': 3}, {'size': 8}, {'input_length': 491521},
                                     {'output_length': 15728641}, {'buffer': None, 'output_length': 1}], ids=str)
def test_oid_request_that_cannot_be(members):
    with FakeVmqd({'oid.request': oid_answer()}) as d, Client(d.path) as k:
        rc, _, _ = k.oid(**{'type': QUERY, 'oid': 1, **members})
        assert (rc, d.requests) == (-errno.EINVAL, [])


@pytest.mark.parametrize('answer', [
    {}, 1, None, oid_answer(written=5, out='0011223344'), oid_answer(written=2, out='001122'),
    oid_answer(written=2, out='0g11'), oid_answer(written=1, out='0'), oid_answer(written=-1),
    oid_answer(status=1 << 32), oid_answer(read=1.5), oid_answer(written=2, out='0011', needed='x'),
    dict(oid_answer(), out=None), oid_answer(supported_revision=256), oid_answer(supported_revision='1'), oid_answer(written=0, out='00' * 100000),
], ids=lambda a: str(a)[:60])
def test_oid_hostile_answer(answer):
    """Nothing is written beyond the four bytes that the caller has room for."""
    with FakeVmqd({'oid.request': answer}) as d, Client(d.path) as k:
        buf = c.create_string_buffer(b'\x5a' * 64, 64)
        r = OidRequest(size=c.sizeof(OidRequest), type=QUERY, oid=1, buffer=c.addressof(buf), output_length=4)
        assert lib.vmq_oid_request(k.p, c.byref(r), c.byref(k.err)) == -errno.EPROTO
        assert buf.raw[4:] == b'\x5a' * 60


def test_oid_largest_buffers():
    size = 15728640
    with FakeVmqd({'oid.request': oid_answer(read=491520, written=size, out='a5' * size)}) as d, Client(d.path) as k:
        rc, r, raw = k.oid(METHOD, 1, b'\xff' * 491520, size)
        assert (rc, k.message) == (0, '')
        assert raw == b'\xa5' * size


def indication(event, room=64, **members):
    """(result, what it filled, the bytes it wrote)"""
    buf = c.create_string_buffer(b'\x5a' * max(room, 1), max(room, 1))
    ind = Indication(size=c.sizeof(Indication), buffer=c.addressof(buf), room=room)
    for name, value in members.items():
        setattr(ind, name, value)
    text = event if isinstance(event, bytes) else json.dumps(event).encode()
    return lib.vmq_event_indication(text, c.byref(ind), None), ind, buf.raw


STATE = {'event': 'status_indication', 'time': 1.5, 'adapter': 'ext0', 'status': 0x4002000D,
         'status_name': 'NDIS_STATUS_RECEIVE_QUEUE_STATE', 'buffer': '80010c000700000003000000'}


def test_an_indication_with_its_bytes():
    rc, ind, raw = indication(STATE, 12)
    assert (rc, ind.status, ind.oid, ind.length, ind.adapter) == (0, 0x4002000D, 0, 12, b'ext0')
    assert raw == bytes.fromhex(STATE['buffer'])
    rc, ind, raw = indication({'event': 'vf_config_invalidated', 'adapter': 'a', 'vf': 3, 'block_mask': '0x5',
                               'oid': 0x00010269, 'buffer': '80011000' + '00' * 4 + '05' + '00' * 7})
    assert (rc, ind.status, ind.oid, ind.vf_id, ind.length) == (0, 0, 0x00010269, 3, 16)


def test_an_indication_that_has_no_room():
    rc, ind, raw = indication(STATE, 11)
    assert (rc, ind.length, ind.status, raw) == (-errno.EMSGSIZE, 12, 0x4002000D, b'\x5a' * 11)


def test_no_indication():
    assert indication({'event': 'vport_added', 'adapter': 'ext0', 'vport': 'web1'})[0] == -errno.ENOMSG
    assert indication(STATE, size=8)[0] == -errno.EINVAL
    assert indication(STATE, buffer=None)[0] == -errno.EINVAL


@pytest.mark.parametrize('event', [
    b'', b'{', b'[]', b'{"event":1}', {**STATE, 'status': -1}, {**STATE, 'status': 1 << 32}, {**STATE, 'status': '1'},
    {**STATE, 'buffer': '0'}, {**STATE, 'buffer': 'zz'}, {**STATE, 'buffer': 12}, {**STATE, 'buffer': 'ab' * 5000},
    {k: v for k, v in STATE.items() if k != 'adapter'}, {**STATE, 'event': 'vf_config_invalidated'},
], ids=lambda e: str(e)[:40])
def test_hostile_indication(event):
    rc, _, raw = indication(event, 8)
    assert rc == -errno.EPROTO and raw[1:] == b'\x5a' * 7


def vport_info(vport_id, name, queue_pairs, cpu, filters):
    """NDIS_NIC_SWITCH_VPORT_INFO, by the offsets of spec/20-structures.md."""
    b = bytearray(576)
    struct.pack_into('<BBHIIIH', b, 0, 0x80, 1, 576, vport_id, 0, 0, 2 * len(name))
    b[18:18 + 2 * len(name)] = name.encode('utf-16-le')
    struct.pack_into('<HxxIII', b, 532, 0xffff, queue_pairs, 1, 1)
    struct.pack_into('<Q', b, 552, 1 << cpu)
    struct.pack_into('<I', b, 572, filters)
    return bytes(b)


def enum_vports(conn, request):
    """What the contract says about ENUM_VPORTS, as far as an honest caller sees it."""
    vports = vport_info(0, 'default', 1, 0, 0) + vport_info(1, 'wéb1', 2, 5, 3)
    p = request['params']
    assert bytes.fromhex(p['in']) == struct.pack('<BBHIIHxxIII', 0x80, 1, 28, 0, 0, 0, 0, 0, 0)
    if p['out_len'] < 32 + len(vports):
        reply(conn, request, result=oid_answer(INVALID_LENGTH, needed=32 + len(vports)))
        return
    out = struct.pack('<BBHIIHxxIIIxxxx', 0x80, 1, 28, 0, 0, 0, 32, 2, 576) + vports
    reply(conn, request, result=oid_answer(read=28, written=len(out), out=out.hex()))


def run_example(*args, **env):
    return subprocess.run([os.path.join(BUILD, 'examples/oid_enum_vports'), *args], capture_output=True, text=True,
                          timeout=30, env=dict(os.environ, **env))


def test_example_enumerates_vports():
    with FakeVmqd({'oid.request': enum_vports}) as d:
        p = run_example(VMQ_SOCKET=d.path)
        assert (p.returncode, p.stderr) == (0, '')
        assert p.stdout == ('VPortId 0 name default function 0xffff state 1 queue pairs 1 affinity 0x1 filters 0\n'
                            'VPortId 1 name wéb1 function 0xffff state 1 queue pairs 2 affinity 0x20 filters 3\n')
        assert [r[1]['out_len'] for r in d.requests] == [28, 32 + 2 * 576]
        d.answers['oid.request'] = oid_answer(0xC00000BB, message='not now')
        p = run_example('ext0', VMQ_SOCKET=d.path)
        assert (p.returncode, p.stderr) == (1, 'NDIS_STATUS_NOT_SUPPORTED: not now\n')
        assert d.requests[-1][1]['adapter'] == 'ext0'


# ---- the man page ----

def test_the_man_pages_example():
    """It compiles against the header and does what the page says."""
    with open(os.path.join(ROOT, 'docs/man/libvmq.3.scd')) as f:
        source = re.search(r'^```\n(.*?)^```$', f.read(), re.M | re.S).group(1).replace('\\\\', '\\')
    with FakeVmqd({'vport.add': {'name': 'web1'}}) as d:
        program, env = d.dir + '/example', dict(os.environ, VMQ_SOCKET=d.path)
        libs = os.path.join(BUILD, 'src/client')
        subprocess.run(['cc', '-Wall', '-Wextra', '-Werror', '-I', INCLUDE, '-x', 'c', '-', '-o', program,
                        '-L', libs, '-Wl,-rpath,' + libs, '-lvmq'], input=source, text=True, check=True)
        p = subprocess.run([program], capture_output=True, text=True, timeout=30, env=env)
        assert (p.returncode, p.stdout, p.stderr) == (0, '{"name":"web1"}\n', '')
        assert d.requests == [('vport.add', {'name': 'web1', 'mac': '52:54:00:00:00:01'})]
        d.answers['vport.add'] = Error(3, 'name: web1 is taken')
        p = subprocess.run([program], capture_output=True, text=True, timeout=30, env=env)
        assert (p.returncode, p.stderr) == (1, 'name: web1 is taken\n')
