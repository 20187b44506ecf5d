# SPDX-License-Identifier: BSD-3-Clause
"""README.md and docs/ say what is so.

```console blocks hold commands (`$ vmqctl …`) and what they print. They are run in the order of the page against a vmqd with
the page's own configuration (the ```yaml block that has adapters) and a VM in web1. Sentences and tables must be the same but for
numbers, and for what the kernel or the VM decides. ```sh blocks with QEMU are run with a real guest.
"""
import json
import os
import re
import shlex
import subprocess
import xml.etree.ElementTree

import pytest
import yaml

from vmqtest import daemon, frames, guest, netns, procs, vufront

ROOT = guest.ROOT
PAGES = ['README.md', 'docs/guide.md', 'docs/windows.md', 'docs/metrics.md', 'docs/architecture.md', 'docs/threat-model.md', 'docs/contract.md', 'docs/hot-path.md', 'docs/rpc.md', 'docs/performance.md', 'docs/bench.md', 'docs/tcp.md', 'docs/api.md']
WITH_EXAMPLES = ['README.md', 'docs/guide.md']


def read(path):
    with open(os.path.join(ROOT, path)) as f:
        return f.read()


class Loader(yaml.SafeLoader):
    """As libyaml's plain scalars are read by vmqd: an address is no number of base 60."""


Loader.yaml_implicit_resolvers = {c: [r for r in rs if r[0] != 'tag:yaml.org,2002:int'] for c, rs in Loader.yaml_implicit_resolvers.items()}
Loader.add_implicit_resolver('tag:yaml.org,2002:int', re.compile(r'(0|[1-9][0-9]*)$'), list('0123456789'))


def built(path):
    """A page that the build makes."""
    with open(os.path.join(daemon.BUILD, path)) as f:
        return f.read()


def blocks(page, language):
    """The texts of a page's fenced blocks of one language."""
    return re.findall(rf'^```{language}\n(.*?)^```$', read(page), re.M | re.S)


def prose(page):
    return re.sub(r'^```.*?^```$', '', read(page), flags=re.M | re.S)


def first_column(page, heading):
    """The `names` in the first column of the table whose head begins with this."""
    table = read(page).split(f'\n| {heading} |', 1)[1].split('\n\n', 1)[0]
    return re.findall(r'^\| `([^`]+)`', table, re.M)


def commands(page):
    """(arguments, expected output) of each command in the page's console blocks."""
    found = []
    for text in blocks(page, 'console'):
        for part in re.split(r'^\$ ', text, flags=re.M)[1:]:
            line, _, out = part.partition('\n')
            args = shlex.split(line)
            assert args.pop(0) == 'vmqctl', f'{page}: a console block with another command: {line}'
            found.append((args, out))
    return found


# ---- the examples ----

def normal(text, run_dir):
    """What must be equal: words. Numbers, foreign addresses and what the kernel or the VM decides may differ."""
    lines = []
    for line in text.strip().splitlines():
        line = line.replace(run_dir, '/run/vmq')
        words = line.split()
        if words and words[0] in ('features', 'is'):
            words = words[:1]
        elif words[:1] == ['port'] and 'device' in words:
            words = ['port', 'device', words[3]]
        elif words[:1] == ['host_device']:
            words = words[:2]
        elif words and not words[0].startswith('vmqctl') and 'dropped:' not in words:
            words = [w if re.fullmatch(r'(52:54|ff:ff|02:00)(:\w\w)+', w) else re.sub(r'\d[\d.]*', '#', w) for w in words]
        lines.append(' '.join(words))
    return [x for x in lines if x]


class Example:
    """vmqd with a page's configuration, in a namespace with a card eth1 and a wire behind it."""

    def __init__(self, page):
        self.sw, self.far = netns.NetNS('docs-sw'), netns.NetNS('docs-far')
        netns.veth(self.sw, 'eth1', self.far, 'w0')
        config = next(c for c in (yaml.load(t, Loader) for t in blocks(page, 'yaml')) if 'adapters' in c)
        self.vmqd = daemon.Vmqd(config, netns=self.sw)
        self.wire = netns.RawPort(self.far, 'w0')


@pytest.fixture
def example():
    if len(os.sched_getaffinity(0)) < 2 or not {0, 1} <= os.sched_getaffinity(0):
        pytest.skip('the examples use CPUs 0 and 1')
    made = []

    def make(page):
        made.append(Example(page))
        return made[-1]
    yield make
    for x in made:
        assert x.vmqd.stop() == 0


@pytest.mark.parametrize('page', WITH_EXAMPLES)
def test_console_examples(example, page):
    x = example(page)
    x.vm = vufront.VuFront(x.vmqd.path('web1'))
    x.vmqd.wait_running('web1')
    for i in range(3):  # the counted drops that a page shows
        x.wire.send(frames.frame('52:54:00:00:00:02', '02:00:00:00:00:09', i, vlan=100))
    procs.wait_for(lambda: x.vmqd.stats('db1')['drops'].get('rx_not_connected'), 5, 'the drops')
    todo = commands(page)
    assert todo
    for args, expected in todo:
        status, out, err = x.vmqd.vmqctl(*args, check=False)
        want = 1 if expected.startswith('vmqctl: ') else 0
        assert status == want, f'{page}: vmqctl {shlex.join(args)}: status {status}: {out}{err}'
        assert normal(out + err, x.vmqd.dir) == normal(expected, x.vmqd.dir), f'{page}: vmqctl {shlex.join(args)}'
    x.vm.close()


def here(text):
    """The same configuration with CPUs, a user and groups that are here."""
    text = re.sub(r'^(\s*user:) \w+', r'\1 root', text, flags=re.M)
    text = re.sub(r'^(\s*group:) \w+', r'\1 root', text, flags=re.M)
    text = re.sub(r'^cpus: \[[^\]]*\]', f'cpus: {daemon.cpus()}', text, flags=re.M)
    return re.sub(r'^(\s+cpu:) \d+', rf'\1 {daemon.cpus()[-1]}', text, flags=re.M)


def check(tmp_path, text):
    file = tmp_path / 'vmqd.yaml'
    file.write_text(text)
    p = subprocess.run([daemon.program('vmqd'), '--config', str(file), '--check'], capture_output=True, text=True)
    return p.returncode, p.stderr.strip().replace(str(file), '/etc/vmq/vmqd.yaml')


def test_every_configuration_is_right(tmp_path):
    count = 0
    for page in [*WITH_EXAMPLES, 'docs/rpc.md']:
        for text in blocks(page, 'yaml'):
            if not re.search('^adapters:', text, re.M):
                text += 'adapters: [{name: x, port: {device: eth1}}]\n'
            status, said = check(tmp_path, here(text))
            assert status == 0, f'{page}: {said}'
            count += 1
    assert count > 3


def test_the_wrong_configuration_says_what_the_guide_says(tmp_path):
    text = next(t for t in blocks('docs/guide.md', 'yaml') if 'adapters' in t)
    status, said = check(tmp_path, here(text).replace('vlan: 100', 'vlan: 5000'))
    assert status == 1 and said.startswith('vmqd: /etc/vmq/vmqd.yaml:') and f'`{said}`' in read('docs/guide.md')


def test_the_qemu_command_line(example):
    """As the README has it, but for the disk: our guest has a kernel of its own. It pings."""
    x = example('README.md')
    [text] = [t for t in blocks('README.md', 'sh') if 'qemu-system' in t]
    args = shlex.split(text.replace('\\\n', ' ').replace('/run/vmq', x.vmqd.dir))
    at = args.index('-drive')
    del args[at:at + 2]
    at = args.index('-accel')
    del args[at:at + 2]
    how = guest.accel()
    if how == 'tcg':
        at = args.index('-device') + 1
        args[at] += ',vectors=0'
    img = guest.image()
    # The guest's agent is what keeps it running.
    args += ['-accel', how, '-display', 'none', '-kernel', img + '/vmlinuz', '-initrd', img + '/initrd.gz', '-append',
             guest._APPEND + ' vip=eth0=10.77.0.1/24', '-device', 'virtio-serial-pci', '-chardev',
             f'socket,id=agent,path={x.vmqd.dir}/agent,server=on,wait=off', '-device', 'virtserialport,chardev=agent,name=agent']
    assert args[0] == 'qemu-system-x86_64'
    q = procs.Process([guest.QEMU, *args[1:]], 'qemu-docs')
    x.far.run('ip', 'addr', 'add', '10.77.0.254/24', 'dev', 'w0')

    def answers():
        q.need_alive()
        return ' 0% packet loss' in x.far.run('ping', '-q', '-c', '1', '-W', '1', '10.77.0.1', check=False)
    procs.wait_for(answers, 100, 'an answer of the VM')
    assert x.vmqd.vport('web1')['status'] == 'running'
    q.stop()


def test_the_libvirt_domain():
    """What vhost-user needs is in it."""
    [text] = blocks('README.md', 'xml')
    d = xml.etree.ElementTree.fromstring(text)
    assert d.find('memoryBacking/source').get('type') == 'memfd'
    assert d.find('memoryBacking/access').get('mode') == 'shared'
    nic = d.find('devices/interface')
    assert nic.get('type') == 'vhostuser' and nic.find('model').get('type') == 'virtio'
    source = nic.find('source')
    assert (source.get('type'), source.get('mode'), source.get('path')) == ('unix', 'client', '/run/vmq/web1.sock')
    assert source.find('reconnect').get('enabled') == 'yes'


def section(page, heading):
    """What stands below a heading, up to the next one of its level or above."""
    level = heading.split(' ', 1)[0]
    text = read(page).split(f'\n{heading}\n', 1)[1]
    return re.split(rf'\n#{{1,{len(level)}}} ', text, maxsplit=1)[0]


def test_five_minutes(tmp_path):
    """Its steps are in order, and its configuration is right below what the package's file has above `adapters:`. Its
    console blocks are run by test_console_examples, its QEMU and libvirt parts by the tests of both."""
    text = section('docs/guide.md', '## Five minutes')
    steps = ['make deb', 'apt install', '\nadapters:', 'vmqd --check', 'systemctl restart vmqd', '$ vmqctl vport show web1 --libvirt',
             '$ vmqctl queue', '$ vmqctl doctor']
    at = [text.index(s) for s in steps]
    assert at == sorted(at)
    package = read('debian/vmqd.yaml').split('\nadapters:', 1)[0]
    status, said = check(tmp_path, here(package + '\n' + re.search('^```yaml\n(.*?)^```$', text, re.M | re.S).group(1)))
    assert status == 0 and not said, said
    for name in re.findall(r'\./build/deb/(\w+)_\*\.deb', text):
        assert re.search(rf'^Package: {name}$', read('debian/control'), re.M), name


def test_shell_blocks_are_shell():
    for page in PAGES:
        for text in blocks(page, 'sh'):
            p = subprocess.run(['bash', '-n'], input=text, capture_output=True, text=True)
            assert p.returncode == 0, f'{page}: {p.stderr}'
            for name in re.findall(r'^make (\w+)$', text, re.M):
                assert re.search(rf'^{name}:', read('Makefile'), re.M), f'{page}: make {name}'
            for path in re.findall(r'\bexamples/[\w.-]+', text):
                assert os.path.exists(os.path.join(ROOT, path)), f'{page}: {path}'


# ---- names ----

def anchors(page):
    """As GitHub makes them of headings."""
    heads = re.findall(r'^#+ (.*)$', re.sub(r'^```.*?^```$', '', read(page), flags=re.M | re.S), re.M)
    return {re.sub(r'[^\w -]', '', h.lower()).replace(' ', '-') for h in heads}


@pytest.mark.parametrize('page', PAGES)
def test_links_resolve(page):
    for target in re.findall(r'\]\(([^)\s]+)\)', prose(page)):
        if '://' in target:
            continue
        path, _, anchor = target.partition('#')
        full = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
        assert os.path.exists(os.path.join(ROOT, full)), f'{page}: {target}'
        if anchor:
            assert anchor in anchors(full), f'{page}: {target}'


@pytest.mark.parametrize('page', PAGES)
def test_paths_exist(page):
    for path in re.findall(r'`((?:src|tests|include|docs|tools|examples|bench)/[\w./-]+)`', prose(page)):
        assert os.path.exists(os.path.join(ROOT, path)), f'{page}: {path}'


def test_tests_that_the_threat_model_names():
    # `file`: `names`, or `folder`: `names`.
    named = re.findall(r'`(tests/[\w./]+)`: ((?:`\w+`(?:, )?)+)', read('docs/threat-model.md') + read('docs/contract.md'))
    assert len(named) > 30
    for path, names in named:
        full = os.path.join(ROOT, path)
        files = [path] if os.path.isfile(full) else [f'{path}/{f}' for f in os.listdir(full) if f.endswith('.c')]
        source = '\n'.join(read(f) for f in files)
        for name in re.findall(r'`(\w+)`', names):
            assert re.search(rf'\b{name}\b', source), f'{name} is not in {path}'


def test_api():
    """docs/api.md is what tools/apidoc makes of the headers, and has every name that the library exports."""
    assert procs.run([os.path.join(ROOT, 'tools/apidoc')]) == read('docs/api.md')
    exported = re.findall(r'^\t(\w+);', read('src/client/libvmq.map'), re.M)
    assert exported and set(exported) <= set(re.findall(r'^### (\w+)$', read('docs/api.md'), re.M))
    symbols = re.findall(r'^ (\w+)@LIBVMQ_0 ', read('debian/libvmq0.symbols'), re.M)
    assert sorted(symbols) == sorted([*exported, 'LIBVMQ_0'])


def drop_reasons():
    return re.findall(r'^\s*X\(\w+, "(\w+)"', read('src/nic/drop.h'), re.M)


def tuning_keys():
    return re.findall(r'^\s*X\((\w+),', read('src/vmqd/tuning.h'), re.M)


def test_tuning_keys():
    """The schema has the same names, and docs/rpc.md has a word on each."""
    keys = tuning_keys()
    assert len(keys) == 12
    rows = read('src/schema/schema_rows.h').split('#define SCHEMA_ROWS_TUNING', 1)[1].split('\n\n', 1)[0]
    assert re.findall(r'X\(VPORT, (\w+),', rows) == keys
    said = read('docs/rpc.md').split('\nTUNING:', 1)[1].split('\nWORKER:', 1)[0]
    for key in keys:
        assert key in said, key


def test_drop_reasons():
    reasons = drop_reasons()
    assert len(reasons) > 10
    assert first_column('docs/guide.md', 'reason') == reasons
    counters = re.findall(r'^\tX\((\w+)\)', read('src/port/port.h').split('#define PORT_COUNTERS(X)', 1)[1].split('\n\n', 1)[0], re.M)
    assert len(counters) >= 4
    for page in WITH_EXAMPLES:
        for name in set(re.findall(r'\b[rt]x_[a-z_]+\b', prose(page))) - {*checks(), 'rx_queue_size', 'rx_', 'tx_', *tuning_keys()}:
            assert name in reasons + counters, f'{page}: {name}'


def checks():
    """The doctor's."""
    return re.findall(r'^\s*X\((\w+), check_', read('src/vmqctl/doctor/doctor.h'), re.M)


def rows_of(heading, first):
    """The cells of the guide's table below a heading."""
    rows = section('docs/guide.md', heading).split(f'\n| {first} |', 1)[1].split('\n\n', 1)[0].split('\n')[2:]
    return [[cell.strip() for cell in re.split(r'(?<!\\)\|', row)[1:-1]] for row in rows if row.startswith('|')]


def test_symptoms():
    """Each row is whole, and names checks that the doctor has."""
    rows = rows_of('### From symptom to cause', 'symptom')
    assert len(rows) >= 15 and len(checks()) > 25
    steps = rows_of('## Tuning', 'step')
    assert all(len(row) == 3 and all(row) for row in steps)
    for row in rows:
        assert len(row) == 4 and all(row), row
    for row in rows + steps:
        for names in re.findall(r'`vmqctl doctor((?: \w+)*)`', row[1]):
            assert set(names.split()) <= set(checks()), row[1]
    seen = {n for row in rows for names in re.findall(r'`vmqctl doctor((?: \w+)*)`', row[1]) for n in names.split()}
    assert len(seen) > 25, 'the table leads to the checks'


# They go on until somebody ends them, or measure for seconds; their own tests run them.
ENDLESS = ('trace', 'capture', 'compare', 'perf')


def test_what_shows_a_symptom_can_be_run(example):
    """Each vmqctl command of both tables does what it is there for, of VPort web1: it ends well, but for what a doctor found."""
    x = example('docs/guide.md')
    ran = 0
    for row in rows_of('### From symptom to cause', 'symptom') + rows_of('## Tuning', 'step'):
        for line in re.findall(r'`vmqctl ([^`]+)`', row[1]):
            args = shlex.split(line.replace('NAME', 'web1').replace('MAC', '52:54:00:00:00:01'))
            if args[0] in ENDLESS:
                assert args[0] in x.vmqd.vmqctl('help'), line
                continue
            status, out, err = x.vmqd.vmqctl(*args, check=False)
            assert status == 0 or args[0] == 'doctor' and status in (4, 5), f'vmqctl {line}: {status}: {out}{err}'
            assert out or args == ['config', 'diff'], line
            ran += 1
    assert ran > 25


def test_rooms():
    """docs/architecture.md has every room, with the rooms whose headers it includes; the picture has the rooms, too."""
    table = dict(re.findall(r'^\| `src/(\w+)` \| [^|]* \| ([^|]*) \|', section('docs/architecture.md', '## The rooms'), re.M))
    rooms = {r for r in os.listdir(os.path.join(ROOT, 'src')) if os.path.isdir(os.path.join(ROOT, 'src', r))}
    assert set(table) == rooms
    for room, said in table.items():
        used = set()
        for folder, _, files in os.walk(os.path.join(ROOT, 'src', room)):
            for file in files:
                if not file.endswith(('.c', '.h')):
                    continue
                with open(os.path.join(folder, file)) as f:
                    text = f.read()
                used |= set(re.findall(r'^#include "(\w+)/', text, re.M))
                used |= {'client'} if '#include <vmq/vmq.h>' in text else set()
        assert set(re.findall(r'\w+', said)) == used & rooms - {room}, room
        assert re.search(rf'>{room}(/softnic)?</text>', read('docs/img/rooms.svg')), room


def test_batch_sizes():
    """The guide's example of vmqctl perf has the columns that it has."""
    sizes = re.findall(r'"([\d-]+)"', re.search(r'sizes\[\] = \{(.*?)\}', read('src/vmqctl/cmd_perf.c')).group(1))
    [head] = re.findall(r'^CPU  BATCHES OF +(.*)$', read('docs/guide.md'), re.M)
    assert sizes and head.split() == sizes


def test_settled_questions():
    """Each open question of the documentation that the sources cite has its answer in docs/contract.md, in order."""
    settled = [int(n) for n in re.findall(r'^\| (\d+) \|', section('docs/contract.md', '## Settled questions'), re.M)]
    assert settled == sorted(set(settled))
    cited = set()
    for top in ('src', 'include'):
        for folder, _, files in os.walk(os.path.join(ROOT, top)):
            for file in files:
                if file.endswith(('.c', '.h')):
                    with open(os.path.join(folder, file)) as f:
                        cited |= {int(n) for n in re.findall(r'\bQ(\d+)\b', f.read())}
    assert len(cited) > 10 and cited <= set(settled), cited - set(settled)


def test_requests_of_our_own():
    """docs/contract.md has each with its number."""
    ours = dict(re.findall(r'^#define (OID_VMQ_\w+) (0x\w+)u$', read('include/vmq/ndis_vmq.h'), re.M))
    assert ours and dict(re.findall(r'`(OID_VMQ_\w+)`\s\((0x\w+)\)', read('docs/contract.md'))) == ours


def test_indications():
    """docs/contract.md's table has the numbers and buffers of the header, and each is one that the keeper passes on."""
    rows = re.findall(r'^\| `(NDIS_STATUS_\w+)` \| (0x\w+) \| `(\w+)` \|', read('docs/contract.md'), re.M)
    header, keeper = read('include/vmq/ndis_base.h') + read('include/vmq/ndis_filter.h') + read('include/vmq/ndis_switch.h'), read('src/ndis/indicate.c')
    for name, value, buffer in rows:
        assert re.search(rf'\bX\({name}, {value}\)', header, re.I), name
        assert buffer in header and buffer in keeper, buffer
    assert {name for name, _, _ in rows} == set(re.findall(r'\bcase \(uint32_t\)(NDIS_STATUS_\w+):', keeper))


def test_rpc_methods():
    methods = re.findall(r'\t(?:X|ALONE)\("([\w.]+)", method_', read('src/vmqd/methods.h'))
    assert first_column('docs/rpc.md', 'method') == methods
    for page in PAGES:
        for name in re.findall(r'`((?:vport|filter|queue|switch|stats|worker|monitor|oid|migrate|cpu|config|capture|trace|bypass)\.[a-z]+)`', prose(page)):
            assert name in methods, f'{page}: {name}'


def limits():
    return set(re.findall(r'^\tX\(([a-z_]+)[,)]', read('src/miniport/softnic/limits.h'), re.M))


def test_limits():
    assert len(limits()) == 12
    section = read('docs/contract.md').split('## Limits', 1)[1].split('\n## ', 1)[0]
    assert set(re.findall(r'^\| `(\w+)` \|', section, re.M)) == limits()
    man = built('docs/man/vmqd.yaml.5.scd').split('\n# LIMITS', 1)[1].split('\n# ', 1)[0]
    assert set(re.findall(r'^\*(\w+)\*$', man, re.M)) == limits()
    [example] = [t for t in blocks('docs/rpc.md', 'yaml') if 'adapters' in t]
    assert set(yaml.load(example, Loader)['adapters'][0]['limits']) == limits()


def test_keywords():
    """Each is in the man page, with what becomes of it."""
    code = set(re.findall(r'"\*(\w+)"', read('src/miniport/miniport.h') + read('src/schema/schema_rows.h'))) - {'VMQ', 'SRIOV'}
    man = built('docs/man/vmqd.yaml.5.scd').split('\n# KEYWORDS', 1)[1].split('\n# ', 1)[0]
    assert {'VMQ', 'SRIOV'} | code == set(re.findall(r'\\\*(\w+)', man))
    for page in PAGES:
        for name in set(re.findall(r'`"?\*(\w+)"?`', prose(page))):
            assert name in code | {'VMQ', 'SRIOV'}, f'{page}: {name}'
    assert {'*' + n for n in code | {'VMQ', 'SRIOV'}} == set(first_column('docs/windows.md', 'keyword'))


def test_configuration_keys():
    """The guide's table has every key of the schema, and no other."""
    rows = re.findall(r'^\| (`.*?) \|', read('docs/guide.md').split('\n| key |', 1)[1].split('\n\n', 1)[0], re.M)
    named = {n for row in rows for n in re.findall(r'`(\w+)`', row)}
    schema = json.loads(procs.run([daemon.program('vmqctl'), 'config', 'schema']))

    def keys(s):
        for name, member in s.get('properties', {}).items():
            yield from () if name.startswith('*') else (name,)
            yield from keys(member)
        for part in ('then', 'else', 'items'):
            yield from keys(s[part]) if part in s else ()
        for part in s.get('anyOf', ()):
            yield from keys(part)
    assert set(keys(schema)) == named


def test_oids():
    """docs/contract.md's table is the keeper's."""
    code = re.findall(r'^\t\{ ?(OID_\w+), ([QSM]), ([^,]+), (\w+),', read('src/ndis/oid.c'), re.M)
    page = re.findall(r'^\| `(OID_\w+)` \| ([QSM]) \| (\w*) ?\| (\w+) \|', read('docs/contract.md'), re.M)
    assert page == [(oid, kind, 'NDIS' if 'NO' in flags.split(' | ') else 'U' if 'U' in flags.split(' | ') else '',
                     'softnic' if answer == 'NULL' else 'keeper') for oid, kind, flags, answer in code]


def test_moderation_levels():
    code = read('src/nic/moderate.h')
    for level in ('low', 'medium', 'high'):
        us = int(re.search(rf'#define MODERATE_{level.upper()}_US (\d+)u', code).group(1))
        assert f'| `{level}` | after {us} µs, or with {us * 8 // 5} frames waiting |' in read('docs/guide.md')


def test_pictures_follow_the_readers_colours():
    for name in os.listdir(os.path.join(ROOT, 'docs/img')):
        text = read('docs/img/' + name)
        xml.etree.ElementTree.fromstring(text)
        assert 'prefers-color-scheme: dark' in text and '<title' in text and '<desc' in text, name
        assert '://' not in text.replace('http://www.w3.org/2000/svg', ''), f'{name}: an outside resource'
