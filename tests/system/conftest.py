# SPDX-License-Identifier: BSD-3-Clause
"""Every test starts from nothing and leaves nothing: what it started is ended after it, whatever happened. A test that
hangs fails; the daemon's log is part of every failure's report."""
import glob
import os
import signal
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))
from vmqtest import procs  # noqa: E402
from vmqtest.lab import Lab  # noqa: E402

_LIMIT_S = 150


def pytest_configure(config):
    procs.end_on_signals()
    if os.getuid() != 0:
        raise pytest.UsageError('the system tests need root (they make network namespaces)')


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    def expired(_signo, _frame):
        raise TimeoutError(f'{item.name} did not end within {_LIMIT_S} s')
    signal.signal(signal.SIGALRM, expired)
    signal.alarm(_LIMIT_S)
    yield
    signal.alarm(0)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        w = procs.workdir()
        for name in sorted(os.listdir(w)):
            if name.endswith(('.log', '.console')):
                with open(os.path.join(w, name), errors='replace') as f:
                    text = f.read()
                if text:
                    report.sections.append((name, text[-3000:]))


@pytest.fixture(autouse=True)
def _leave_nothing():
    yield
    procs.close_all()
    w = procs.workdir()
    assert not glob.glob(w + '/*/ctl.cpus'), 'a vmqd that was killed left CPUs in light sleep'
    for name in os.listdir(w):
        if name.endswith(('.log', '.console')):
            os.unlink(os.path.join(w, name))


@pytest.fixture
def lab():
    """Makes labs: lab(vports=[…], driver=…). Afterwards the daemon must still be there and end properly."""
    made = []

    def make(*args, **kw):
        made.append(Lab(*args, **kw))
        return made[-1]
    yield make
    for x in made:
        if x.vmqd.client:
            assert x.vmqd.proc.alive(), f'vmqd ended with status {x.vmqd.proc.popen.returncode}'
            assert x.stop() == 0
