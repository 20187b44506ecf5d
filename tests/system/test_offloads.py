# SPDX-License-Identifier: BSD-3-Clause
"""Checksums and segments that guests, the host and the wire leave to others: with real guests and the kernel's own stack
at every end, TCP arrives whole; nothing is computed where the receiver takes it unfinished, and all of it where not."""
import pytest

from vmqtest import transfer
from vmqtest.guest import Guest, Nic

MAC1, MAC2 = '52:54:00:00:01:01', '52:54:00:00:01:02'
SIZE = 4 << 20


@pytest.fixture
def net(lab):
    """vm1 takes everything, vm2 nothing; the wire is AF_PACKET on a veth whose ends have their offloads on."""
    x = lab(vports=[{'name': 'vm1', 'mac': MAC1}, {'name': 'vm2', 'mac': MAC2}], driver='packet')
    x.far.run('ip', 'addr', 'add', '10.77.0.254/24', 'dev', 'w0')
    x.host_ns.run('ip', 'addr', 'add', '10.77.0.253/24', 'dev', 'vmq0')
    for ns, dev in ((x.far, 'w0'), (x.sw, 'p0')):
        ns.run('ethtool', '-K', dev, 'tx', 'on', 'rx', 'on', 'sg', 'on', 'tso', 'on', 'gso', 'on', 'gro', 'on')
    x.vm1 = Guest('vm1', [Nic(x.vmqd.path('vm1'), MAC1, '10.77.0.1/24')], wait=False)
    x.vm2 = Guest('vm2', [Nic(x.vmqd.path('vm2'), MAC2, '10.77.0.2/24',
                              options=',guest_csum=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off')], wait=False)
    x.vm1.wait_ready()
    x.vm2.wait_ready()
    x.vmqd.wait_running('vm1', 'vm2')
    yield x
    x.vm1.stop()
    x.vm2.stop()


def work(x):
    """What was finished in software, by receiver."""
    rows = {name: x.vmqd.stats(name) for name in ('vm1', 'vm2', 'default')}
    rows['wire'] = x.vmqd.wire()
    for name, row in rows.items():
        assert row['drops']['tx_bad_offload'] == 0, name
    return {name: (row['sw_checksums'], row['sw_segmented']) for name, row in rows.items()}


def test_tcp_with_offloads_everywhere(net):
    features = net.vmqd.vport('vm1')['features']
    assert {'CSUM', 'GUEST_CSUM', 'HOST_TSO4', 'GUEST_TSO4'} <= set(features)
    assert not {'GUEST_CSUM', 'GUEST_TSO4'} & set(net.vmqd.vport('vm2')['features'])
    # to those who take all: nothing is computed, and frames are longer than the MTU
    before = work(net)
    transfer.between(net.vm2, net.vm1, '10.77.0.1', SIZE).finish()
    transfer.from_netns(net.far, net.vm1, '10.77.0.1', SIZE).finish()
    transfer.from_netns(net.host_ns, net.vm1, '10.77.0.1', SIZE).finish()
    transfer.to_netns(net.vm1, net.far, '10.77.0.254', SIZE).finish()
    transfer.to_netns(net.vm1, net.host_ns, '10.77.0.253', SIZE).finish()
    after = work(net)
    for name in ('vm1', 'wire', 'default'):
        assert after[name] == before[name], name
    s = net.vmqd.stats('vm1')
    assert s['rx_bytes'] / s['rx_frames'] > 1514 and s['tx_bytes'] > 2 * SIZE
    # to the one that takes nothing: segments and checksums are finished here, the data is the same
    transfer.between(net.vm1, net.vm2, '10.77.0.2', SIZE).finish()
    transfer.from_netns(net.far, net.vm2, '10.77.0.2', SIZE).finish()
    transfer.from_netns(net.host_ns, net.vm2, '10.77.0.2', SIZE).finish()
    after = work(net)
    assert after['vm2'][0] > 3 * SIZE / 1514 and after['vm2'][1] > 10
    assert net.vm2.sh('netstat -s 2>/dev/null | grep -ci "bad checksum\\|InCsumErrors: [1-9]"', check=False).strip() in ('', '0')
