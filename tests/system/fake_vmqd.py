# SPDX-License-Identifier: BSD-3-Clause
"""A daemon made of canned answers, for what a real one never says: garbage, half lines, endless ones, every error.

Answers are given by method: a value (the result), an Error, bytes (sent as they are instead of an answer), or a
callable that gets the connection and the request. What was asked is kept in `requests`.
"""
import json
import os
import shutil
import socket
import tempfile
import threading


class Error:
    def __init__(self, code, message, **data):
        self.object = {'code': code, 'message': message, 'data': data}


class FakeVmqd:
    def __init__(self, answers=None, on_connect=None):
        self.answers, self.on_connect = dict(answers or {}), on_connect
        self.requests = []
        self.dir = tempfile.mkdtemp(prefix='vmqt-fake-', dir='/tmp')
        self.path = self.dir + '/ctl'
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(16)
        self.connections = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(conn)
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        try:
            if self.on_connect:
                self.on_connect(conn)
                return
            for line in conn.makefile('r', encoding='utf-8', newline='\n'):
                self._answer(conn, json.loads(line))
        except OSError:
            pass  # the other side went away, which is what some tests are about

    def _answer(self, conn, request):
        self.requests.append((request['method'], request.get('params')))
        answer = self.answers.get(request['method'], Error(-32601, f'no method {request["method"]}'))
        if callable(answer):
            answer(conn, request)
        elif isinstance(answer, bytes):
            conn.sendall(answer)
        elif isinstance(answer, Error):
            reply(conn, request, error=answer.object)
        else:
            reply(conn, request, result=answer)

    def stop_listening(self):
        """close() alone would leave the socket to the thread that waits in accept()."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def close(self):
        self.stop_listening()
        for conn in self.connections:
            try:
                conn.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            conn.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def reply(conn, request, **what):
    conn.sendall(json.dumps({'jsonrpc': '2.0', 'id': request['id'], **what}).encode() + b'\n')


def event(conn, **params):
    conn.sendall(json.dumps({'jsonrpc': '2.0', 'method': 'event', 'params': params}).encode() + b'\n')


def close_now(conn, _request=None):
    conn.shutdown(socket.SHUT_RDWR)


def vmqctl_env():
    """An environment in which only --socket decides whom vmqctl talks to, and times are UTC."""
    env = dict(os.environ, TZ='UTC', LC_ALL='C.UTF-8')
    env.pop('VMQ_SOCKET', None)
    return env
