# SPDX-License-Identifier: BSD-3-Clause
"""Where vmq's worker spends a frame's cycles: perf's samples of the worker's thread, times the cycles a frame. perf takes the
processor's cycle counter where there is one, else a clock."""
import os
import shutil
import subprocess

from . import cases, machine

LEAST = 0.5 # per cent of the samples


def _samples(data):
    out = subprocess.run(['perf', 'report', '-i', data, '--no-children', '--stdio', '-F', 'overhead,symbol', '-g', 'none'],
                         capture_output=True, text=True).stdout
    for line in out.splitlines():
        w = line.split()
        if len(w) >= 3 and w[0].endswith('%') and w[1] in ('[.]', '[k]'):
            yield ' '.join(w[2:]), float(w[0][:-1])


def pair(env, sw, size=64):
    """(sentence, [(function, per cent, cycles a frame)]), or None where perf does not work."""
    if not shutil.which('perf'):
        return None
    data = os.path.join(sw.dir, 'perf.data')
    perf = machine.spawn(['perf', 'record', '-q', '-o', data, '-t', str(sw.worker_thread(env.cpu)), '--', 'sleep',
                          str(env.warmup + env.time + 2)], os.path.join(sw.dir, 'perf.log'))
    row = cases.stream(env, sw, cases.pair(sw), size)
    machine.end(perf)
    found = [(name, share) for name, share in _samples(data) if share >= LEAST]
    if not found:
        return None
    text = (f'VM to VM, {size} bytes, {row["value"]:.2f} Mpps, {row["cycles"]:.0f} cycles a frame, by perf\'s samples of the '
            'worker\'s thread (a function includes what the compiler put into it):')
    return text, [(n, s, s / 100 * row['cycles']) for n, s in found]
