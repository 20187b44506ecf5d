# SPDX-License-Identifier: BSD-3-Clause
"""Frames made by scapy, and a numbered payload by which each one can be recognised and checked to the last byte."""
import logging
import struct
import zlib

logging.getLogger('scapy').setLevel(logging.ERROR)
from scapy.layers.l2 import Dot1Q, Ether  # noqa: E402 (scapy logs while it is imported)
from scapy.packet import Raw  # noqa: E402

BROADCAST = 'ff:ff:ff:ff:ff:ff'
# An ethertype for local experiments (IEEE 802): no kernel on the way answers it.
ETHERTYPE = 0x88b5
_MAGIC = 0x766d7174


def payload(seq, size=46):
    """A payload of `size` bytes (at least 16): magic, number, length, checksum over the rest, a pattern."""
    body = bytes((seq * 7 + i * 13) & 0xff for i in range(min(size - 16, 251)))
    body = (body * ((size - 16) // max(len(body), 1) + 1))[:size - 16]
    head = struct.pack('!III', _MAGIC, seq, size)
    return head + struct.pack('!I', zlib.crc32(head + body)) + body


def number(data):
    """The number of a payload() anywhere past the Ethernet header of a frame; None if there is none; an error if its bytes
    were changed on the way."""
    at = data.find(struct.pack('!I', _MAGIC), 12)
    if at < 0:
        return None
    _magic, seq, size, crc = struct.unpack_from('!IIII', data, at)
    got = data[at:at + size]
    if len(got) != size or zlib.crc32(got[:12] + got[16:]) != crc:
        raise AssertionError(f'frame {seq} was changed on the way: {data.hex()}')
    return seq


def frame(dst, src, seq=0, vlan=None, priority=0, ethertype=ETHERTYPE, size=46, inner_vlan=None):
    """An Ethernet frame with a numbered payload; vlan 0 is a priority tag, None no tag."""
    f = Ether(dst=dst, src=src)
    if vlan is not None:
        f /= Dot1Q(vlan=vlan, prio=priority)
    if inner_vlan is not None:
        f /= Dot1Q(vlan=inner_vlan)
    f.lastlayer().type = ethertype
    return bytes(f / Raw(payload(seq, size)))


def tag_of(data):
    """(VID, priority) of a frame's outer 802.1Q tag, None when it has none."""
    if data[12:14] != b'\x81\x00':
        return None
    tci = struct.unpack_from('!H', data, 14)[0]
    return tci & 0xfff, tci >> 13


def untagged(data):
    """The same frame without its outer tag."""
    return data[:12] + data[16:] if tag_of(data) is not None else data


def tagged(data, vlan, priority=0):
    """The same frame with a tag put in."""
    return data[:12] + struct.pack('!HH', 0x8100, priority << 13 | vlan) + data[12:]


def mac(data):
    return ':'.join(f'{b:02x}' for b in data[:6])
