# SPDX-License-Identifier: BSD-3-Clause
"""The kinds of wire: xdp, packet, tap, pcap, and the choice `auto`."""
import os
import time

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from vmqtest import daemon, frames, netns, procs, vufront
from vmqtest.frames import frame, tagged

A, FAR = '52:54:00:00:00:01', '52:54:00:00:0f:01'
VPORTS = [{'name': 'a', 'mac': A}, {'name': 'b', 'mac': '52:54:00:00:00:02', 'vlan': 100}]


@pytest.mark.parametrize('driver', ['auto', 'xdp', 'packet'])
def test_many_frames_both_ways(lab, driver):
    x = lab(vports=VPORTS, driver=driver)
    a = x.vm('a')
    for start in range(0, 4000, 50):
        made = [frame(A, FAR, n, size=46 + n * 11 % 1441) for n in range(start, start + 50)]
        for f in made:
            x.wire.send(f)
        assert a.recv(50, 5) == made
        made = [frame(FAR, A, n, size=46 + n * 11 % 1441) for n in range(start, start + 50)]
        a.send(made)
        assert [x.wire.recv(5) for _ in made] == made
    procs.soon_equal(lambda: [x.vmqd.wire()[k] for k in ('rx_frames', 'tx_frames')], [4000, 4000])


def test_auto_says_what_it_took(lab):
    x = lab(vports=[], driver='auto')
    port = x.vmqd.call('switch.show')['switches'][0]['port']
    assert port['driver'] in ('xdp', 'packet') and port['describe']
    if port['driver'] == 'packet':
        assert 'xdp' in x.vmqd.proc.log(1 << 20), 'not said why xdp was not taken'


def test_a_card_with_several_queues(lab):
    """Each of them is served; one that is added later is not, and the doctor says so."""
    x = lab(vports=VPORTS, driver='auto', queues=4, start=False)
    x.far.run('ethtool', '-L', 'w0', 'rx', '2', 'tx', '2')
    x.sw.run('ethtool', '-L', 'p0', 'rx', '2', 'tx', '2')
    x.start()
    port = x.switch()['port']
    if port['driver'] != 'xdp':
        pytest.skip('no AF_XDP here: ' + port['fallback'])
    assert port['rx_queues'] == 2 and port['mtu_max'] == 1500 and '2 receive queues' in port['describe']
    a = x.vm('a')
    made = [bytes(Ether(dst=A, src=FAR) / IP(src='10.0.0.1', dst='10.0.0.2') / UDP(sport=1000 + n, dport=9) / Raw(frames.payload(n)))
            for n in range(200)]
    for f in made:
        x.wire.send(f)
    assert sorted(a.recv(200, 5)) == sorted(made)
    used = x.sw.sh("ethtool -S p0 | grep -c 'rx_queue_[01]_xdp_packets: [1-9]'")
    assert used.strip() == '2'
    assert x.vmqd.vmqctl('doctor', 'rx_queues', 'xdp_mtu').strip() == 'checks: 2 ok, 0 note, 0 warning, 0 wrong'
    x.sw.run('ethtool', '-L', 'p0', 'rx', '4')
    status, out, _ = x.vmqd.vmqctl('doctor', 'rx_queues', check=False)
    assert status == 5 and 'p0 has 4 receive queues now, 2 when vmqd started' in out
    # buffers of 2048 bytes have room for it, but it was not the device's when vmqd asked how long a frame may be
    x.sw.run('ip', 'link', 'set', 'p0', 'mtu', '1700')
    a.send([frame(FAR, A, 1, size=1600)])
    procs.wait_for(lambda: x.vmqd.wire()['port']['tx_error'] == 1, 10, 'the frame refused')
    status, out, _ = x.vmqd.vmqctl('doctor', 'xdp_mtu', check=False)
    assert status == 5 and 'p0 has MTU 1700 now; AF_XDP took the 1500 that it had when vmqd started' in out


def test_a_wire_in_another_namespace(lab):
    """The port's netns: the daemon runs elsewhere."""
    x = lab(vports=VPORTS, start=False)
    x.config['adapters'][0]['port']['netns'] = x.sw.path
    x.vmqd = daemon.Vmqd(x.config, netns=netns.NetNS('elsewhere'), start=False)
    x.start()
    a = x.vm('a')
    x.wire.send(frame(A, FAR, 1))
    assert len(a.recv(1)) == 1


def test_vlan_tags_put_in_by_the_kernel_are_seen(lab):
    """A VLAN device at the far end: the tag may travel beside the frame and not in its bytes; it must count all the same."""
    for driver in ('packet', 'xdp'):
        x = lab(vports=VPORTS, driver=driver)
        x.far.run('ethtool', '-K', 'w0', 'txvlan', 'on', 'rxvlan', 'on')
        if not netns.kernel_vlan(x.far, 'w0', 100, 'w0.100'):
            pytest.skip('this kernel has no VLAN devices')
        b = x.vm('b')
        port = netns.RawPort(x.far, 'w0.100')
        f = frame('52:54:00:00:00:02', FAR, 1)
        port.send(f)
        assert b.recv(1) == [f]
        f = frame(FAR, '52:54:00:00:00:02', 2)
        b.send(f)
        assert port.recv(5) == f
        x.stop()


def test_tap_as_the_wire():
    sw = netns.NetNS('sw')
    d = daemon.Vmqd({'adapters': [{'name': 'ext0', 'port': {'driver': 'tap', 'device': 'wire0'}, 'vports': VPORTS}]}, netns=sw)
    sw.run('ip', 'link', 'set', 'wire0', 'up')
    wire = netns.RawPort(sw, 'wire0')
    a, b = (vufront.VuFront(d.path(n)) for n in 'ab')
    d.wait_running('a', 'b')
    f = frame('52:54:00:00:00:02', FAR, 1)
    wire.send(tagged(f, 100))
    assert b.recv(1) == [f]
    f = frame(FAR, '52:54:00:00:00:02', 2)
    b.send(f)
    assert wire.recv(5) == tagged(f, 100)
    f = frame(A, FAR, 3)
    wire.send(f)
    assert a.recv(1) == [f]
    sw.run('ip', 'link', 'del', 'wire0')
    procs.wait_for(lambda: not d.call('switch.show')['switches'][0]['port']['link'], 5, 'the link down')
    status, said, _ = d.vmqctl('doctor', 'link', check=False)
    assert status == 5 and 'the device wire0 that vmqd has opened is gone' in said and 'systemctl restart vmqd, which makes it' in said
    a.close()
    b.close()
    assert d.stop() == 0
    assert 'wire0' not in sw.links()


def test_capture_files_as_the_wire():
    from scapy.utils import PcapReader, wrpcap
    from scapy.layers.l2 import Ether
    sw = netns.NetNS('sw')
    w = procs.workdir()
    made = [frame(A if n % 2 else '52:54:00:00:00:02', FAR, n, vlan=None if n % 2 else 100) for n in range(2000)]
    wrpcap(w + '/in.pcap', [Ether(f) for f in made])
    port = {'driver': 'pcap', 'in': w + '/in.pcap', 'out': w + '/out.pcap', 'rate': 4000}
    d = daemon.Vmqd({'adapters': [{'name': 'ext0', 'port': port, 'vports': VPORTS}]}, netns=sw, start=False)
    fronts = {}
    d.start()
    for n in 'ab':
        fronts[n] = vufront.VuFront(d.path(n))
    got = {'a': [], 'b': []}
    end = time.monotonic() + 20
    while time.monotonic() < end and not (got['a'] and frames.number(got['a'][-1]) == 1999):
        for n in 'ab':
            got[n] += fronts[n].recv(1, 0.05)
    got['b'] += fronts['b'].drain()
    # What came before the VMs were plugged in went nowhere; from then on nothing may be missing.
    for n, odd in (('a', 1), ('b', 0)):
        seen = [frames.number(f) for f in got[n]]
        assert len(seen) > 100 and seen == list(range(seen[0], 1998 + odd + 1, 2)) and seen[0] % 2 == odd
        assert all(frames.tag_of(f) is None for f in got[n])
    fronts['b'].send([frame(FAR, '52:54:00:00:00:02', n) for n in range(100)])
    fronts['b'].sent()
    assert d.stop() == 0
    with PcapReader(w + '/out.pcap') as r:
        out = [bytes(p) for p in r]
    assert [f for f in out if frames.mac(f) == FAR] == [tagged(frame(FAR, '52:54:00:00:00:02', n), 100) for n in range(100)]
    assert os.path.getsize(w + '/out.pcap')



def switch_that_sends_bursts(sw):
    """With VPort a's VM, on n0."""
    d = daemon.Vmqd({'adapters': [{'name': 'ext0', 'port': {'driver': 'auto', 'device': 'n0'}, 'vports': VPORTS}]}, netns=sw)
    shown = d.call('switch.show')['switches'][0]['port']['describe']
    if 'bursts sent by tc' not in shown:
        pytest.skip(f'Linux 6.8 is needed: {shown}')
    a = vufront.VuFront(d.path('a'))
    d.wait_running('a')
    return d, a


def test_what_the_device_drops_has_a_name():
    """Frames that its queueing discipline has no room for: sent by vmqd without an error, and counted all the same."""
    sw, far = netns.NetNS('sw'), netns.NetNS('far')
    netns.veth(sw, 'n0', far, 'w0')
    d, a = switch_that_sends_bursts(sw)
    assert d.wire()['port'] == {'rx_runt': 0, 'rx_too_long': 0, 'rx_no_buffer': 0, 'tx_error': 0, 'tx_dropped': 0}
    sw.run('tc', 'qdisc', 'add', 'dev', 'n0', 'root', 'tbf', 'rate', '8kbit', 'burst', '1600', 'limit', '8000')
    a.send([frame(FAR, A, n, size=1400) for n in range(60)])
    a.sent()
    procs.wait_for(lambda: d.wire()['port']['tx_dropped'] > 40, 10, 'dropped frames')
    _, said, _ = d.vmqctl('doctor', 'wire_loss', check=False)
    assert d.wire()['port']['tx_error'] == 0 and "ext0's wire n0 lost" in said and '(tx_dropped)' in said and 'tc -s qdisc show dev n0' in said


def test_bursts_to_a_veth_go_out_by_a_program_at_its_egress():
    """The far end gets them in order and unchanged, whatever is in between; who looks on at our own end sees them; what others send
    there is left alone, while vmqd runs and when it was killed."""
    sw, far = netns.NetNS('sw'), netns.NetNS('far')
    netns.veth(sw, 'n0', far, 'w0')
    wire, near, other = netns.RawPort(far, 'w0'), netns.RawPort(sw, 'n0'), netns.RawPort(sw, 'n0')
    near.see_outgoing()
    d, a = switch_that_sends_bursts(sw)
    sent = [frame(FAR, A, n)[:12] + kind + bytes([n]) * (46 + n * size) for n, (kind, size) in
            enumerate([(b'\x08\x00', 20), (b'\x08\x00', 1), (b'\x08\x06', 0), (b'\x86\xdd', 21)] * 15)]
    a.send(sent)
    a.sent()
    assert [wire.recv(5) for _ in sent] == sent
    assert [near.recv(5) for _ in sent] == sent
    foreign = frame(FAR, '52:54:00:00:00:0b', 1)
    other.send(foreign)
    a.send(sent[0])
    assert sorted([wire.recv(5), wire.recv(5)]) == sorted([foreign, sent[0]])
    d.kill()
    other.send(foreign)
    assert wire.recv(5) == foreign


def test_a_veth_whose_far_end_is_full():
    """Each frame arrives or is counted, and the doctor says where: the device's loss, or of driver packet the sender's."""
    if len(daemon.cpus()) < 2:
        pytest.skip('two CPUs are needed')
    first, second = daemon.cpus()
    for driver in ('auto', 'packet'):
        sw, far = netns.NetNS('sw'), netns.NetNS('far')
        device = f'{driver[0]}f{os.getpid()}'
        netns.veth(sw, 'n0', far, device)
        # The far end is emptied by a kernel thread, whose CPU somebody else has.
        far.run('ethtool', '-K', device, 'gro', 'on')
        far.run('unshare', '--mount', 'sh', '-c', f'mount -t sysfs sysfs /sys && echo 1 > /sys/class/net/{device}/threaded')
        [thread] = procs.run(['pgrep', f'^napi/{device}-']).split()
        os.sched_setaffinity(int(thread), {second})
        wire = netns.RawPort(far, device)
        d = daemon.Vmqd({'cpus': [first], 'adapters': [{'name': 'ext0', 'port': {'driver': driver, 'device': 'n0'}, 'vports': VPORTS}]},
                        netns=sw)
        by_driver = driver == 'packet' or 'bursts sent by tc' not in d.call('switch.show')['switches'][0]['port']['describe']
        a = vufront.VuFront(d.path('a'))
        d.wait_running('a')
        # The kernel itself ends it: nobody else on that CPU could.
        hog = procs.Process(['taskset', '-c', str(second), 'chrt', '--fifo', '50', 'prlimit', '--rttime=500000:600000',
                             'sh', '-c', 'while :; do :; done'], 'hog')
        sent = 0
        while hog.alive():
            a.send([frame(FAR, A, n) for n in range(sent, sent + 50)], timeout=30)
            sent += 50
        a.sent(30)
        arrived = [frames.number(f) for f in wire.drain(1)]
        assert arrived == sorted(set(arrived)) and wire.lost() == 0

        def counted():
            port, drops = d.wire()['port'], d.stats('a')['drops']
            return port['tx_dropped'] + drops['tx_wire_full']
        procs.soon_equal(counted, sent - len(arrived))
        assert counted() > 0 and d.wire()['port']['tx_error'] == 0
        _, said, _ = d.vmqctl('doctor', 'wire_loss', 'drops', check=False)
        assert ('tx_wire_full' in said) if by_driver else ("a veth's far end that is full or has a smaller MTU (tx_dropped)" in said), said
        a.close()
        assert d.stop() == 0


@pytest.mark.parametrize('driver', ['auto', 'packet'])
def test_a_device_that_is_renamed_or_made_anew(driver):
    """By another name it is the same; by the same name another is another, whatever its link, and the doctor says so."""
    sw, far = netns.NetNS('sw'), netns.NetNS('far')
    netns.veth(sw, 'n0', far, 'w0')
    d = daemon.Vmqd({'adapters': [{'name': 'ext0', 'port': {'driver': driver, 'device': 'n0'}, 'vports': VPORTS}]}, netns=sw)
    a = vufront.VuFront(d.path('a'))
    d.wait_running('a')

    def exchange():
        wire = netns.RawPort(far, 'w0')
        f = frame(A, FAR, 1)
        wire.send(f)
        assert a.recv(1) == [f]
        f = frame(FAR, A, 2)
        a.send([f])
        assert wire.recv(5) == f
        assert d.vmqctl('doctor', 'link').strip() == 'checks: 1 ok, 0 note, 0 warning, 0 wrong'

    def link():
        return d.call('switch.show')['switches'][0]['port']['link']
    exchange()
    sw.run('ip', 'link', 'set', 'n0', 'down', 'name', 'other0')
    procs.wait_for(lambda: not link(), 5, 'the link down')
    sw.run('ip', 'link', 'set', 'other0', 'up')
    procs.wait_for(link, 5, 'the link up')
    exchange()
    procs.wait_for(lambda: 'port n0 has another name now; it goes on' in d.proc.log(), 5, 'the line about the name')
    sw.run('ip', 'link', 'del', 'other0')
    netns.veth(sw, 'n0', far, 'w0')
    procs.wait_for(lambda: 'port n0 is another device now' in d.proc.log(), 5, 'the line about the other device')
    status, said, _ = d.vmqctl('doctor', 'link', check=False)
    assert status == 5 and 'the device n0 that vmqd has opened is gone' in said and 'systemctl restart vmqd' in said
    assert not link() and 'link down' in d.vmqctl('switch')
    a.close()
    assert d.stop() == 0
    d.start()
    a = vufront.VuFront(d.path('a'))
    d.wait_running('a')
    exchange()
    said_before = len(d.proc.log(1 << 30))
    sw.run('ip', 'link', 'del', 'n0')
    procs.wait_for(lambda: 'port n0 is gone' in d.proc.log(1 << 30)[said_before:], 5, 'the line that it is gone')
    assert 'another device' not in d.proc.log(1 << 30)[said_before:]


def threads_of(device):
    """How many kernel threads receive for it."""
    return len(procs.run(['sh', '-c', f"pgrep '^napi/{device}-' || true"]).split())


def test_a_thread_receives_for_a_veth():
    """napi auto makes one, on a CPU where the sender need not be, and frames come and go with it; it ends with vmqd, however that
    ends, and leave makes none. The device's own setting stays what it was."""
    sw, far = netns.NetNS('sw'), netns.NetNS('far')
    device = f'np{os.getpid()}'
    netns.veth(sw, device, far, 'w0')
    wire = netns.RawPort(far, 'w0')
    port = {'driver': 'auto', 'device': device}
    for wish, end in ((None, 'stop'), ('auto', 'kill'), ('thread', 'stop'), ('leave', 'stop')):
        if wish:
            port['napi'] = wish
        d = daemon.Vmqd({'adapters': [{'name': 'ext0', 'port': port, 'vports': VPORTS}]}, netns=sw)
        shown = d.call('switch.show')['switches'][0]['port']
        if shown['driver'] != 'xdp':
            pytest.skip('no AF_XDP here: ' + shown['fallback'])
        made = wish != 'leave'
        assert ('NAPI thread' in shown['describe'], threads_of(device), shown.get('no_napi_thread')) == (made, made, None)
        assert d.vmqctl('doctor', 'napi').strip() == 'checks: 1 ok, 0 note, 0 warning, 0 wrong'
        a = vufront.VuFront(d.path('a'))
        d.wait_running('a')
        sent = [frame(A, FAR, n) for n in range(50)]
        for f in sent:
            wire.send(f)
        assert a.recv(50, 5) == sent
        f = frame(FAR, A, 1)
        a.send(f)
        assert wire.recv(5) == f
        if made:
            sw.run('ip', 'link', 'set', device, 'down')
            sw.run('ip', 'link', 'set', device, 'up')
            if not threads_of(device): # a NAPI's own setting went with the NAPI
                status, out, _ = d.vmqctl('doctor', 'napi', check=False)
                assert status and 'no kernel thread receives for ' + device in out
        a.close()
        getattr(d, end)()
        procs.soon_equal(lambda: threads_of(device), 0)
        setting = f'mount -t sysfs sysfs /sys && cat /sys/class/net/{device}/threaded' # of the namespace
        assert sw.run('unshare', '--mount', 'sh', '-c', setting).strip() == '0'
