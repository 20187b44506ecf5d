# SPDX-License-Identifier: BSD-3-Clause
"""Numbered frames, and a count of those that arrive: none lost, none twice, none out of order."""
import time

from . import frames


class Sender:
    """Sends numbered frames a few at a time and takes in what the receivers have got; never more under way than their
    buffers hold."""

    def __init__(self, send, receivers, window=64):
        self.send, self.receivers, self.window = send, receivers, window
        self.next, self.got = 0, {r: [] for r in receivers}

    def taken(self):
        return sum(map(len, self.got.values()))

    def collect(self):
        for r, seen in self.got.items():
            seen += [n for n in map(frames.number, r.received()) if n is not None]

    def turn(self, count=8):
        self.collect()
        if self.next - self.taken() < self.window:
            self.send(range(self.next, self.next + count))
            self.next += count

    def finish(self):
        end = time.monotonic() + 5
        while self.taken() < self.next and time.monotonic() < end:
            self.collect()
            time.sleep(0.002)
        for r, seen in self.got.items():
            seen += [n for n in map(frames.number, r.drain()) if n is not None]
        everything = sorted(n for seen in self.got.values() for n in seen)
        lost = sorted(set(range(self.next)) - set(everything))
        doubled = len(everything) - len(set(everything))
        assert not lost and not doubled, f'of {self.next}: lost {lost[:10]}…({len(lost)}), doubled {doubled}'
        for seen in self.got.values():
            assert seen == sorted(seen), 'order changed within a VPort'
