# SPDX-License-Identifier: BSD-3-Clause
"""The soak's short form: some twenty seconds of everything at random, VMs made of Python. tests/soak/run has the long ones."""
import os
import subprocess

from vmqtest.guest import ROOT


def test_a_short_time_of_everything():
    r = subprocess.run([os.path.join(ROOT, 'tests/soak/run'), '--minutes', '0.3', '--no-guest'], capture_output=True,
                       text=True, timeout=140)
    assert r.returncode == 0, r.stdout + r.stderr
    assert 'every frame accounted for' in r.stdout
