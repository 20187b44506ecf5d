# SPDX-License-Identifier: BSD-3-Clause
"""What was asked at run time survives: a restart, SIGKILL at any moment, a store that cannot be written, another version.

VMQ_STATE_KILLS: how many times the daemon is killed in the middle of changes (default 30; 1,000 takes some minutes).
"""
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import threading

import pytest

from vmqtest import daemon, netns, procs, rpc, vufront

KILLS = int(os.environ.get('VMQ_STATE_KILLS', '30'))
MAC = '52:54:00:00:%02x:%02x'


class Kept:
    """A vmqd with a store and no wire to speak of; files stay over restarts."""

    def __init__(self, vports=(), **config):
        self.ns = netns.NetNS('state')
        self.db = os.path.join(procs.workdir(), 'state', 'state.db')
        shutil.rmtree(os.path.dirname(self.db), ignore_errors=True)
        self.config = {'state': self.db, 'adapters': [{'name': 'ext0', 'port': {'driver': 'pcap'}, 'host': {'device': 'vmq0'},
                                                       'vports': list(vports)}], **config}
        self.vmqd = None

    def start(self, vports=None):
        if vports is not None:
            self.config['adapters'][0]['vports'] = vports
        if self.vmqd is None:
            self.vmqd = daemon.Vmqd(self.config, netns=self.ns, start=False)
        else:
            import yaml
            with open(self.vmqd.config_path) as f:
                c = yaml.safe_load(f)
            c['adapters'] = self.config['adapters']
            with open(self.vmqd.config_path, 'w') as f:
                yaml.safe_dump(c, f)
        self.vmqd.start()
        return self.vmqd

    def kill(self):
        self.vmqd.client.close()
        self.vmqd.client = None
        self.vmqd.proc.popen.kill()
        self.vmqd.proc.popen.wait()

    def again(self, vports=None, kill=False):
        self.kill() if kill else self.vmqd.stop()
        return self.start(vports)


def seen(vmqd):
    """Everything that is to survive."""
    vports = {v['name']: {k: v[k] for k in ('id', 'cpu', 'queue_pairs', 'moderation', 'source_check', 'vlan_check', 'all_multicast', 'trunk',
                                            'origin', 'state')} | {'socket': v.get('socket'), 'mode': v.get('socket_mode')}
              for v in vmqd.call('vport.show')['vports']}
    filters = sorted((f['id'], f['vport'], f['mac'], str(f['vlan']), f['companion']) for f in vmqd.call('filter.show')['filters'])
    return vports, filters


@pytest.fixture
def kept():
    made = []

    def make(*args, **kw):
        made.append(Kept(*args, **kw))
        return made[-1]
    yield make
    for k in made:
        if k.vmqd and k.vmqd.proc and k.vmqd.proc.alive():
            k.vmqd.stop()


FILE = [{'name': 'web1', 'mac': MAC % (0, 1), 'vlan': 100, 'filters': [{'mac': MAC % (0, 2)}]},
        {'name': 'web2', 'mac': MAC % (0, 3)},
        {'name': 'web3', 'mac': MAC % (0, 4), 'queue_pairs': 1}]


@pytest.mark.parametrize('kill', [False, True])
def test_everything_asked_is_there_again(kept, kill):
    """Added, changed, renamed and deleted VPorts and filters, the default VPort's too; in the sandbox."""
    k = kept(FILE)
    d = k.start()
    assert {v['origin'] for v in d.call('vport.show')['vports']} == {'file'}
    d.call('vport.add', name='new1', mac=MAC % (1, 1), vlan='any', moderation='low', source_check=True)
    d.call('vport.add', name='new2', mac=MAC % (1, 2), socket_mode='client', socket=d.dir + '/other.sock')
    d.call('vport.set', name='web2', vlan_check=False, all_multicast=False, trunk=True, moderation='off', new_name='renamed')
    d.call('vport.set', name='default', moderation='high')
    d.call('filter.add', vport='default', mac=MAC % (1, 9))
    moved = [f for f in d.call('filter.show', vport='web1')['filters'] if f['mac'] == MAC % (0, 2)][0]
    d.call('filter.move', id=moved['id'], to='new1')
    d.call('filter.add', vport='new1', mac='33:33:00:00:00:01', vlan=7)
    d.call('filter.add', vport='new1', mac='ff:ff:ff:ff:ff:ff', vlan=9)
    d.call('vport.del', name='web3')
    before = seen(d)
    assert {n: v['origin'] for n, v in before[0].items()} == {'default': 'changed', 'web1': 'changed', 'renamed': 'changed',
                                                             'new1': 'runtime', 'new2': 'runtime'}
    d = k.again(kill=kill)
    assert seen(d) == before
    d = k.again(kill=kill)
    assert seen(d) == before
    # identifiers go on where they were: nobody gets one that was just given back
    used = {v['id'] for v in before[0].values()}
    assert d.call('vport.add', name='new3')['id'] not in used
    # deleted, and added under the same name again
    d.call('vport.add', name='web3', mac=MAC % (0, 5))
    before = seen(d)
    assert seen(k.again(kill=kill)) == before


def test_the_file_declares(kept):
    """What is new in the file is made, what is gone from it goes, and what was not changed follows it."""
    k = kept(FILE)
    d = k.start()
    ids = {v['name']: v['id'] for v in d.call('vport.show')['vports']}
    d.call('vport.set', name='web2', source_check=True)
    d.call('vport.add', name='extra')
    d = k.again([{'name': 'front', 'mac': MAC % (0, 9)}, FILE[1] | {'all_multicast': False}, FILE[2] | {'source_check': True},
                 {'name': 'extra', 'vlan_check': False}])
    now = {v['name']: v for v in d.call('vport.show')['vports']}
    assert set(now) == {'default', 'front', 'web2', 'web3', 'extra'}
    assert now['web2']['source_check'] and now['web2']['all_multicast'] and now['web2']['origin'] == 'changed'
    assert now['web3']['source_check'] and now['web3']['origin'] == 'file'
    assert now['extra']['vlan_check'] and now['extra']['origin'] == 'changed'
    assert now['front']['id'] not in ids.values()
    assert all(now[n]['id'] == ids[n] for n in ('web2', 'web3'))
    d = k.again(FILE)
    assert d.call('vport.show', name='web1')['vports'][0]['origin'] == 'file'


def test_without_a_store(kept):
    k = kept(FILE, state='none')
    d = k.start()
    d.call('vport.add', name='new1')
    d.call('vport.set', name='web1', source_check=True)
    assert [d.vport(n)['origin'] for n in ('web1', 'web2', 'new1')] == ['changed', 'file', 'runtime']
    d = k.again()
    assert sorted(v['name'] for v in d.call('vport.show')['vports']) == ['default', 'web1', 'web2', 'web3']
    assert d.vport('web1')['origin'] == 'file'


def test_a_vport_that_awaits_its_vm(kept):
    """It does over a restart, and does no more when the VM was there."""
    d = kept([]).start()
    d.call('vport.add', name='vm', mac=MAC % (1, 1))
    document = d.call('migrate.export', name='vm')
    d.stop()
    k = kept([])
    d = k.start()
    d.call('migrate.import', vport=document)
    before = seen(d)
    assert before[0]['vm']['state'] == 'deactivated'
    d = k.again(kill=True)
    assert seen(d) == before
    v = vufront.VuFront(d.path('vm'))
    d.wait_running('vm')
    assert d.vport('vm')['state'] == 'activated'
    v.close()
    d = k.again()
    assert d.vport('vm')['state'] == 'activated'


def test_a_store_that_cannot_be_written(kept):
    """The request is refused, and nothing of it stays: not in the switch, not in the store."""
    k = kept(FILE)
    folder = os.path.dirname(k.db)
    os.mkdir(folder)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=96k', 'none', folder], check=True)
    unmount = procs.at_end(lambda: subprocess.run(['umount', '-l', folder], check=True))
    d = k.start()
    d.call('vport.add', name='new1', mac=MAC % (1, 1))
    before = seen(d)
    with open(folder + '/filler', 'wb', buffering=0) as f:
        with pytest.raises(OSError):
            while True:
                f.write(bytes(4096))
    big = [{'mac': MAC % (2, i)} for i in range(100)]
    doc = {'format': 1, 'name': 'big', 'features': [], 'filters': big}
    requests = [('migrate.import', {'vport': doc})]
    for method, params in requests:
        with pytest.raises(rpc.RpcError, match='could not be stored') as e:
            d.call(method, **params)
        assert e.value.code == 5
        assert seen(d) == before
    # as much as fits is still taken; whatever is refused changes nothing
    refused = 0
    for i in range(200):
        state = seen(d)
        try:
            d.call('filter.add', vport='new1', mac=MAC % (3, i))
        except rpc.RpcError as e:
            refused += 1
            assert e.code == 5 and seen(d) == state
            break
    assert refused
    for method, params in [('vport.set', {'name': 'web1', 'source_check': True, 'new_name': 'x' * 64, 'moderation': 'low'}),
                           ('filter.move', {'id': d.call('filter.show', vport='new1')['filters'][0]['id'], 'to': 'web1'}),
                           ('vport.add', {'name': 'y' * 64, 'mac': MAC % (4, 1)})]:
        state = seen(d)
        try:
            d.call(method, **params)
        except rpc.RpcError as e:
            assert e.code == 5 and seen(d) == state
    os.unlink(folder + '/filler')
    d.call('migrate.import', vport=doc)
    before = seen(d)
    assert seen(k.again(kill=True)) == before
    d.stop()
    procs.not_at_end(unmount)
    subprocess.run(['umount', '-l', folder], check=True)


@pytest.fixture
def full(kept):
    """A vmqd whose store has room for very little more."""
    made = []

    def make(*args, **kw):
        k = kept(*args, **kw)
        folder = os.path.dirname(k.db)
        os.mkdir(folder)
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=128k', 'none', folder], check=True)
        made.append((k, folder, procs.at_end(lambda: subprocess.run(['umount', '-l', folder], check=True))))
        k.start()
        with open(folder + '/filler', 'wb', buffering=0) as f:
            with pytest.raises(OSError):
                while True:
                    f.write(bytes(4096))
        return k
    yield make
    for k, folder, unmount in made:
        k.vmqd.stop()
        procs.not_at_end(unmount)
        subprocess.run(['umount', '-l', folder], check=True)


BIG = {'format': 1, 'name': 'big', 'features': [], 'filters': [{'mac': MAC % (2, i)} for i in range(200)]}


def refused_batch(d, *requests):
    """A batch that the store cannot take, because of the last of it."""
    requests = [*requests, ('migrate.import', {'vport': BIG, 'adapter': 'ext0'})]
    answers = d.client.raw(json.dumps([{'jsonrpc': '2.0', 'id': i, 'method': m, 'params': p}
                                       for i, (m, p) in enumerate(requests)]).encode() + b'\n')
    assert [a['id'] for a in answers] == list(range(len(requests)))
    for a in answers:
        assert a['error']['code'] == 5 and 'nothing was changed, because it could not be stored' in a['error']['message'], a


def test_what_went_from_one_to_another_comes_back(full):
    """Names and queue pairs that a refused batch gave to others, on another adapter, too; also where a name that nobody should have is taken."""
    k = full(adapters=[{'name': 'ext0', 'port': {'driver': 'pcap'}, 'host': {'device': 'vmq0'}, 'limits': {'vports': 8, 'vfs': 0, 'queue_pairs': 10},
                        'vports': [{'name': 'a', 'mac': MAC % (0, 1), 'queue_pairs': 4}, {'name': 'b', 'mac': MAC % (0, 2)},
                                   {'name': '1-0'}, {'name': '2-0'}, {'name': 'd', 'mac': MAC % (0, 4)}]},
                       {'name': 'ext1', 'port': {'driver': 'pcap'}, 'host': {'device': 'vmq1'},
                        'vports': [{'name': 'c', 'mac': MAC % (0, 3)}]}])
    d, before = k.vmqd, seen(k.vmqd)
    assert [before[0][n]['id'] for n in 'ab'] == [1, 2]
    refused_batch(d, ('vport.set', {'name': 'a', 'queue_pairs': 1}), ('vport.set', {'name': 'b', 'queue_pairs': 4}))
    assert seen(d) == before
    refused_batch(d, *[('vport.set', {'name': n, 'new_name': to}) for n, to in (('a', 'x'), ('b', 'a'), ('x', 'b'))])
    assert seen(d) == before
    refused_batch(d, ('vport.del', {'name': 'a'}), ('vport.set', {'name': 'b', 'new_name': 'a', 'queue_pairs': 4}))
    assert seen(d) == before
    refused_batch(d, ('vport.del', {'name': 'd'}), ('vport.set', {'name': 'c', 'new_name': 'd'}))
    assert seen(d) == before
    assert 'could not be undone' not in d.proc.log()
    os.unlink(os.path.dirname(k.db) + '/filler')
    d.call('vport.set', name='a', new_name='e')
    before = seen(d)
    assert seen(k.again(kill=True)) == before


def test_settings_that_could_not_be_stored_with_the_rest(full):
    """How workers sleep and automatic placement are in no store; what is refused as a whole leaves them as they were, too."""
    k = full(FILE)
    d = k.vmqd

    def settings():
        return [(w['cpu'], w['policy'], w['light_sleep']) for w in d.call('worker.show')['workers']], d.call('cpu.auto.show')['auto']
    was, before = settings(), seen(d)
    cpus = [c for c, _, _ in was[0]]
    config = d.call('config.show')['config']
    config['cpus'] = [{'cpu': c, 'policy': 'interrupt', 'light_sleep': 'off'} for c in cpus]
    config['cpu_auto'] = not was[1]
    config['adapters'][0]['vports'] += [{k: BIG[k] for k in ('name', 'filters')}]
    with pytest.raises(rpc.RpcError, match='could not be stored'):
        d.call('config.apply', config=config)
    assert settings() == was and seen(d) == before
    refused_batch(d, ('worker.set', {'cpu': cpus[-1], 'policy': 'poll', 'light_sleep': 'always'}), ('cpu.auto.set', {'on': not was[1]}))
    assert settings() == was and seen(d) == before
    # as soon as there is room, all of it
    os.unlink(os.path.dirname(k.db) + '/filler')
    d.call('config.apply', config=config)
    assert settings() == ([(c, 'interrupt', 'off') for c in cpus], not was[1])
    # and what was stored is what a later refusal goes back to
    with pytest.raises(rpc.RpcError, match='no worker runs'):
        d.call('worker.set', cpu=9999, policy='poll')
    assert settings() == ([(c, 'interrupt', 'off') for c in cpus], not was[1])


def test_versions(kept):
    """A later version's store is refused and left byte for byte; an earlier writer's documents may lack members."""
    k = kept(FILE)
    d = k.start()
    d.call('vport.add', name='new1', mac=MAC % (1, 1), source_check=True)
    d.stop()
    with sqlite3.connect(k.db) as db:
        db.execute("UPDATE vport SET doc = json_remove(doc, '$.vlan_check', '$.socket', '$.cpu_auto', '$.moderation')")
    db.close()
    d = k.start()
    v = d.vport('new1')
    assert v['source_check'] and v['vlan_check'] and v['moderation'] == 'adaptive'
    d.stop()
    with sqlite3.connect(k.db) as db:
        db.execute('PRAGMA user_version = 2')
    db.close()
    with open(k.db, 'rb') as f:
        was = f.read()
    p = d.proc.args
    r = subprocess.run(p, capture_output=True, text=True, timeout=30)
    assert r.returncode == 1 and 'version 2' in r.stderr and 'a later vmqd' in r.stderr
    with open(k.db, 'rb') as f:
        assert f.read() == was


def test_another_database_is_left_alone(kept):
    k = kept(FILE)
    os.mkdir(os.path.dirname(k.db))
    with sqlite3.connect(k.db) as db:
        db.execute('CREATE TABLE mine (a)')
    db.close()
    with pytest.raises(RuntimeError):
        k.start()
    assert "not vmqd's" in k.vmqd.proc.log()


def test_a_damaged_store(kept):
    """It is refused and left as it is; without it vmqd starts with the file."""
    k = kept(FILE)
    k.start()
    k.vmqd.call('vport.add', name='new1', mac=MAC % (1, 1))
    k.vmqd.stop()
    with open(k.db, 'rb') as f:
        good = f.read()
    for damaged in (good[:3000], good[:4096] + bytes(len(good) - 4096), bytes(range(256)) * 32):
        with open(k.db, 'wb') as f:
            f.write(damaged)
        with pytest.raises(RuntimeError):
            k.vmqd.start()
        said = k.vmqd.proc.log().splitlines()[-1]
        assert f'state {k.db}: ' in said and 'it is damaged' in said and 'move it away' in said
        with open(k.db, 'rb') as f:
            assert f.read() == damaged
    os.rename(k.db, k.db + '.old')
    k.vmqd.start()
    assert not {'new1'} & set(seen(k.vmqd)[0])
    k.vmqd.stop()


# ---- killed at random ----

class Model:
    """What must be there, as the requests and their answers say."""

    def __init__(self):
        self.vports = {}   # name -> {'id', 'moderation', 'source_check', 'filters': {(mac, vlan): id}}

    def copy(self):
        m = Model()
        m.vports = {n: {**v, 'filters': dict(v['filters'])} for n, v in self.vports.items()}
        return m

    def plan(self, rnd):
        """(method, params, what it does to the model; ids are filled in by the answer)"""
        names = list(self.vports)
        kind = rnd.choice(['add', 'set', 'filter', 'unfilter', 'del', 'filter', 'set'] if len(names) > 2 else ['add'])
        if kind == 'add' and len(names) < 12:
            n, mac = f'v{rnd.randrange(10**6)}', MAC % (rnd.randrange(256), rnd.randrange(256))
            if not self.taken(mac, 5):
                return ('vport.add', {'name': n, 'mac': mac, 'vlan': 5, 'broadcast': False},
                        lambda m, a: m.vports.update({n: {'id': a and a['id'], 'moderation': 'adaptive', 'source_check': False,
                                                          'filters': {(mac, 5): a and a['macs'][0]['id']}}}))
        n = rnd.choice(names)
        if kind == 'set':
            to = {'moderation': rnd.choice(['low', 'medium', 'high', 'off']), 'source_check': rnd.random() < .5}
            return 'vport.set', {'name': n, **to}, lambda m, a: m.vports[n].update(to)
        if kind == 'del':
            return 'vport.del', {'name': n}, lambda m, a: m.vports.pop(n)
        if kind == 'unfilter' and self.vports[n]['filters']:
            key, fid = rnd.choice(list(self.vports[n]['filters'].items()))
            return 'filter.del', {'id': fid}, lambda m, a: m.vports[n]['filters'].pop(key)
        mac, vlan = MAC % (rnd.randrange(256), rnd.randrange(256)), rnd.randrange(1, 100)
        if self.taken(mac, vlan):
            return self.plan(rnd)
        return ('filter.add', {'vport': n, 'mac': mac, 'vlan': vlan, 'broadcast': False},
                lambda m, a: m.vports[n]['filters'].update({(mac, vlan): a and a['filters'][0]['id']}))

    def taken(self, mac, vlan):
        return any((mac, vlan) in v['filters'] for v in self.vports.values())

    def fits(self, got):
        """An id that no answer told (None) may be any."""
        def same(a, b):
            return a is None or a == b
        return set(self.vports) == set(got.vports) and all(
            same(v['id'], got.vports[n]['id']) and v['moderation'] == got.vports[n]['moderation']
            and v['source_check'] == got.vports[n]['source_check'] and set(v['filters']) == set(got.vports[n]['filters'])
            and all(same(i, got.vports[n]['filters'][f]) for f, i in v['filters'].items())
            for n, v in self.vports.items())

    @staticmethod
    def read(vmqd):
        m = Model()
        for v in vmqd.call('vport.show')['vports']:
            if v['id']:
                m.vports[v['name']] = {**{k: v[k] for k in ('id', 'moderation', 'source_check')}, 'filters': {}}
        for f in vmqd.call('filter.show')['filters']:
            m.vports[f['vport']]['filters'][f['mac'], f['vlan']] = f['id']
        return m


def check_integrity(db):
    """Of a copy, journal and all: what a reader of the crashed files finds."""
    copy = db + '.copy'
    for suffix in ('', '-journal'):
        if os.path.exists(db + suffix):
            shutil.copy(db + suffix, copy + suffix)
    with sqlite3.connect(copy) as c:
        assert c.execute('PRAGMA integrity_check').fetchall() == [('ok',)]
    c.close()
    for suffix in ('', '-journal'):
        if os.path.exists(copy + suffix):
            os.unlink(copy + suffix)


def start_again(d, tries=5):
    """On a machine so busy that a worker does not come to run for seconds, vmqd rightly gives up: then once more."""
    for n in range(tries):
        try:
            return d.start(timeout=60)
        except RuntimeError:
            if 'did not answer' not in d.proc.log(500) or n == tries - 1:
                raise


def test_killed_at_any_moment(kept):
    signal.alarm(max(150, KILLS * 2))
    seed = random.randrange(2**32)
    print(f'seed {seed}, {KILLS} kills')
    rnd = random.Random(seed)
    k = kept()
    d = k.start()
    model, answered, unanswered, kills = Model.read(d), 0, 0, 0
    for _ in range(KILLS):
        killer = threading.Timer(rnd.random() * 0.08, d.proc.popen.kill)
        killer.start()
        after = None
        try:
            while True:
                method, params, does = model.plan(rnd)
                after = model.copy()
                does(after, None)
                answer = d.call(method, **params)
                after = None
                does(model, answer)
                answered += 1
        except (ConnectionError, OSError):
            pass
        killer.join()
        d.proc.popen.wait()
        check_integrity(k.db)
        d.client.close()
        d.client = None
        start_again(d)
        got = Model.read(d)
        assert model.fits(got) or (after and after.fits(got)), (model.vports, after and after.vports, got.vports)
        unanswered += after is not None and not model.fits(got)
        model = got
        kills += 1
    print(f'{kills} kills, {answered} changes answered, {unanswered} done but not answered; none lost, none half')
