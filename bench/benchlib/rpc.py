# SPDX-License-Identifier: BSD-3-Clause
"""The control socket (docs/rpc.md): single calls and batches."""
import json
import socket

from .machine import Failed


class Client:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(path)
        self.file = self.sock.makefile('r')
        self.next = 0

    def _request(self, method, params):
        self.next += 1
        return {'jsonrpc': '2.0', 'id': self.next, 'method': method, 'params': params}

    def _exchange(self, message):
        self.sock.sendall(json.dumps(message, separators=(',', ':')).encode() + b'\n')
        line = self.file.readline()
        if not line:
            raise Failed('vmqd closed the control connection')
        return json.loads(line)

    @staticmethod
    def _result(answer):
        if 'error' in answer:
            raise Failed('vmqd: ' + answer['error']['message'])
        return answer['result']

    def call(self, method, **params):
        return self._result(self._exchange(self._request(method, params)))

    def unread(self, method, **params):
        """A call whose answer is read to its end but not parsed: how long vmqd takes, without our own part."""
        self.sock.sendall(json.dumps(self._request(method, params)).encode() + b'\n')
        line = self.file.readline()
        if '"error"' in line[:200]:
            raise Failed('vmqd: ' + line[:300])

    def batch(self, calls):
        """calls: (method, parameters) pairs; the results in the same order."""
        got = self._exchange([self._request(m, p) for m, p in calls])
        if isinstance(got, dict):
            return self._result(got)
        return [self._result(a) for a in got]

    def close(self):
        self.file.close()
        self.sock.close()
