# SPDX-License-Identifier: BSD-3-Clause
"""Where vmq's worker spends a frame's cycles: perf's samples of the worker's thread, put to the steps of docs/hot-path.md,
times the cycles a frame. The compiler puts steps into one another; the debugging information tells them apart. perf takes
the processor's cycle counter where there is one, else a clock."""
import collections
import copy
import os
import re
import shutil
import subprocess
import time

from . import cases, machine

HZ, SECONDS = 5000, 2
KERNEL, OTHER = 'the kernel', 'the rest'
_STEP = re.compile(r'^\| \d+ \| `(\w+)` \|')


def steps(page):
    """The functions of the hot path in call order."""
    with open(page) as f:
        return [m.group(1) for m in map(_STEP.match, f) if m]


def _output(*cmd):
    return subprocess.run(cmd, capture_output=True, text=True).stdout


def _symbols(program):
    """Where each function begins; of clones that share a name, the first."""
    at = {}
    for line in _output('nm', program).splitlines():
        w = line.split()
        if len(w) == 3 and w[1] in 'tT':
            at.setdefault(w[2], int(w[0], 16))
    return at


def _inlined(program, addresses):
    """For each address the functions it belongs to, the innermost first."""
    text = _output('addr2line', '-e', program, '-a', '-f', '-i', *[hex(a) for a in addresses])
    chains, lines = {}, text.splitlines()
    chain = None
    for line in lines:
        if line.startswith('0x'):
            chain = chains.setdefault(int(line, 16), [])
        elif ':' not in line: # a function's name; its place in the source follows
            chain.append(line)
    return chains


def _count(data, program, known):
    """Samples by step; by function where it is none of them."""
    at, hits, count = _symbols(program), collections.Counter(), collections.Counter()
    for line in _output('perf', 'script', '-i', data, '-F', 'ip,sym,symoff').splitlines():
        m = re.match(r'\s*([0-9a-f]+) (\S+)\+0x([0-9a-f]+)', line)
        if not m:
            continue
        if int(m.group(1), 16) >> 63:
            count[KERNEL] += 1
        elif m.group(2) in at:
            hits[at[m.group(2)] + int(m.group(3), 16)] += 1
        else:
            count[m.group(2) + ' (a library)'] += 1
    for address, chain in _inlined(program, hits).items():
        names = [n.partition('.')[0] for n in chain]
        count[next((n for n in names if n in known), names[-1] if names else OTHER)] += hits[address]
    return count


def pair(env, sw, size, page):
    """(row of the measurement, {step: cycles a frame}), or None where perf does not work."""
    if not shutil.which('perf') or not shutil.which('addr2line'):
        return None
    data, env = os.path.join(sw.dir, f'perf-{size}.data'), copy.copy(env)
    env.time = SECONDS
    for event in ('cycles', 'cpu-clock'): # a virtual machine may have a cycle counter that never fires
        perf = machine.spawn(['perf', 'record', '-q', '-e', event, '-F', str(HZ), '-o', data, '-t', str(sw.worker_thread(env.cpu))],
                             os.path.join(sw.dir, 'perf.log'))
        time.sleep(1) # until it is ready: with --priority it gets no processor time later
        row = cases.stream(env, sw, cases.pair(sw), size)
        perf.send_signal(2)
        perf.wait(30)
        count = _count(data, env.vmqd, set(steps(page)))
        total = sum(count.values())
        if total:
            return row, {k: n / total * row['cycles'] for k, n in count.items()}
    return None
