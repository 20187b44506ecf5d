# SPDX-License-Identifier: BSD-3-Clause
"""Processes that never outlive us, and one place where everything that must be undone is written down.

A child asks the kernel for SIGKILL when its parent dies (PR_SET_PDEATHSIG), so that nothing stays behind even when the
tests themselves are killed. Children must therefore be started from the main thread: the signal follows the thread.
"""
import atexit
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_undo = []
_workdir = None


def at_end(close):
    """Has close() called at the end, last registered first. Returns close, for not_at_end."""
    _undo.append(close)
    return close


def not_at_end(close):
    if close in _undo:
        _undo.remove(close)


def close_all():
    """Undoes everything; one failure does not keep the rest from being undone."""
    while _undo:
        close = _undo.pop()
        try:
            close()
        except Exception as e:  # the rest must still be undone
            print(f'clean-up: {e!r}')


atexit.register(close_all)


def end_on_signals():
    """SIGTERM and SIGHUP end us like Ctrl-C does, through the clean-up; and Ctrl-C does even where the shell that started us
    had it ignored."""
    def stop(signo, _frame):
        raise SystemExit(128 + signo)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for s in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, stop)


def workdir():
    """A folder of this run, with a short name (unix socket paths are at most 107 bytes); removed at the end."""
    global _workdir
    if _workdir is None:
        for old in os.listdir('/tmp'):
            pid = old[5:].partition('-')[0]
            if old.startswith('vmqt-') and pid.isdigit() and not os.path.exists('/proc/' + pid):
                shutil.rmtree('/tmp/' + old, ignore_errors=True)
        _workdir = tempfile.mkdtemp(prefix=f'vmqt-{os.getpid()}-', dir='/tmp')
        atexit.register(shutil.rmtree, _workdir, True)
        # atexit is last in, first out: what is undone by close_all may still need the folder.
        atexit.unregister(close_all)
        atexit.register(close_all)
    return _workdir


def run(args, check=True, timeout=60, **kw):
    """Runs a command to its end and returns its standard output; a failure carries what it printed."""
    p = subprocess.run(args, capture_output=True, text=True, timeout=timeout, **kw)
    if check and p.returncode:
        raise RuntimeError(f'{" ".join(args)}: status {p.returncode}: {p.stdout}{p.stderr}')
    return p.stdout


def _die_with_parent(parent):
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


class Process:
    """A background process with its output in a file; ended by stop() or with us."""

    def __init__(self, args, name, netns=None, stdin=subprocess.DEVNULL, before=None, **kw):
        self.name = name
        self.args = ([] if netns is None else ['nsenter', '--net=' + netns.path]) + list(args)
        self.log_path = os.path.join(workdir(), name + '.log')
        parent = os.getpid()

        def first():
            _die_with_parent(parent)
            if before:
                before()
        with open(self.log_path, 'ab') as log:
            self.popen = subprocess.Popen(self.args, stdin=stdin, stdout=log, stderr=subprocess.STDOUT,
                                          preexec_fn=first, close_fds=before is None, **kw)
        self._undo = at_end(self.stop)

    @property
    def pid(self):
        return self.popen.pid

    def log(self, tail=4000):
        with open(self.log_path, errors='replace') as f:
            return f.read()[-tail:]

    def alive(self):
        return self.popen.poll() is None

    def need_alive(self):
        if not self.alive():
            raise RuntimeError(f'{self.name} ended with status {self.popen.returncode}: {self.log()}')

    def stop(self, sig=signal.SIGTERM, timeout=10):
        """Ends it and returns its exit status; one that does not end in time is killed."""
        not_at_end(self._undo)
        if self.alive():
            self.popen.send_signal(sig)
            try:
                self.popen.wait(timeout)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        if self.popen.stdin:
            self.popen.stdin.close()
        return self.popen.wait()

    def cpu_seconds(self):
        """Processor time used so far, of all its threads, in seconds."""
        with open(f'/proc/{self.pid}/stat') as f:
            fields = f.read().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def soon_equal(what, expected, timeout=5.0):
    """Waits until what() is `expected`: counters are written a moment after the frames they count. Fails with what it was."""
    end = time.monotonic() + timeout
    while (got := what()) != expected and time.monotonic() < end:
        time.sleep(0.01)
    assert got == expected, f'{got}, expected {expected}'


def wait_for(what, timeout=10.0, message='', step=0.01):
    """Waits until what() gives something true and returns it; what never comes is an error, not a hang."""
    end = time.monotonic() + timeout
    while True:
        r = what()
        if r:
            return r
        if time.monotonic() > end:
            raise TimeoutError(f'not within {timeout} s: {message or what}')
        time.sleep(step)
