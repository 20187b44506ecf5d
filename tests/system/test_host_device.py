# SPDX-License-Identifier: BSD-3-Clause
"""The default VPort's packet filter is that of the host's device (spec/40-datapath.md §1): of the unicast frames that
no filter claims it gets those to the device's address, or all while the device is promiscuous. vmqd follows the device in
that, and tells what becomes of it and of the physical port's."""
import pytest

from vmqtest import procs
from vmqtest.frames import BROADCAST, frame, tagged

A, B = '52:54:00:00:00:01', '52:54:00:00:00:02'
FAR, UNKNOWN = '52:54:00:00:0f:01', '52:54:00:00:0f:02'
GROUP = '01:00:5e:01:02:03'
HOST = '02:00:00:00:00:0a'


@pytest.fixture
def switch(lab):
    """The host looks at its TAP without making it promiscuous."""
    x = lab(vports=[{'name': 'a', 'mac': A}, {'name': 'b', 'mac': B, 'vlan': 100}], host_promiscuous=False)
    x.host_ns.run('ip', 'link', 'set', 'vmq0', 'address', HOST)
    x.wait_host(mac=HOST, promiscuous=False)
    x.plug('a', 'b')
    return x


def not_accepted(x):
    return x.vmqd.wire()['drops']['rx_not_accepted']


def check_all_comes(x):
    f = frame(FAR, A, 1)
    x.vms['a'].send(f)
    assert x.everywhere(2) == {'wire': [f], 'host': [f]}
    before, f = not_accepted(x), frame(UNKNOWN, FAR, 2)
    x.wire.send(f)
    assert x.everywhere(1) == {'host': [f]}
    assert not_accepted(x) == before


def check_strangers_stay_away(x):
    f = frame(FAR, A, 3)
    x.vms['a'].send(f)
    assert x.everywhere(1) == {'wire': [f]}
    before = not_accepted(x)
    x.wire.send(frame(UNKNOWN, FAR, 4))
    procs.wait_for(lambda: not_accepted(x) == before + 1, 5, 'a counted drop')
    assert x.everywhere() == {}


def test_only_what_is_addressed_to_it(switch):
    check_strangers_stay_away(switch)
    f = frame(FAR, B, 5)
    switch.vms['b'].send(f)
    assert switch.everywhere(1) == {'wire': [tagged(f, 100)]}
    f = frame(HOST, A, 6)
    switch.vms['a'].send(f)
    assert switch.everywhere(2) == {'wire': [f], 'host': [f]}
    for f in (frame(HOST, FAR, 7), tagged(frame(HOST, FAR, 8), 77)):
        switch.wire.send(f)
        assert switch.everywhere(1) == {'host': [f]}


def test_groups_always_come(switch):
    for dst in (BROADCAST, GROUP):
        f = frame(dst, FAR, 1)
        switch.wire.send(f)
        assert switch.everywhere(2) == {'a': [f], 'host': [f]}
        f = frame(dst, A, 2)
        switch.vms['a'].send(f)
        assert switch.everywhere(2) == {'wire': [f], 'host': [f]}


def test_promiscuous_by_command(switch):
    switch.host_ns.run('ip', 'link', 'set', 'vmq0', 'promisc', 'on')
    switch.wait_host(promiscuous=True)
    check_all_comes(switch)
    switch.host_ns.run('ip', 'link', 'set', 'vmq0', 'promisc', 'off')
    switch.wait_host(promiscuous=False)
    check_strangers_stay_away(switch)


def test_promiscuous_as_a_bridges_port(switch):
    switch.host_ns.run('ip', 'link', 'add', 'br0', 'type', 'bridge')
    switch.host_ns.run('ip', 'link', 'set', 'vmq0', 'master', 'br0')
    switch.wait_host(promiscuous=True)
    check_all_comes(switch)
    switch.host_ns.run('ip', 'link', 'set', 'vmq0', 'nomaster')
    switch.wait_host(promiscuous=False)
    check_strangers_stay_away(switch)


def test_a_new_address(switch):
    new = '02:00:00:00:00:0b'
    switch.host_ns.run('ip', 'link', 'set', 'vmq0', 'address', new)
    switch.wait_host(mac=new)
    before = not_accepted(switch)
    switch.wire.send(frame(HOST, FAR, 1))
    procs.wait_for(lambda: not_accepted(switch) == before + 1, 5, 'a counted drop')
    f = frame(new, FAR, 2)
    switch.wire.send(f)
    assert switch.everywhere(1) == {'host': [f]}


def test_set_before_the_daemon_comes(lab):
    """The state at the start counts, not changes only."""
    x = lab(vports=[{'name': 'a', 'mac': A}], start=False)
    x.host_ns.sh(f'ip tuntap add vmq0 mode tap && ip link set vmq0 address {HOST} up promisc on')
    x.host_promiscuous = False
    x.vmqd.start()
    x.wait_host(mac=HOST, promiscuous=True)
    x.host_ns.run('ip', 'link', 'set', 'vmq0', 'promisc', 'off')
    x.vmqd.stop()
    x.start()
    x.plug('a')
    assert x.switch()['host'] == {'link': True, 'promiscuous': False, 'mac': HOST}
    check_strangers_stay_away(x)


def test_explain_knows_it(switch):
    def fates(source, dst):
        return [(d['fate'], d.get('vport'), d.get('drop')) for d in
                switch.vmqd.call('explain', **{'from': source, 'dst': dst})['destinations']]
    assert fates('wire', UNKNOWN) == [('drop', None, 'rx_not_accepted')]
    assert fates('wire', HOST) == [('deliver', 'default', None)]
    assert fates('a', FAR) == [('wire', None, None)]


def event(monitor, name, **expected):
    """The next event of that name with these values; others may come before."""
    def take():
        e = monitor.event(5)
        assert e, f'no event {name} {expected}'
        return e if e['event'] == name and expected.items() <= e.items() else None
    return procs.wait_for(take, 20, f'{name} {expected}')


def test_monitors_are_told(switch):
    m = switch.vmqd.connect()
    m.call('monitor.start')
    switch.host_ns.run('ip', 'link', 'set', 'vmq0', 'promisc', 'on')
    e = event(m, 'host_changed', promiscuous=True)
    assert e.pop('time') > 0
    assert e == {'event': 'host_changed', 'adapter': 'ext0', 'device': 'vmq0', 'promiscuous': True, 'link': True,
                 'mac': HOST, 'mtu': 1500}
    switch.host_ns.run('ip', 'link', 'set', 'vmq0', 'mtu', '1400')
    event(m, 'host_changed', mtu=1400, promiscuous=True)
    switch.sw.run('ip', 'link', 'set', 'p0', 'mtu', '1400')
    e = event(m, 'link_changed', mtu=1400)
    assert e.pop('time') > 0
    assert e == {'event': 'link_changed', 'adapter': 'ext0', 'device': 'p0', 'link': True, 'mac': switch.sw.mac('p0'),
                 'mtu': 1400}
    switch.far.run('ip', 'link', 'set', 'w0', 'down')
    event(m, 'link_changed', link=False)
    switch.far.run('ip', 'link', 'set', 'w0', 'up')
    event(m, 'link_changed', link=True)
    assert switch.vmqd.proc.log(1 << 20).count('port p0: link down') == 1


def test_a_capture_on_the_physical_port_is_no_news(switch):
    m = switch.vmqd.connect()
    m.call('monitor.start')
    switch.sw.run('ip', 'link', 'set', 'p0', 'promisc', 'on')
    switch.sw.run('ip', 'link', 'set', 'p0', 'promisc', 'off')
    switch.sw.run('ip', 'link', 'set', 'p0', 'mtu', '1400')
    e = m.event(5)
    assert (e['event'], e['mtu']) == ('link_changed', 1400)


def test_the_host_device_is_deleted(switch):
    m = switch.vmqd.connect()
    m.call('monitor.start')
    switch.host_ns.run('ip', 'link', 'del', 'vmq0')
    while 'mac' in (e := event(m, 'host_changed', link=False)):  # first it is set down
        assert e['mac'] == HOST
    assert 'mtu' not in e
    assert switch.switch()['host'] == {'link': False, 'promiscuous': False}
    f = frame(A, FAR, 1)
    switch.wire.send(f)
    assert switch.vms['a'].recv(1) == [f]
