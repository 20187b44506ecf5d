# SPDX-License-Identifier: BSD-3-Clause
"""The machine: which CPUs to use, what else it is doing, its huge pages, and processes that end when we do."""
import contextlib
import ctypes
import os
import platform
import signal
import subprocess
import time

TICK = os.sysconf('SC_CLK_TCK')
HUGE = '/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages'


class Failed(Exception):
    """A switch or the generator did not do what it was started for; the measurement has no result."""


# ---- CPUs ----

def _siblings(cpu):
    try:
        with open(f'/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list') as f:
            text = f.read().strip()
    except OSError:
        return {cpu}
    got = set()
    for part in text.split(','):
        a, _, b = part.partition('-')
        got |= set(range(int(a), int(b or a) + 1))
    return got


def cpus():
    """The CPUs we may use, one of each physical core."""
    got, seen = [], set()
    for c in sorted(os.sched_getaffinity(0)):
        if c not in seen:
            got.append(c)
            seen |= _siblings(c)
    return got


def describe():
    model = platform.machine()
    with open('/proc/cpuinfo') as f:
        for line in f:
            if line.startswith('model name'):
                model = line.partition(':')[2].strip()
                break
    with open('/proc/meminfo') as f:
        gib = int(f.readline().split()[1]) / 1024 / 1024
    virtual = ', virtual' if ' hypervisor ' in open('/proc/cpuinfo').read().replace('\n', ' ') else ''
    return f'{model}, {len(cpus())} cores{virtual}, {gib:.0f} GiB, Linux {platform.release()}'


# ---- what else is going on ----

def _cpu_ticks():
    """Busy and stolen ticks of all CPUs."""
    with open('/proc/stat') as f:
        v = [int(x) for x in f.readline().split()[1:]]
    return v[0] + v[1] + v[2] + v[5] + v[6], v[7]


def _process_ticks():
    """User and system ticks of this process and all its descendants, those that have ended included."""
    children, ticks = {}, {}
    for d in os.listdir('/proc'):
        if not d.isdigit():
            continue
        try:
            with open(f'/proc/{d}/stat') as f:
                s = f.read().rpartition(')')[2].split()
        except OSError:
            continue
        children.setdefault(int(s[1]), []).append(int(d))
        ticks[int(d)] = sum(int(x) for x in s[11:15])
    todo, seen = [os.getpid()], set()
    while todo:
        p = todo.pop()
        if p not in seen:
            seen.add(p)
            todo += children.get(p, [])
    return sum(ticks.get(p, 0) for p in seen)


class Watch:
    """What others took of the processor while the `with` block ran, in per cent of one core: others, stolen."""

    def __enter__(self):
        self._begin = time.monotonic(), _cpu_ticks(), _process_ticks()
        return self

    def __exit__(self, *_):
        t, (busy, steal), own = self._begin
        now_busy, now_steal = _cpu_ticks()
        scale = 100 / TICK / (time.monotonic() - t)
        self.others = max(0.0, (now_busy - busy - (_process_ticks() - own)) * scale)
        self.steal = (now_steal - steal) * scale


def wait_quiet(limit, patience):
    """Waits until everything but us uses less than `limit` per cent of a core; gives up after `patience` seconds."""
    end = time.monotonic() + patience
    while True:
        with Watch() as w:
            time.sleep(0.5)
        if w.others + w.steal < limit or time.monotonic() > end:
            return
        time.sleep(1)


# ---- going before others ----

def before_others(pid, priority, level=1):
    """Lets all threads of a process go before those of others, when that is asked for: round robin among real-time threads.
    (A nice value only counts among the processes of one session where the kernel groups by session.)"""
    if priority:
        with contextlib.suppress(OSError):
            for t in os.listdir(f'/proc/{pid}/task'):
                os.sched_setscheduler(int(t), os.SCHED_RR, os.sched_param(level))


def receivers(device):
    """The kernel threads that receive for a device of this name (threaded NAPI), in whichever network namespace: their pids."""
    got = set()
    for p in filter(str.isdigit, os.listdir('/proc')):
        with contextlib.suppress(OSError):
            with open(f'/proc/{p}/comm') as f:
                if f.read().startswith(f'napi/{device}-'):
                    got.add(int(p))
    return got


# ---- how far the cores are from each other ----

def line_cycles(env):
    """Cycles that the switch's core takes for a cache line that the generator's has read; None: not known."""
    r = subprocess.run([env.lines, str(env.cpu), str(env.gen_cpu)], capture_output=True, text=True, check=False)
    return float(r.stdout.partition('=')[2]) if r.returncode == 0 else None


# ---- huge pages ----

@contextlib.contextmanager
def huge_pages(wanted):
    """Sees to `wanted` free pages of 2 MiB and takes away again what it added. Yields whether there are enough."""
    try:
        with open(HUGE) as f:
            before = int(f.read())
        with open(HUGE.replace('nr_', 'free_')) as f:
            free = int(f.read())
    except OSError:
        yield False
        return
    raised = before
    if free < wanted:
        with contextlib.suppress(OSError):
            with open(HUGE, 'w') as f:
                f.write(str(before + wanted - free))
        with open(HUGE) as f:
            raised = int(f.read())
    try:
        yield free + raised - before >= wanted
    finally:
        if raised != before: # what was added: another run may have added some, too
            with open(HUGE) as f:
                now = int(f.read())
            with open(HUGE, 'w') as f:
                f.write(str(max(0, now - (raised - before))))


# ---- processes ----

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def spawn(cmd, log=None, **kw):
    """Starts a process that the kernel ends should we die. log: a file's path for its output."""
    if log:
        with open(log, 'ab') as f:
            return subprocess.Popen(cmd, stdout=f, stderr=f, preexec_fn=_die_with_parent, **kw)
    return subprocess.Popen(cmd, preexec_fn=_die_with_parent, **kw)


def end(proc, patience=10):
    if proc is None or proc.poll() is not None:
        return
    proc.send_signal(signal.SIGTERM)
    try:
        proc.wait(patience)
    except subprocess.TimeoutExpired:
        proc.kill()
        proc.wait()


def wait_for(condition, what, proc=None, log=None, seconds=30):
    limit = time.monotonic() + seconds
    while not condition():
        if proc is not None and proc.poll() is not None:
            raise Failed(f'{what}: the process ended ({proc.returncode}): {tail(log)}')
        if time.monotonic() > limit:
            raise Failed(f'{what}: not within {seconds} s: {tail(log)}')
        time.sleep(0.02)


def tail(log, n=600):
    if not log or not os.path.exists(log):
        return ''
    with open(log, errors='replace') as f:
        return f.read()[-n:]
