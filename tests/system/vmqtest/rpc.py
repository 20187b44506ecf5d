# SPDX-License-Identifier: BSD-3-Clause
"""A client of the control socket (docs/rpc.md): JSON-RPC 2.0, one message a line."""
import json
import socket


class RpcError(Exception):
    def __init__(self, error):
        super().__init__(f'{error["code"]}: {error["message"]}')
        self.code, self.message, self.data = error['code'], error['message'], error.get('data') or {}

    @property
    def field(self):
        return self.data.get('field')

    @property
    def status(self):
        return self.data.get('status')


class Client:
    def __init__(self, path, timeout=15):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.sock.connect(path)
        self.file = self.sock.makefile('r', encoding='utf-8', newline='\n')
        self.events = []
        self.ids = 0

    def _line(self):
        line = self.file.readline()
        if not line:
            raise ConnectionError('vmqd closed the control connection')
        return json.loads(line)

    def raw(self, data):
        """Sends bytes as they are and returns the next message."""
        self.sock.sendall(data)
        return self._line()

    def call(self, method, **params):
        self.ids += 1
        m = {'jsonrpc': '2.0', 'id': self.ids, 'method': method, 'params': params}
        self.sock.sendall(json.dumps(m).encode() + b'\n')
        while True:
            r = self._line()
            if r.get('method') == 'event':
                self.events.append(r['params'])
                continue
            if r.get('id') != self.ids:
                raise RuntimeError(f'answer to another request: {r}')
            if 'error' in r:
                raise RpcError(r['error'])
            return r['result']

    def event(self, timeout=5):
        """The next event of a monitor, or None."""
        if self.events:
            return self.events.pop(0)
        self.sock.settimeout(timeout)
        try:
            return self._line()['params']
        except TimeoutError:
            return None

    def close(self):
        self.file.close()
        self.sock.close()
