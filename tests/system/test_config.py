# SPDX-License-Identifier: BSD-3-Clause
"""The configuration file and what runs: `vmqctl config` shows, compares, applies and saves; a schema describes it.

VMQ_CONFIG_ROUNDS: how many random configurations are applied one after another (default 25).
"""
import copy
import json
import os
import random
import re
import stat
import subprocess

import jsonschema
import pytest
import yaml

from test_docs import Loader, blocks
from vmqtest import daemon, netns, procs
from vmqtest.frames import frame
from vmqtest.rpc import RpcError
from vmqtest.sender import Sender

ROUNDS = int(os.environ.get('VMQ_CONFIG_ROUNDS', '25'))
MAC = '52:54:00:00:%02x:%02x'
ROOT = daemon.ROOT


# ---- the schema ----

@pytest.fixture(scope='module')
def schema():
    s = json.loads(procs.run([daemon.program('vmqctl'), 'config', 'schema']))
    jsonschema.Draft7Validator.check_schema(s)
    return jsonschema.Draft7Validator(s)


def as_vmqd_reads(text):
    """With libyaml's rules as src/schema/yamldoc.c has them: a mode with a leading 0 is text, `off` a word."""
    class L(Loader):
        pass
    L.yaml_implicit_resolvers = {c: [r for r in rs if not r[0].endswith((':bool', ':float', ':timestamp'))]
                                 for c, rs in Loader.yaml_implicit_resolvers.items()}
    L.add_implicit_resolver('tag:yaml.org,2002:bool', re.compile(r'(true|false)$'), 'tf')
    L.add_implicit_resolver('tag:yaml.org,2002:int', re.compile(r'-[1-9][0-9]*$'), '-')
    return yaml.load(text, L)


def vmqd_check(tmp_path, text):
    file = tmp_path / 'vmqd.yaml'
    file.write_text(text)
    p = subprocess.run([daemon.program('vmqd'), '--config', str(file), '--check'], capture_output=True, text=True, timeout=30)
    return p.returncode == 0, p.stderr


def good_configurations():
    with open(os.path.join(ROOT, 'examples/vmqd.yaml')) as f:
        yield f.read()
    for page in ('README.md', 'docs/guide.md', 'docs/rpc.md'):
        for text in blocks(page, 'yaml'):
            yield text if re.search('^adapters:', text, re.M) else text + 'adapters: [{name: x, port: {device: eth1}}]\n'


def test_the_schema_accepts_every_configuration_we_show(schema):
    for text in good_configurations():
        assert [e.message for e in schema.iter_errors(as_vmqd_reads(text))] == [], text


HEAD = 'cpus: [0]\nadapters:\n  - name: ext0\n    port: {device: eth1}\n'
VPORT = HEAD + '    vports:\n      - {%s}\n'
# What one member is by itself. What several have to do with each other is vmqd's alone.
BAD = ['adapters: []\n', 'cpus: [0]\n', HEAD + 'color: red\n', HEAD + 'run_dir: here\n', HEAD + 'sandbox: yes\n',
       HEAD + 'cpu_auto: 1\n', HEAD + 'state: sometimes\n', HEAD + 'control: {mode: 432}\n', HEAD + 'control: {mode: 01777}\n',
       HEAD + 'control: {sokcet: /x}\n', HEAD + 'control: {socket: /%s}\n' % ('a' * 110), HEAD + 'vport_sockets: {socket: /x}\n',
       'cpus: [one]\n' + HEAD.split('\n', 1)[1], 'cpus: []\n' + HEAD.split('\n', 1)[1],
       'cpus: [{cpu: 0, policy: lazy}]\n' + HEAD.split('\n', 1)[1], 'cpus: [{policy: poll}]\n' + HEAD.split('\n', 1)[1],
       'adapters:\n  - {port: {device: a}}\n', 'adapters:\n  - {name: a b, port: {device: a}}\n', 'adapters:\n  - {name: a}\n',
       'adapters:\n  - {name: a, port: {}}\n', 'adapters:\n  - {name: a, port: {device: a/b}}\n',
       'adapters:\n  - {name: a, port: {device: abcdefghijklmnop}}\n', 'adapters:\n  - {name: a, port: {driver: dpdk, device: a}}\n',
       'adapters:\n  - {name: a, port: {driver: pcap, device: x}}\n', 'adapters:\n  - {name: a, port: {driver: pcap, rate: -1}}\n',
       'adapters:\n  - {name: a, port: {device: a, in: /x}}\n',
       HEAD + '    host: {queue_pairs: 2}\n', HEAD + '    host: {moderation: some}\n',
       HEAD + '    switch_name: [a]\n', HEAD + '    ports: 4\n', HEAD + '    keywords: {SRIOV: 0}\n', HEAD + '    keywords: {"*SRIOV": 2}\n',
       HEAD + '    keywords: {"*Flags": 1}\n', HEAD + '    keywords: {"*NumaNodeId": 0}\n', HEAD + '    limits: {vports: 1}\n',
       HEAD + '    limits: {vports: 2000}\n', HEAD + '    limits: {single_vport_pool: 1}\n',
       VPORT % 'name: default', VPORT % 'name: wire', VPORT % 'name: ..', VPORT % 'name: a, mac: 52:54:00:00:00',
       VPORT % 'name: a, mac: 00:00:00:00:00:00', VPORT % 'name: a, mac: 52:54:00:00:00:01, vlan: 4095',
       VPORT % 'name: a, mac: 52:54:00:00:00:01, vlan: some', VPORT % 'name: a, queue_pairs: 17', VPORT % 'name: a, socket: x',
       VPORT % 'name: a, socket_mode: both', VPORT % 'name: a, function: gf', VPORT % 'name: a, moderation: lots',
       VPORT % 'name: a, source_check: on', VPORT % 'name: a, tx_burst_bytes: -1', VPORT % 'name: a, moderation_us: 10001',
       VPORT % 'name: a, cpu: first', VPORT % 'name: a, filters: [{vlan: 3}]', VPORT % 'name: a, filters: {}',
       VPORT % 'name: a, filters: [{mac: 52:54:00:00:00:01, id: 3}]', VPORT % 'mac: 52:54:00:00:00:01']


def test_schema_and_vmqd_refuse_the_same(schema, tmp_path):
    assert vmqd_check(tmp_path, HEAD)[0] and vmqd_check(tmp_path, VPORT % 'name: a')[0]
    for text in BAD:
        right, said = vmqd_check(tmp_path, text)
        assert not right and re.match(r'vmqd: \S+:\d+: \w', said), (text, said)
        assert not schema.is_valid(as_vmqd_reads(text)), text


# ---- what runs ----

class Switch:
    """vmqd with a file of its own and no wire to speak of."""

    def __init__(self, adapters, **config):
        self.ns = netns.NetNS('config')
        self.vmqd = daemon.Vmqd({'adapters': adapters, **config}, netns=self.ns, start=False)

    def start(self):
        self.vmqd.start()
        return self.vmqd

    def write(self, config):
        with open(self.vmqd.config_path, 'w') as f:
            yaml.safe_dump(config, f, sort_keys=False)

    def read(self):
        with open(self.vmqd.config_path) as f:
            return yaml.load(f, Loader)


@pytest.fixture
def switch():
    made = []

    def make(vports=(), config=None, **adapter):
        one = {'name': 'ext0', 'port': {'driver': 'pcap'}, 'host': {'device': 'vmq0'}, 'vports': list(vports), **adapter}
        made.append(Switch([one], **(config or {})))
        return made[-1]
    yield make
    for s in made:
        if s.vmqd.proc and s.vmqd.proc.alive():
            s.vmqd.stop()


def shown(d):
    """What runs, all of it, filters in one order."""
    c = d.call('config.show', all=True)['config']
    for a in c['adapters']:
        a['vports'].sort(key=lambda v: v['name'])
        for v in [*a['vports'], a['host']]:
            v['filters'].sort(key=lambda f: (f['mac'], str(f['vlan'])))
    return c


def diff(d, *args):
    status, out, err = d.vmqctl('-j', 'config', 'diff', *args, check=False)
    answer = json.loads(out)
    assert err == '' and status == (0 if answer['same'] else 1), (status, err)
    return answer


VPORTS = [{'name': 'web1', 'mac': MAC % (0, 1), 'vlan': 100}, {'name': 'web2', 'mac': MAC % (0, 2)},
          {'name': 'web3', 'mac': MAC % (0, 3), 'filters': [{'mac': MAC % (0, 4), 'vlan': 'any', 'broadcast': False}]}]


def test_show_starts_the_same_switch(switch, schema, tmp_path):
    """What is shown is a right configuration, and a vmqd that is started with it shows the same."""
    s = switch(VPORTS, {'cpu_auto': False, 'control': {'socket': '/tmp/x', 'mode': '0600', 'group': 'root'}})
    config = s.read()
    config['control']['socket'] = s.vmqd.socket
    s.write(config)
    d = s.start()
    d.call('vport.add', name='true', mac=MAC % (1, 1), queue_pairs=2, moderation='low', moderation_us=70, source_check=True)
    d.call('vport.add', name='42', mac='01:00:5e:00:00:01', vlan=7, socket=d.dir + '/other', max_tx_bytes_per_s=10**9)
    d.call('vport.add', name='vf', mac=MAC % (1, 2), function='vf')
    d.call('vport.set', name='web2', cpu=daemon.cpus()[-1], all_multicast=False)
    d.call('vport.set', name='default', moderation='high', vlan_check=False)
    d.call('filter.add', vport='default', mac=MAC % (1, 9), vlan=9)
    d.call('filter.add', vport='web1', mac='ff:ff:ff:ff:ff:ff', vlan=9)
    d.call('worker.set', cpu=daemon.cpus()[0], policy='interrupt')
    text, everything = d.vmqctl('config'), d.vmqctl('config', 'show', '-d')
    before = shown(d)
    assert d.vmqctl_json('config') == as_vmqd_reads(text) and d.vmqctl_json('config', '-d') == as_vmqd_reads(everything)
    assert schema.is_valid(as_vmqd_reads(text)) and schema.is_valid(as_vmqd_reads(everything))
    assert len(text) < len(everything) / 3
    for form in (text, everything, d.vmqctl('config', '-j')):
        d.stop()
        with open(d.config_path, 'w') as f:
            f.write(form)
        s.start()
        assert shown(d) == before
        assert diff(d) == {'same': True, 'restart': False, 'changes': []}
        assert {v['origin'] for v in d.call('vport.show')['vports']} == {'file'}


def test_the_default_vport_without_a_word_is_as_it_was_born(switch):
    """What the host sends, tagged or not, is nobody's business unless somebody says so."""
    d = switch().start()
    v = d.vport('default')
    assert (v['source_check'], v['vlan_check'], v['all_multicast'], v['moderation']) == (False, False, False, 'adaptive')


def test_every_change_is_told(switch):
    """By its place, with both values; and what it takes."""
    s = switch(VPORTS)
    d = s.start()
    assert diff(d)['same'] and d.vmqctl('config', 'diff') == ''

    def change(path, what, **also):
        return {'path': path, 'change': what, **also}
    d.call('vport.set', name='web1', moderation='off', queue_pairs=2)
    d.call('vport.set', name='default', source_check=True)
    d.call('cpu.auto.set', on=False)
    config = s.read()
    a = config['adapters'][0]
    a['vports'][1]['socket'] = d.dir + '/b'
    a['vports'][2]['filters'][0]['broadcast'] = True
    a['vports'][2]['filters'].append({'mac': MAC % (0, 5)})
    a['limits'] = {'vfs': 3}
    a['keywords'] = {'*VMQLookaheadSplit': 0}
    a['port'] = {'driver': 'tap', 'device': 'x'}
    config['user'] = 'nobody'
    config['cpus'] = [{'cpu': c, 'policy': 'poll'} if not i else c for i, c in enumerate(daemon.cpus())]
    s.write(config)
    got = diff(d)
    assert got['restart'] and not got['same']
    ext0, web = 'adapters[ext0]', 'adapters[ext0].vports'
    changes = {c['path']: (c['change'], c.get('from'), c.get('to')) for c in got['changes']}
    port = changes.pop(ext0 + '.port')
    assert port[0] == 'restart' and port[1]['driver'] == 'pcap' and port[2]['device'] == 'x'
    assert changes == {
        f'cpus[{daemon.cpus()[0]}].policy': ('live', 'adaptive', 'poll'),
        'cpu_auto': ('live', False, True),
        'user': ('restart', None, 'nobody'),
        ext0 + '.keywords.*VMQLookaheadSplit': ('restart', 1, 0),
        ext0 + '.limits.vfs': ('restart', 256, 3),
        ext0 + '.host.source_check': ('live', True, False),
        web + '[web1].queue_pairs': ('live', 2, 1),
        web + '[web1].moderation': ('live', 'off', 'adaptive'),
        web + '[web2].socket': ('renew', d.dir + '/web2.sock', d.dir + '/b'),
        web + f'[web3].filters[{MAC % (0, 4)} vlan any].broadcast': ('live', False, True),
        web + f'[web3].filters[{MAC % (0, 5)} vlan untagged]': ('live', None, {'mac': MAC % (0, 5), 'vlan': 'untagged', 'broadcast': True}),
    }
    status, text, _ = d.vmqctl('config', 'diff', check=False)
    assert status == 1
    for path, (what, old, new) in changes.items():
        note = {'restart': ' (needs a restart of vmqd)', 'renew': ' (the VPort is made anew: its VM is disconnected)', 'live': ''}[what]
        assert f'\n{path}{note}\n' in text
        for sign, value in (('-', old), ('+', new)):
            if value is not None and not isinstance(value, dict):
                assert f'{sign}   {json.dumps(value).strip(chr(34))}\n' in text
    assert text.endswith('\n# systemctl restart vmqd: what runs becomes what the file says; until then vmqctl config apply is refused\n')
    # what needs a restart is refused before anything is done
    before = shown(d)
    status, out, err = d.vmqctl('config', 'apply', check=False)
    assert (status, out) == (1, '') and ' (and 3 more are; vmqctl config diff says which)' in err and 'restart vmqd' in err
    assert shown(d) == before


def test_a_wrong_file_is_refused_by_line_and_key(switch):
    s = switch(VPORTS)
    d = s.start()
    before = shown(d)
    with open(d.config_path) as f:
        right = f.read()
    line = right[:right.index('vlan: 100')].count('\n') + 1
    for old, new, says in (('vlan: 100', 'vlan: 5000', f':{line}: adapters[0].vports[0].vlan: 5000 is not a VLAN id'),
                           ('vlan: 100', 'vlna: 100', f':{line}: adapters[0].vports[0].vlna: is not known here'),
                           ('name: web2', 'name: web1', ': adapters[0].vports[1].name: web1 is given already at adapters[0].vports[0].name'),
                           ('name: ext0', 'name: [', ': not YAML: ')):
        with open(d.config_path, 'w') as f:
            f.write(right.replace(old, new, 1))
        for verb in ('diff', 'apply'):
            status, out, err = d.vmqctl('config', verb, check=False)
            assert (status, out) == (1, '') and err.startswith('vmqctl: ' + d.config_path) and says in err, err
        assert shown(d) == before
    for verb in ('diff', 'apply'):
        status, _, err = d.vmqctl('config', verb, '/nowhere/x.yaml', check=False)
        assert status == 1 and err == 'vmqctl: /nowhere/x.yaml: cannot be opened: No such file or directory\n'
    def long(size):
        return json.dumps(dict(as_vmqd_reads(right), run_dir='/' + 'x' * size), separators=(',', ':'))
    with open(d.dir + '/long.yaml', 'w') as f:  # the longest that is read
        f.write(long((16 << 20) - len(long(0))))
    status, _, err = d.vmqctl('config', 'diff', d.dir + '/long.yaml', check=False)
    assert status == 1 and 'long.yaml: is more than fits into a request' in err
    for method in ('config.diff', 'config.apply'):
        for wrong, field in (({}, 'config'), ({'config': []}, 'config'), ({'config': {}}, 'adapters'), ({'config': {}, 'x': 1}, 'x')):
            with pytest.raises(RpcError) as e:
                d.call(method, **wrong)
            assert e.value.data['field'] == field


def test_apply_swaps_moves_and_says_what_it_does(switch):
    """Addresses are swapped between VPorts, one moves to a new VPort from one that goes; a VPort that stays is not touched."""
    s = switch([*VPORTS, {'name': 'stays', 'mac': MAC % (0, 9)}])
    d = s.start()
    config = s.read()
    a = config['adapters'][0]
    a['vports'] = [{'name': 'web1', 'mac': MAC % (0, 2)}, {'name': 'web2', 'mac': MAC % (0, 1), 'vlan': 100},
                   {'name': 'web4', 'mac': MAC % (0, 3), 'moderation': 'low'}, {'name': 'stays', 'mac': MAC % (0, 9)}]
    s.write(config)
    old = {f['mac']: f['id'] for f in d.call('filter.show')['filters'] if not f['companion']}
    stays, before = d.vport('stays'), shown(d)
    plan = d.vmqctl('config', 'apply', '--dry-run')
    assert shown(d) == before
    events = d.connect()
    events.call('monitor.start')
    assert d.vmqctl('config', 'apply') == plan == (
        f'move filter {MAC % (0, 1)} vlan 100 from web1 to web2\n'
        f'move filter {MAC % (0, 2)} vlan untagged from web2 to web1\n'
        'add VPort web4\n'
        f'move filter {MAC % (0, 3)} vlan untagged from web3 to web4\n'
        'remove VPort web3\n')
    now = {f['mac']: (f['id'], f['vport']) for f in d.call('filter.show')['filters'] if not f['companion']}
    assert now == {MAC % (0, 1): (old[MAC % (0, 1)], 'web2'), MAC % (0, 2): (old[MAC % (0, 2)], 'web1'),
                   MAC % (0, 3): (old[MAC % (0, 3)], 'web4'), MAC % (0, 9): (old[MAC % (0, 9)], 'stays')}
    assert d.vport('stays') == stays
    assert diff(d)['same'] and d.vmqctl('config', 'apply') == ''
    assert {v['origin'] for v in d.call('vport.show')['vports']} == {'file'}


def another_value(name, member, run_dir):
    """One that is not the default."""
    if name == 'socket':
        return run_dir + '/elsewhere'
    if name == 'cpu':
        return daemon.cpus()[-1]
    if name == 'filters':
        return [{'mac': MAC % (0, 8), 'vlan': 'any', 'broadcast': False}]
    if 'enum' in member:
        return [w for w in member['enum'] if w != member['default']][-1]
    if member.get('type') == 'boolean' or member.get('default') is False:
        return not member['default']
    if member.get('type') == 'integer':
        return member.get('default', 0) + 5 if member.get('maximum', 0) > 100 else member['minimum'] + 1
    return {'mac': MAC % (0, 7), 'vlan': 9, 'rss_cpus': str(daemon.cpus()[0]), 'rss_hash': 'ipv4,udp4', 'rss_key': '01' * 40}[name]


@pytest.mark.parametrize('whose', ['vports', 'host'])
def test_each_member_is_applied_and_taken_back(switch, schema, whose):
    """Whatever the schema knows of a VPort: none is shown as different and then forgotten."""
    s = switch([{'name': 'a', 'mac': MAC % (0, 1)}])
    d = s.start()
    right = s.read()
    adapter = schema.schema['properties']['adapters']['items']['properties']
    members = (adapter['vports']['items'] if whose == 'vports' else adapter['host'])['properties']
    assert len(members) > 8
    for name, member in members.items():
        if name in ('name', 'device', 'netns'):
            continue
        config = copy.deepcopy(right)
        v = config['adapters'][0]['vports'][0] if whose == 'vports' else config['adapters'][0]['host']
        v[name] = another_value(name, member, d.dir)
        if name == 'moderation_frames':
            v['moderation_us'] = 50
        for c in (config, right):
            s.write(c)
            assert not diff(d)['same'], name
            assert d.vmqctl('config', 'apply'), name
            assert diff(d)['same'], name


def test_what_is_for_life_is_made_anew(switch):
    """Of a VPort whose frames are spread: what diff calls made anew is made anew, and not refused."""
    s = switch([{'name': 'a', 'mac': MAC % (0, 1), 'queue_pairs': 2}])
    d = s.start()
    a, config = d.vport('a'), s.read()
    for key, value in (('rss_hash', 'ipv4,udp4'), ('rss_key', '01' * 40)):
        config['adapters'][0]['vports'][0][key] = value
        s.write(config)
        assert {c['path']: c['change'] for c in diff(d)['changes']} == {f'adapters[ext0].vports[a].{key}': 'renew'}
        assert d.vmqctl('config', 'apply') == 'remove VPort a, to make it anew: its VM is disconnected\nadd VPort a\n'
        assert diff(d)['same']
        assert d.vport('a')[key] == value and d.vport('a')['id'] == a['id']


def test_apply_is_alone(switch):
    """In a batch it would take back what others of it did."""
    s = switch(VPORTS)
    d = s.start()
    answers = d.client.raw(json.dumps([{'jsonrpc': '2.0', 'id': 1, 'method': 'vport.add', 'params': {'name': 'more'}},
                                       {'jsonrpc': '2.0', 'id': 2, 'method': 'config.apply', 'params': {'config': s.read()}}]).encode() + b'\n')
    assert answers[0]['result']['name'] == 'more' and d.vport('more')
    assert answers[1]['error'] == {'code': -32600, 'message': 'method: config.apply has no place in a batch: it is all or nothing by itself'}


def test_apply_where_there_is_no_room_on_the_way(switch):
    """Limits forbid what would disturb least; it is done all the same. What does not fit in the end is refused before."""
    few = {'vports': 4, 'vfs': 0, 'queue_pairs': 5, 'mac_addresses': 4, 'mac_addresses_per_vport': 1}
    s = switch([{'name': 'a', 'mac': MAC % (0, 1)}, {'name': 'b', 'mac': MAC % (0, 2)}, {'name': 'c', 'mac': MAC % (0, 3), 'queue_pairs': 2}],
               limits=few)
    d = s.start()
    config = s.read()
    vports = config['adapters'][0]['vports']
    # each VPort may have one address: two are swapped; and one VPort goes for another, with its two queue pairs
    config['adapters'][0]['vports'] = [{'name': 'a', 'mac': MAC % (0, 2)}, {'name': 'b', 'mac': MAC % (0, 1)},
                                       {'name': 'd', 'mac': MAC % (0, 3), 'queue_pairs': 2}]
    s.write(config)
    d.vmqctl('config', 'apply')
    assert diff(d)['same']
    before = shown(d)
    for more, says in (([{'name': f'n{i}'} for i in range(4)], 'has room for 4 VPorts, 0 of them taken by others; 5 are wanted'),
                       ([{'name': 'a', 'queue_pairs': 4}, {'name': 'b'}], 'has room for 5 queue pairs'),
                       ([{'name': 'a', 'function': 'vf'}], 'has room for 0 VFs'),
                       ([{'name': 'a', 'mac': MAC % (0, 7), 'filters': [{'mac': MAC % (0, 8)}]}], 'VPort a: 2 addresses')):
        config['adapters'][0]['vports'] = more
        s.write(config)
        for args in ([], ['--dry-run']):
            status, out, err = d.vmqctl('config', 'apply', *args, check=False)
            assert (status, out) == (1, '') and says in err, err
        assert shown(d) == before
    assert vports


@pytest.mark.parametrize('few', [{'vports': 5, 'vfs': 1, 'queue_pairs': 8, 'filters': 8, 'mac_addresses': 8}, {'vfs': 1},
                                 {'vports': 8, 'vfs': 4, 'filters': 8, 'mac_addresses': 8}], ids=['all', 'vfs', 'filters'])
def test_apply_fills_what_there_is(switch, few):
    """To the last filter, VF and queue pair, and then others in their place; one filter more is refused before anything is done."""
    s = switch(limits=few)
    d = s.start()
    config = s.read()

    def fill(n, vf, pairs):
        """Eight filters: two addresses and their broadcast; one with its own, one without; a group, which brings none; a VF's."""
        return [{'name': f'a{n}', 'mac': MAC % (n, 1), 'filters': [{'mac': MAC % (n, 2)}], 'queue_pairs': pairs[0]},
                {'name': f'b{n}', 'mac': MAC % (n, 3), 'vlan': 5, 'filters': [{'mac': MAC % (n, 4), 'vlan': 6, 'broadcast': False},
                                                                             {'mac': '33:33:00:00:00:01'}], 'queue_pairs': pairs[1]},
                {'name': vf, 'mac': MAC % (n, 5), 'function': 'vf', 'broadcast': False}]

    def apply(vports):
        config['adapters'][0]['vports'] = vports
        s.write(config)
        d.vmqctl('config', 'apply')
        assert diff(d)['same']
    full = [{'num_filters': 8, 'queue_pairs': 8, 'num_vfs': 1}]
    for vports in (fill(1, 'v1', (2, 4)), fill(1, 'v1', (4, 2)), fill(1, 'v1', (2, 4)), fill(1, 'v2', (2, 4)), fill(2, 'v2', (4, 2))):
        apply(vports)
        assert [{k: w[k] for k in full[0]} for w in d.call('switch.show')['switches']] == full
    if 'filters' not in few:
        return
    before = shown(d)
    config['adapters'][0]['vports'][0]['filters'].append({'mac': MAC % (3, 1)})
    s.write(config)
    status, _, err = d.vmqctl('config', 'apply', '--dry-run', check=False)
    assert status == 1 and 'has room for 8 filters, 0 of them taken by others; 9 are wanted' in err
    assert shown(d) == before


def test_an_address_waits_while_its_vport_goes(switch):
    """Its new VPort is full yet, and lets its own go later."""
    s = switch([{'name': 'a', 'mac': MAC % (0, 1)}, {'name': 'b', 'mac': MAC % (0, 2)}], limits={'mac_addresses_per_vport': 1})
    d = s.start()
    config = s.read()
    config['adapters'][0]['vports'] = [{'name': 'a', 'mac': MAC % (0, 2)}]
    s.write(config)
    d.vmqctl('config', 'apply')
    assert diff(d)['same']
    assert [m['mac'] for m in d.vport('a')['macs']] == [MAC % (0, 2)]


def test_a_name_goes_to_another_adapter(switch):
    s = switch([{'name': 'a', 'mac': MAC % (0, 1)}])
    config = s.read()
    config['adapters'].append({'name': 'ext1', 'port': {'driver': 'pcap'}, 'host': {'device': 'vmq1'}})
    s.write(config)
    d = s.start()
    config['adapters'][1]['vports'] = [{**config['adapters'][0].pop('vports')[0], 'socket': d.dir + '/other'}]
    s.write(config)
    d.vmqctl('config', 'apply')
    assert diff(d)['same'] and d.vport('a')['adapter'] == 'ext1'


def test_what_fails_in_the_middle_is_undone(switch):
    """A socket that cannot be made is found out when its VPort is added: what was done before is as it was."""
    s = switch(VPORTS)
    d = s.start()
    before, ids = shown(d), {v['name']: v['id'] for v in d.call('vport.show')['vports']}
    config = s.read()
    config['adapters'][0]['vports'] = [{'name': 'web2', 'mac': MAC % (0, 1), 'vlan': 100}, {'name': 'web1', 'mac': MAC % (0, 2)},
                                       {'name': 'web9', 'socket': '/nowhere/at/all'}]
    s.write(config)
    status, out, err = d.vmqctl('config', 'apply', check=False)
    assert status == 1 and 'what had been done is undone' in err and '/nowhere/at/all' in err
    assert shown(d) == before and {v['name']: v['id'] for v in d.call('vport.show')['vports']} == ids
    assert {v['origin'] for v in d.call('vport.show')['vports']} == {'file'}


def test_a_restart_starts_with_what_was_applied(switch):
    """With a state store: what run time changed is forgotten for what the file says, and the file counts again."""
    db = os.path.join(procs.workdir(), 'config-state.db')
    s = switch(VPORTS, {'state': db})
    d = s.start()
    d.call('vport.set', name='web1', moderation='off')
    d.call('vport.del', name='web2')
    d.call('vport.add', name='extra', mac=MAC % (1, 1))
    text = d.vmqctl('config', 'diff', check=False)[1]
    assert f'# the state store {db} keeps what run time changed of VPorts over the file' in text
    assert '\n# vmqctl config apply: what runs becomes what the file says; vmqctl config save: the other way round\n' in text
    d.vmqctl('config', 'apply')
    d.call('cpu.auto.set', on=False)
    assert 'the state store' not in d.vmqctl('config', 'diff', check=False)[1]  # which keeps VPorts
    d.vmqctl('config', 'apply')
    wanted = shown(d)
    assert {v['name']: v['origin'] for v in d.call('vport.show')['vports']} == {n: 'file' for n in ('default', 'web1', 'web2', 'web3')}
    d.kill()
    s.start()
    assert shown(d) == wanted and diff(d)['same']
    # the file is what counts: a change of it is there after the next start
    config = s.read()
    config['adapters'][0]['vports'][0]['moderation'] = 'high'
    config['adapters'][0]['vports'].pop()
    config['adapters'][0]['host']['moderation'] = 'low'
    s.write(config)
    d.stop()
    s.start()
    assert d.vport('web1')['moderation'] == 'high' and d.vport('default')['moderation'] == 'low' and diff(d)['same']
    # another file is a change at run time like any other
    config['adapters'][0]['vports'][0]['moderation'] = 'medium'
    other = d.dir + '/other.yaml'
    with open(other, 'w') as f:
        yaml.safe_dump(config, f)
    d.vmqctl('config', 'apply', other)
    assert diff(d, other)['same'] and [c['path'] for c in diff(d)['changes']] == ['adapters[ext0].vports[web1].moderation']
    assert d.vport('web1')['origin'] == 'changed'
    d.stop()
    s.start()
    assert d.vport('web1')['moderation'] == 'medium'


def test_save_writes_what_runs(switch):
    s = switch(VPORTS)
    d = s.start()
    os.chmod(d.config_path, 0o640)
    os.chown(d.config_path, 12345, 23456)
    d.call('vport.set', name='web1', moderation='off')
    d.call('vport.add', name='extra', mac=MAC % (1, 1))
    before = shown(d)
    assert d.vmqctl('config', 'save') == ''
    st = os.stat(d.config_path)
    assert (stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid) == (0o640, 12345, 23456)
    assert not [f for f in os.listdir(d.dir) if f.startswith('.vmqd')]
    assert diff(d)['same'] and {v['origin'] for v in d.call('vport.show')['vports']} == {'file'}
    d.vmqctl('config', 'save')  # it is the file vmqd knows
    d.stop()
    s.start()
    assert shown(d) == before
    # a file that somebody has edited, or that is another, is not replaced
    with open(d.config_path, 'a') as f:
        f.write('# mine\n')
    other = d.dir + '/other.yaml'
    with open(other, 'w') as f:
        f.write('mine\n')
    for args, says in (([], 'has changed since vmqd read it'), ([other], 'is not the file that vmqd was started with')):
        status, _, err = d.vmqctl('config', 'save', *args, check=False)
        assert status == 1 and says in err
    with open(other) as f:
        assert f.read() == 'mine\n'
    with open(d.config_path) as f:
        assert f.read().endswith('# mine\n')
    d.vmqctl('config', 'save', 'overwrite', 'on')
    d.vmqctl('config', 'save', other, 'overwrite', 'on')
    d.vmqctl('config', 'save', d.dir + '/new.yaml')
    for path in (d.config_path, other, d.dir + '/new.yaml'):
        with open(path) as f:
            assert f.read() == d.vmqctl('config') + (path == d.config_path) * '# mine\n'
    status, _, err = d.vmqctl('config', 'save', '/nowhere/x', check=False)
    assert status == 1 and 'no new file can be made beside it' in err


def test_save_keeps_comments(switch):
    """One above each line and one behind it: all are where they were, but for those on a VPort that is gone."""
    s = switch(VPORTS)
    d = s.start()
    plain = d.vmqctl('config').splitlines()
    with open(d.config_path, 'w') as f:
        f.write('# the head\n\n' + ''.join(f'{" " * (len(x) - len(x.lstrip()))}# above {x.strip()}\n{x}  # behind {x.strip()}\n' for x in plain) + '# the end\n')
    d.vmqctl('config', 'apply')
    d.call('vport.set', name='web3', moderation='off')
    d.call('vport.del', name='web2')
    d.call('vport.add', name='extra', mac=MAC % (1, 1))
    status, out, err = d.vmqctl('config', 'save', check=False)
    first = next(i for i, x in enumerate(plain) if 'web2' in x)
    last = next(i for i, x in enumerate(plain) if 'web3' in x)
    assert (status, out, err) == (0, '', f'vmqctl: {d.config_path}: {2 * (last - first)} comments on what is gone are gone, too\n')
    with open(d.config_path) as f:
        saved = f.read().splitlines()
    assert saved[:2] == ['# the head', ''] and saved[-1] == '# the end'
    for x in plain[:first] + plain[last:]:
        at = [i for i, y in enumerate(saved) if y == f'{x}  # behind {x.strip()}']
        assert len(at) == 1 and saved[at[0] - 1].strip() == f'# above {x.strip()}', x
    assert [x.split('  # ')[0] for x in saved[2:] if not x.lstrip().startswith('#')] == d.vmqctl('config').splitlines()
    assert diff(d)['same']
    d.vmqctl('config', 'save')
    with open(d.config_path) as f:
        assert f.read().splitlines() == saved
    # a file that nobody can read as one keeps nothing, and nothing is lost without a word
    with open(d.config_path, 'w') as f:
        f.write('vports: [ # what was that\n')
    status, _, err = d.vmqctl('config', 'save', 'overwrite', 'on', check=False)
    assert status == 1 and err.startswith(f'vmqctl: {d.config_path}:')  # that nobody named
    status, _, err = d.vmqctl('config', 'save', d.config_path, 'overwrite', 'on', check=False)
    assert status == 0 and err == f'vmqctl: {d.config_path}: its comments could not be kept\n'
    with open(d.config_path) as f:
        assert f.read() == d.vmqctl('config')


# ---- any to any ----

class Any:
    """Random configurations whose parts are few, so that they meet."""

    def __init__(self, seed, queues=False):
        self.r, self.queues = random.Random(seed), queues

    def filters(self, n, free):
        out = []
        for _ in range(min(n, len(free))):
            mac, vlan = free.pop(self.r.randrange(len(free)))
            out.append({'mac': mac, 'vlan': vlan, 'broadcast': self.r.random() < .7})
        return out

    def vport(self, name, free, sockets):
        r = self.r
        v = {'name': name}
        filters = self.filters(r.choice((0, 1, 1, 2, 4)), free)
        if filters and r.random() < .7:
            v.update(filters.pop(0))
        if r.random() < .3:
            filters.append({'mac': '01:00:5e:00:00:0%d' % r.randrange(3)})
        if filters:
            v['filters'] = filters
        if r.random() < .2:
            v['cpu'] = r.choice(daemon.cpus())
        if r.random() < .2:
            v['socket'] = sockets.pop()
        for key, value in (('source_check', True), ('vlan_check', False), ('all_multicast', False), ('trunk', True), ('max_tx_bytes_per_s', 10**8),
                           ('max_group_frames_per_s', 0)):
            if r.random() < .2:
                v[key] = value
        if not self.queues:
            if r.random() < .2:
                v['function'] = 'vf'
            if r.random() < .1 and 'vlan' not in v and 'mac' in v:
                v['trunk'] = f'{20 + int(name[1:])}-{22 + int(name[1:])},{30 + int(name[1:])}'
                v.pop('filters', None)
            v['queue_pairs'] = r.choice((1, 1, 1, 2, 4))
            v['moderation'] = r.choice(('adaptive', 'off', 'low'))
        return v

    def adapter(self, base, run_dir):
        r, a = self.r, copy.deepcopy(base)
        free = [(MAC % (0, i), vlan) for i in range(1, 7) for vlan in ('untagged', 'any', 7)]
        sockets = [f'{run_dir}/s{i}' for i in range(4)]
        names = r.sample([f'v{i}' for i in range(8)], r.randrange(7))
        a['vports'] = [self.vport(n, free, sockets * 1) if len(sockets) < 2 else self.vport(n, free, sockets) for n in names]
        host = a.setdefault('host', {})
        if r.random() < .5:
            host['filters'] = self.filters(1, free)
        if not self.queues and r.random() < .5:
            host['moderation'] = 'high'
        return a


@pytest.mark.parametrize('mode', ['vports', 'queues', 'tight'])
def test_any_configuration_from_any_other(switch, mode):
    """Each is reached, the second time there is nothing to do, and what was started with it shows the same."""
    more = {'queues': {'keywords': {'*SRIOV': 0}}, 'tight': {'limits': {'vports': 7, 'vfs': 6, 'queue_pairs': 25}}}.get(mode, {})
    s = switch(**more)
    d = s.start()
    base = s.read()
    for seed in range(ROUNDS):
        config = dict(base, adapters=[Any(seed, mode == 'queues').adapter(base['adapters'][0], d.dir)])
        s.write(config)
        plan, changes = d.vmqctl('config', 'apply', '--dry-run'), diff(d)
        assert d.vmqctl('config', 'apply') == plan, seed
        assert diff(d) == {'same': True, 'restart': False, 'changes': []}, seed
        assert d.vmqctl('config', 'apply') == '' and bool(plan) == (not changes['same']), seed
    reached = shown(d)
    d.stop()
    s.start()
    assert shown(d) == reached


@pytest.mark.parametrize('mode', ['vports', 'queues'])
def test_any_failure_is_undone(switch, mode):
    """From any configuration to any other, one of whose VPorts turns out to be impossible: all is as it was, numbers too."""
    s = switch(**({'keywords': {'*SRIOV': 0}} if mode == 'queues' else {}))
    d = s.start()
    base = s.read()

    def identifiers():
        return {v['name']: v['id'] for v in d.call('vport.show')['vports']}
    for seed in range(ROUNDS):
        a = Any(1000 + seed, mode == 'queues').adapter(base['adapters'][0], d.dir)
        s.write(dict(base, adapters=[a]))
        d.vmqctl('config', 'apply')
        before, ids = shown(d), identifiers()
        a = Any(2000 + seed, mode == 'queues').adapter(base['adapters'][0], d.dir)
        a['vports'].insert(seed % (len(a['vports']) + 1), {'name': 'impossible', 'socket': '/nowhere/at/all'})
        s.write(dict(base, adapters=[a]))
        status, out, err = d.vmqctl('config', 'apply', check=False)
        assert (status, out) == (1, '') and 'what had been done is undone' in err, (seed, err)
        assert shown(d) == before and identifiers() == ids, seed


def test_any_refusal_of_the_contract_is_undone(switch):
    """Equally many queue pairs for all is a rule that only the contract knows: it refuses where the order meets it."""
    s = switch(limits={'asymmetric_queue_pairs': False})
    d = s.start()
    base, done = s.read(), 0
    for seed in range(ROUNDS):
        before = shown(d)
        s.write(dict(base, adapters=[Any(3000 + seed).adapter(base['adapters'][0], d.dir)]))
        status, out, err = d.vmqctl('config', 'apply', check=False)
        done += status == 0
        assert err == '' if status == 0 else 'what had been done is undone' in err, (seed, err)
        assert diff(d)['same'] if status == 0 else shown(d) == before, seed
    assert 0 < done < ROUNDS


def test_nobody_else_loses_a_frame(lab):
    """Traffic for a VPort that stays as it is, and for an address that moves between VPorts, while others come and go."""
    x = lab(vports=[{'name': 'stays', 'mac': MAC % (0, 1)}, {'name': 'a', 'mac': MAC % (0, 2)}, {'name': 'b'}])
    d = x.vmqd
    stays, a, b = x.plug('stays', 'a', 'b')
    with open(d.config_path) as f:
        config = yaml.load(f, Loader)
    quiet, moving = Sender(lambda r: [x.wire.send(frame(MAC % (0, 1), MAC % (9, 9), n)) for n in r], [stays]), \
        Sender(lambda r: [x.wire.send(frame(MAC % (0, 2), MAC % (9, 9), n)) for n in r], [a, b])
    filters = d.call('filter.show', vport='stays')
    for turn in range(12):
        owner, other = ('a', 'b') if turn % 2 else ('b', 'a')
        config['adapters'][0]['vports'] = [{'name': 'stays', 'mac': MAC % (0, 1)}, {'name': owner, 'mac': MAC % (0, 2)},
                                           {'name': other, 'moderation': 'low' if turn % 3 else 'off'}, {'name': f'n{turn}', 'mac': MAC % (1, turn)}]
        with open(d.config_path, 'w') as f:
            yaml.safe_dump(config, f)
        p = subprocess.Popen([daemon.program('vmqctl'), '--socket', d.socket, 'config', 'apply'], stdout=subprocess.PIPE, text=True)
        while p.poll() is None:
            quiet.turn()
            moving.turn()
        assert p.returncode == 0 and f'move filter {MAC % (0, 2)}' in p.stdout.read()
    quiet.finish()
    moving.finish()
    assert quiet.next > 100 and moving.got[a] and moving.got[b]
    assert d.call('filter.show', vport='stays') == filters
