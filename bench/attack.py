#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A VM that attacks: connects, breaks a rule (rings, messages, kicks, announcements), connects again, until SIGTERM.

    bench/attack.py SOCKET

Says when it has begun, and how many times it did when it ends. What each attack must not achieve is the tests' business
(docs/threat-model.md); here it only has to keep the switch busy."""
import itertools
import os
import signal
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tests', 'system'))
from vmqtest import vufront  # noqa: E402


def chain_that_loops(v):
    v.tx.set_desc(0, v.tx.buffer(0)[0], 100, vufront.DESC_NEXT, 0)
    v.tx.publish([0])
    v.tx.kick()


def address_outside(v):
    v.tx.set_desc(0, 0xdead_0000_0000, 100)
    v.tx.publish([0])
    v.tx.kick()


def index_jumps(v):
    v.tx.avail[1] = 5000
    v.tx.kick()


def kicks(v):
    for _ in range(500):
        v.tx.kick()
        v.rx.kick()


def announcements(v):
    for _ in range(200):
        v.message(vufront.SEND_RARP, bytes.fromhex('5254000000010000'))


def unknown_message(v):
    v.message(999, b'x' * 512)


def ring_of_no_size(v):
    v.message(vufront.SET_VRING_NUM, struct.pack('<II', 0, 0))


def half_a_message(v):
    v.sock.send(b'\2\0\0')


ATTACKS = [chain_that_loops, address_outside, index_jumps, kicks, announcements, unknown_message, ring_of_no_size,
           half_a_message]


def main():
    done = 0
    signal.signal(signal.SIGTERM, lambda *_: (print(f'attacks={done}', flush=True), os._exit(0)))
    v = vufront.VuFront(sys.argv[1], ring=64, start=False)
    for attack in itertools.cycle(ATTACKS):
        try:
            v.connect()
            v.start()
            attack(v)
        except (ConnectionError, BrokenPipeError, RuntimeError):
            pass  # it was refused: the next one
        v.disconnect()
        for q in v.queues:
            q.reset()
        done += 1
        if done == 1:
            print('attacking', flush=True)


if __name__ == '__main__':
    main()
