# SPDX-License-Identifier: BSD-3-Clause
"""vmq-exporter, started at a free port, and what it serves as a real OpenMetrics parser reads it."""
import http.client
import json
import os
import re

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from . import daemon, procs

PROGRAM = os.path.join(daemon.BUILD, 'src/exporter/vmq-exporter')
_count = 0


class Exporter:
    def __init__(self, socket, *options, wrapper=(), listen='127.0.0.1'):
        global _count
        _count += 1
        self.proc = procs.Process([*wrapper, PROGRAM, '--socket', socket, '--listen', listen + ':0', *options], f'exporter{_count}')

        def address():
            self.proc.need_alive()
            return re.search(r'^http://[\d.]+:(\d+)/$', self.proc.log(), re.M)
        self.port = int(procs.wait_for(address, 10, 'the address of the exporter').group(1))
        self.url = f'http://127.0.0.1:{self.port}'

    def get(self, path, method='GET', body=None, **headers):
        """(status, headers, body) of one request."""
        c = http.client.HTTPConnection('127.0.0.1', self.port, timeout=15)
        try:
            c.request(method, path, body=body, headers=headers)
            r = c.getresponse()
            return r.status, r.headers, r.read().decode()
        finally:
            c.close()

    def metrics(self):
        """The families, parsed, by name."""
        status, headers, text = self.get('/metrics')
        assert status == 200 and headers['Content-Type'] == 'application/openmetrics-text; version=1.0.0; charset=utf-8'
        families = list(text_string_to_metric_families(text))
        assert len({f.name for f in families}) == len(families)
        return {f.name: f for f in families}

    def values(self):
        """{(name, frozenset of labels): value} of all samples."""
        found = {}
        for family in self.metrics().values():
            for s in family.samples:
                key = (s.name, frozenset(s.labels.items()))
                assert key not in found, f'twice: {key}'
                found[key] = s.value
        return found

    def up(self):
        return self.values()[('vmq_up', frozenset())]

    def state(self):
        return json.loads(self.get('/state.json')[2])

    def wait_up(self, up):
        procs.wait_for(lambda: self.up() == up, 15, f'vmq_up {up}')


def value(values, metric, /, **labels):
    """The only sample of this name that has these labels."""
    found = [v for (n, have), v in values.items() if n == metric and labels.items() <= dict(have).items()]
    assert len(found) == 1, f'{metric} {labels}: {found}'
    return found[0]
