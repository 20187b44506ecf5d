# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's file in which a CPU is kept from deep sleep. What is set there is the whole machine's and outlives everybody."""
import contextlib
import os

DEEP = '0'


def _idle(name):
    try:
        with open(f'/sys/devices/system/cpu/cpuidle/{name}') as f:
            return f.read().strip()
    except FileNotFoundError:
        return 'none'


class File:
    def __init__(self, cpu):
        self.path = f'/sys/devices/system/cpu/cpu{cpu}/power/pm_qos_resume_latency_us'

    def available(self):
        """As vmqd would find it: it can be written, and somebody reads it."""
        return os.access(self.path, os.W_OK) and 'none' not in (_idle('current_driver'), _idle('current_governor_ro'))

    def value(self):
        with open(self.path) as f:
            return f.read().strip()

    def write(self, text):
        with open(self.path, 'w') as f:
            f.write(text)

    @contextlib.contextmanager
    def kept(self):
        """Nobody's meanwhile, and what it was afterwards."""
        before = self.value()
        self.write(DEEP)
        try:
            yield
        finally:
            self.write(before)
