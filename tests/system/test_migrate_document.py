# SPDX-License-Identifier: BSD-3-Clause
"""A VPort's parameters as a document: what goes out comes in again elsewhere, what does not fit is said by name, and
what is refused changes nothing."""
import json
import os
import subprocess

import pytest
import yaml

from vmqtest import frames, vufront
from vmqtest.daemon import program
from vmqtest.rpc import RpcError

WEB, MORE, OTHER = '52:54:00:00:00:01', '52:54:00:00:00:11', '52:54:00:00:00:02'

#: Rate limits and moderation numbers, as they are when nobody says anything.
NUMBERS = dict.fromkeys(
    ('max_tx_bytes_per_s', 'tx_burst_bytes', 'max_tx_frames_per_s', 'tx_burst_frames', 'max_rx_bytes_per_s', 'rx_burst_bytes',
     'max_rx_frames_per_s', 'rx_burst_frames', 'group_burst_frames', 'moderation_us', 'moderation_frames'), 0)
NUMBERS['max_group_frames_per_s'] = 10000


@pytest.fixture
def two(lab):
    """Two switches; on the first the VPort that travels, on the second one that is there already."""
    a = lab(vports=[{'name': 'web', 'mac': WEB, 'vlan': 100, 'queue_pairs': 2, 'moderation': 'high',
                     'source_check': True, 'vlan_check': False, 'all_multicast': False, 'trunk': True,
                     'filters': [{'mac': MORE, 'vlan': 'any', 'broadcast': False}, {'mac': '01:00:5e:00:00:05'}]}])
    b = lab(vports=[{'name': 'db', 'mac': OTHER, 'vlan': 'any'}])
    return a.vmqd, b.vmqd


def state(d):
    filters = d.call('switch.show')['switches'][0]['num_filters']
    return d.call('vport.show'), d.call('filter.show'), sorted(os.listdir(d.dir)), filters


def test_what_goes_out_comes_in_again(two):
    a, b = two
    document = a.call('migrate.export', name='web')
    cpu = a.vport('web')['cpu']
    assert document == {
        'format': 1, 'name': 'web', 'function': 'pf', 'cpu': cpu, 'queue_pairs': 2, 'moderation': 'high', 'source_check': True,
        'vlan_check': False, 'all_multicast': False, 'trunk': True, 'rss': True, 'features': [],
        'filters': [{'mac': WEB, 'vlan': 100, 'broadcast': True}, {'mac': MORE, 'vlan': 'any', 'broadcast': False},
                    {'mac': '01:00:5e:00:00:05', 'vlan': 'untagged', 'broadcast': False}], **NUMBERS}
    assert b.call('migrate.check', vport=document) == {'fits': True, 'lacks': []}
    made = b.call('migrate.import', vport=document)
    assert made['socket'] == b.path('web') and os.path.exists(b.path('web'))
    assert b.call('migrate.export', name='web') == document

    def own(d):
        return [{k: v for k, v in f.items() if k not in ('id', 'vport_id')}
                for f in d.call('filter.show', vport='web')['filters']]
    assert own(b) == own(a)
    a.call('vport.del', name='web')
    assert a.call('migrate.import', vport=b.call('migrate.export', name='web'))['queue_pairs'] == 2


def test_until_its_vm_is_there_the_vport_claims_nothing(two, lab):
    """Others reach the VM where it still is: the frame goes out by the wire. With the first ring that is started it is here."""
    document = {**two[0].call('migrate.export', name='web'), 'trunk': False}
    b = lab(vports=[{'name': 'db', 'mac': OTHER, 'vlan': 100}])
    db = b.vm('db')
    made = b.vmqd.call('migrate.import', vport=document)
    assert (made['state'], made['awaits_vm']) == ('deactivated', True)
    frame = frames.frame(WEB, OTHER, 1)
    db.send([frame])
    assert b.everywhere(2) == dict.fromkeys(['wire', 'host'], [frames.tagged(frame, 100)])
    web = b.vm('web', pairs=2)
    there = b.vmqd.vport('web')
    assert there['state'] == 'activated' and 'awaits_vm' not in there
    db.send([frame])
    assert b.everywhere(1) == {'web': [frame]}


@pytest.fixture
def waiting(two, lab):
    """A switch with a store, where VPort web waits for its VM and the file has it, too."""
    b = lab(vports=[{'name': 'db', 'mac': OTHER, 'vlan': 100}], start=False)
    b.vmqd.configure(state=b.vmqd.dir + '/state.db')
    b.start()
    b.vmqd.call('migrate.import', vport={**two[0].call('migrate.export', name='web'), 'trunk': False})
    b.vmqd.vmqctl('config', 'save')
    return b.vmqd


def waits(d):
    v = d.vport('web')
    return v['state'], v.get('awaits_vm'), v['origin']


def test_saved_into_the_file_it_waits_on(waiting):
    """Also over a restart, and made anew for another socket, though the file does not say that it waits; an apply that fails
    and is undone leaves it waiting."""
    d, still = waiting, ('deactivated', True, 'file')
    assert waits(d) == still
    d.kill()
    d.start()
    assert waits(d) == still
    with open(d.config_path) as f:
        c = yaml.safe_load(f)
    [web] = [v for v in c['adapters'][0]['vports'] if v['name'] == 'web']
    web['socket'] = d.path('other')

    def apply(check=True):
        with open(d.config_path, 'w') as f:
            yaml.safe_dump(c, f)
        return d.vmqctl('config', 'apply', check=check)
    assert 'remove VPort web, to make it anew' in apply()
    assert waits(d) == still and d.vport('web')['socket'] == d.path('other')
    web['socket'] = d.path('web')
    c['adapters'][0]['vports'].append({'name': 'x', 'socket': '/nowhere/x.sock'})
    status, _, said = apply(check=False)
    assert status == 1 and 'what had been done is undone' in said
    assert waits(d) == still and d.vport('web')['socket'] == d.path('other')
    web['socket'] = d.path('other')
    c['adapters'][0]['vports'].pop()
    assert apply() == ''
    web = vufront.VuFront(d.path('other'), pairs=2)
    d.wait_running('web')
    assert waits(d) == ('activated', None, 'file')
    d.kill()
    d.start()
    assert waits(d) == ('activated', None, 'file')
    web.close()


def test_who_takes_it_away_is_told(waiting):
    d = waiting
    with open(d.config_path) as f:
        c = yaml.safe_load(f)
    c['adapters'][0]['vports'] = [v for v in c['adapters'][0]['vports'] if v['name'] != 'web']
    with open(d.config_path, 'w') as f:
        yaml.safe_dump(c, f)
    said = 'remove VPort web, which waits for a VM that moves here: one that comes all the same has no network\n'
    assert d.vmqctl('config', 'apply', '--dry-run') == said and waits(d)[0] == 'deactivated'
    assert d.vmqctl('config', 'apply') == said
    assert [v['name'] for v in d.call('vport.show')['vports']] == ['default', 'db']


def test_what_may_be_said_otherwise(two):
    a, b = two
    document = a.call('migrate.export', name='web')
    cpu = [w['cpu'] for w in b.call('stats.show')['workers']][-1]
    made = b.call('migrate.import', vport=document, name='www', cpu=cpu, socket=b.path('s'), socket_mode='client')
    assert (made['name'], made['cpu'], made['socket'], made['socket_mode']) == ('www', cpu, b.path('s'), 'client')


def test_the_features_of_the_vm_travel(lab):
    x = lab(vports=[{'name': 'web', 'mac': WEB}])
    x.vm('web')
    document = x.vmqd.call('migrate.export', name='web')
    assert document['features'] == x.vmqd.vport('web')['features'] != []
    x.vmqd.call('vport.set', name='web', new_name='was-web')
    document['filters'] = []
    assert x.vmqd.call('migrate.check', vport=document, socket=x.vmqd.path('s'))['lacks'] == []
    document['features'] += ['MQ', 'TELEPORT']
    lacks = x.vmqd.call('migrate.check', vport=document, socket=x.vmqd.path('s'))['lacks']
    assert [k['what'] for k in lacks] == ['feature', 'feature']
    assert 'MQ' in lacks[0]['text'] and 'TELEPORT' in lacks[1]['text']


LACKS = [
    ('name', {'name': 'db'}, 'name', 'VPort db already'),
    ('cpu', {'cpu': 4711}, 'cpu', '4711'),
    ('features of several queue pairs', {'queue_pairs': 1, 'features': ['VERSION_1', 'MQ']}, 'feature', 'MQ'),
    ('feature', {'features': ['VERSION_1', 'CSUM_OF_TOMORROW']}, 'feature', 'CSUM_OF_TOMORROW'),
    ('filter', {'filters': [{'mac': MORE}, {'mac': OTHER, 'vlan': 'any'}]}, 'filter', OTHER),
    ('socket', {'socket': True}, 'socket', "VPort db's"),
]


@pytest.mark.parametrize('change,what,names', [x[1:] for x in LACKS], ids=[x[0] for x in LACKS])
def test_what_is_lacking_is_named_and_nothing_is_made(two, change, what, names):
    a, b = two
    document = {**a.call('migrate.export', name='web'), **change}
    if 'socket' in change:
        document['socket'] = b.path('db')
    before = state(b)
    answer = b.call('migrate.check', vport=document)
    assert not answer['fits']
    assert [k['what'] for k in answer['lacks'] if names in k['text']] == [what], answer
    with pytest.raises(RpcError) as refused:
        b.call('migrate.import', vport=document)
    assert refused.value.code == 1 and answer['lacks'][0]['text'] in refused.value.message
    assert state(b) == before


def test_limits(two):
    a, b = two
    document = a.call('migrate.export', name='web')
    for n in range(1022):
        b.call('vport.add', name=f'v{n}', socket_mode='client')
    (lack,) = b.call('migrate.check', vport=document)['lacks']
    assert lack['what'] == 'VPorts' and '1024 of 1024' in lack['text']


def test_a_vport_made_halfway_is_taken_back(two):
    """What no check sees: the same filter twice."""
    a, b = two
    document = a.call('migrate.export', name='web')
    document['filters'] += document['filters'][:1]
    before = state(b)
    with pytest.raises(RpcError):
        b.call('migrate.import', vport=document)
    assert state(b) == before


WRONG = [
    ({'format': 2}, 'vport.format'),
    ({'format': None}, 'vport.format'),
    ({'name': 'a/b'}, 'vport.name'),
    ({'name': 'default'}, 'vport.name'),
    ({'cpu': 'all'}, 'vport.cpu'),
    ({'queue_pairs': 17}, 'vport.queue_pairs'),
    ({'moderation': 'some'}, 'vport.moderation'),
    ({'source_check': 1}, 'vport.source_check'),
    ({'filters': {}}, 'vport.filters'),
    ({'filters': [{'mac': WEB}, 5]}, 'vport.filters[1]'),
    ({'filters': [{'vlan': 5}]}, 'vport.filters[0].mac'),
    ({'filters': [{'mac': WEB, 'vlan': 4095}]}, 'vport.filters[0].vlan'),
    ({'filters': [{'mac': WEB, 'id': 5}]}, 'vport.filters[0].id'),
    ({'features': 'MQ'}, 'vport.features'),
    ({'features': ['MQ', 5]}, 'vport.features'),
    ({'socket': 'here'}, 'vport.socket'),
    ({'surprise': 1}, 'vport.surprise'),
]


def test_a_wrong_document_is_refused_by_its_member(two):
    a, b = two
    document = a.call('migrate.export', name='web')
    before = state(b)
    for method in ('migrate.check', 'migrate.import'):
        for change, field in WRONG:
            with pytest.raises(RpcError) as refused:
                b.call(method, vport={**document, **change})
            assert (refused.value.code, refused.value.field) == (-32602, field)
        for parameters, field in (({}, 'vport'), ({'vport': []}, 'vport'), ({'vport': document, 'mac': WEB}, 'mac')):
            with pytest.raises(RpcError) as refused:
                b.call(method, **parameters)
            assert (refused.value.code, refused.value.field) == (-32602, field)
        with pytest.raises(RpcError) as refused:
            b.call(method, vport={k: v for k, v in document.items() if k != 'filters'})
        assert refused.value.field == 'vport.filters'
    assert state(b) == before
    with pytest.raises(RpcError) as refused:
        a.call('migrate.export', name='default')
    assert refused.value.field == 'name'


def test_vmqctl(two, tmp_path):
    a, b = two
    f = str(tmp_path / 'web.json')
    with open(f, 'w') as out:
        out.write(a.vmqctl('migrate', 'export', 'web'))
    with open(f) as written:
        assert json.load(written) == a.call('migrate.export', name='web') == a.vmqctl_json('migrate', 'export', 'web')
    assert b.vmqctl('migrate', 'check', f) == ''
    status, out, err = b.vmqctl('migrate', 'check', f, 'cpu', '4711', check=False)
    assert (status, err) == (1, '') and out.startswith('lacks cpu: CPU 4711 has no worker here')
    status, out, err = b.vmqctl('migrate', 'import', f, 'cpu', '4711', check=False)
    assert (status, out) == (1, '') and 'CPU 4711' in err
    assert b.vmqctl('migrate', 'import', f, 'name', 'www').startswith(f'vport www socket {b.path("www")} cpu ')
    with open(f) as document:
        p = subprocess.run([program('vmqctl'), '--socket', b.socket, '-j', 'migrate', 'check', '-'], stdin=document,
                           capture_output=True, text=True, timeout=30)
    assert (p.returncode, json.loads(p.stdout)['fits']) == (1, False)
    for name, text, says in (('none', None, 'No such file'), ('empty', '', 'empty: '),
                             ('half', '{"format": 1,', '(line 1)')):
        path = str(tmp_path / name)
        if text is not None:
            with open(path, 'w') as out:
                out.write(text)
        status, out, err = b.vmqctl('migrate', 'import', path, check=False)
        assert (status, out) == (1, '') and says in err and err.startswith(f'vmqctl: {path}: ')
