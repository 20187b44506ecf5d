# SPDX-License-Identifier: BSD-3-Clause
"""bench/run and bench/tcp measure the daemon that was built: frames arrive where they should, the results are written, and the machine
is left as it was. What the figures are is not looked at."""
import csv
import os
import subprocess

import pytest

from vmqtest.daemon import BUILD
from vmqtest.guest import ROOT

HUGE = '/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages'


def huge_pages():
    if not os.path.exists(HUGE):
        return None
    with open(HUGE) as f:
        return int(f.read())


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason='bench/run needs two cores')
def test_measures_every_path(tmp_path):
    before = huge_pages()
    cases = ['pair-64', 'pair-1518', 'packed-64', 'wake', 'half-load', 'moderation', 'churn', 'wire-in', 'wire-out', 'handover', 'attack']
    r = subprocess.run([os.path.join(ROOT, 'bench/run'), *cases, '--only', 'vmq', '--rounds', '1', '--cycles', '1', '--patience', '0', '--retries', '0', '--no-huge', '--docs', tmp_path, '--results', tmp_path],
                       capture_output=True, text=True, timeout=140)
    assert r.returncode == 0, r.stdout + r.stderr
    with open(tmp_path / 'measurements.csv') as f:
        rows = list(csv.DictReader(f))
    assert {x['case'] for x in rows} >= set(cases), r.stdout + r.stderr
    assert {x['for'] for x in rows if x['case'] == 'pair-64'} >= {'pair-64', 'packed-64', 'churn'}, rows
    assert any(float(x['value']) > 0 for x in rows if x['case'] == 'pair-64'), rows
    for row in rows:
        assert not row['misdelivered'] or float(row['misdelivered']) == 0, row
    page, chart = (tmp_path / 'bench.md').read_text(), (tmp_path / 'bench.svg').read_text()
    assert 'Against the aims' in page and chart.startswith('<svg')
    assert huge_pages() == before


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason='bench/run needs two cores')
def test_compares_builds():
    r = subprocess.run([os.path.join(ROOT, 'bench/run'), '--builds', BUILD, BUILD, 'packed-1518', '--rounds', '1', '--cycles', '2',
                        '--patience', '0', '--retries', '0', '--no-huge'], capture_output=True, text=True, timeout=140)
    assert r.returncode == 0, r.stdout + r.stderr
    lines = [x for x in r.stdout.splitlines() if x.startswith('| packed-1518 | ')]
    assert len(lines) == 2 and ' #1 | ' in lines[0] and ' #2 | ' in lines[1] and ' … ' in lines[1], r.stdout


def test_near_and_far_are_told_apart(monkeypatch):
    """Ratios of cycles in which the cores were near, and of those in which they were far, stand in columns of their own."""
    monkeypatch.syspath_prepend(os.path.join(ROOT, "bench"))
    from benchlib import report

    def rows(lines):
        return [{"case": "pair-64", "for": "pair-64", "variant": v, "round": 0, "cycle": i, "clean": True, "unit": "Mpps",
                 "value": value / (2 if line > 30 and v == "vmq" else 1), "line_cycles": line}
                for i, line in enumerate(lines) for v, value in (("vmq", 40.0), ("testpmd io", 10.0))]

    both = report.speeds_table(rows([12.0, 60.0, 13.0, 14.0, 58.0, 61.0, 12.5, 12.0, 62.0]))
    assert [line for line in both if line.startswith("| VM to VM")] == ["| VM to VM, 64 bytes | vmq | testpmd io | 4.00 | 5 | 2.00 | 4 | ≥ 1.7 |"]
    assert not report.speeds_table(rows([12.0, 14.0, 13.0, 14.0, 15.0, 16.0, 12.5, 12.0, 20.0]))
    assert not report.speeds_table(rows([12.0, 60.0])) # too few to tell


def test_refuses_an_unknown_case():
    r = subprocess.run([os.path.join(ROOT, 'bench/run'), 'pair-65'], capture_output=True, text=True)
    assert r.returncode == 2 and 'there is no case pair-65' in r.stderr
    r = subprocess.run([os.path.join(ROOT, 'bench/run'), '--builds', BUILD, 'pair-65'], capture_output=True, text=True)
    assert r.returncode == 2 and 'pair-65 is neither a build folder nor a case' in r.stderr


NO_INTEGERS = ['', ' ', ' 1', '1 ', '-1', '+1', '0x10', '1e1', '1.0', '1x', 'x', '99999999999999999999', '18446744073709551617']
NO_NUMBERS = ['', ' ', ' 1', '1 ', '-1', '+1', '0x10', '1e', '1x', 'x', '1e1e1', '1-1', 'nan', 'inf', '1e999', '.', '..']
# Command, the words before the one that is a number, how the sentence begins, what is too little and too much for it.
NUMBERS = [('vugen', ['--size'], '--size is from 64 to 2048', ['63', '2049']), ('vugen', ['--core'], '--core is from 0 to 1023', ['1024']),
           ('vugen', ['--ring'], '--ring is from 8 to 32768', ['7', '32769']), ('vugen', ['--rate'], '--rate is from 0 to 1000000000', ['1e10']),
           ('vugen', ['--gap'], '--gap is from 1 to 1000000', ['0', '0.99', '1000001']),
           ('vugen', ['--idle-many', 'x%d'], 'the number of ports is from 0 to 1100', ['1101']),
           ('vtap', ['--ring'], '--ring is from 64 to 1024', ['63', '1025']), ('vtap', ['--core'], '--core is from 0 to 1023', ['1024']),
           ('vtap', ['--timeout'], '--timeout is from 1 to 3600', ['0', '3601']),
           ('lines', [], 'the first CPU is from 0 to 1023', ['1024']), ('lines', ['0'], 'the second CPU is from 0 to 1023', ['1024']),
           ('hotpath', ['64'], 'the number of bursts is from 1 to 1000000', ['0', '1000001'])]


@pytest.fixture(scope='module')
def tools():
    names = sorted({x[0] for x in NUMBERS})
    subprocess.run(['ninja', '-C', BUILD, *(f'bench/{x}' for x in names)], check=True, stdout=subprocess.DEVNULL)
    return {x: os.path.join(BUILD, 'bench', x) for x in names}


@pytest.mark.parametrize('command, before, sentence, beyond', NUMBERS, ids=lambda x: x[-1] if isinstance(x, list) and x else None)
def test_numbers_are_refused_by_name(tools, command, before, sentence, beyond):
    for text in beyond + (NO_NUMBERS if before[:1] in (['--rate'], ['--gap']) else NO_INTEGERS):
        words = [*before, text, *(['0'] if command == 'lines' and not before else [])]
        r = subprocess.run([tools[command], *words], capture_output=True, text=True, timeout=10)
        assert (r.returncode, r.stdout, r.stderr) == (2, '', f'{command}: {sentence}, not "{text}"\n'), words


def test_words_are_refused(tools):
    """What is missing, too much, or does not fit together; a number that can be one is not what is wrong with it."""
    socket = ['--socket', '/nowhere', '--tap', 'tap9']
    for words, sentence in ((['vugen'], 'there is no port'), (['vugen', '--rx', 'x', '--ring', '100'], '--ring is a power of two'),
                            (['vugen', '--rx', 'x', '--rate', '1.5e3', 'word'], 'what is this: word'), (['vugen', '--dmac', '1:2:3'], 'this is no MAC address: 1:2:3'),
                            (['vugen', '--tx-many', 'x'], 'a number is missing behind x'), (['vugen', '--idle-many', 'x', '3'], 'there is no %d in x'),
                            (['vtap'], 'it takes --socket, --tap and options'), (['vtap', *socket, 'word'], 'it takes --socket, --tap and options'),
                            (['vtap', *socket, '--ring', '100'], '--ring is a power of two'),
                            (['vtap', '--socket', '/nowhere', '--tap', 'x' * 16], "--tap is a device's name, shorter than 16 characters")):
        r = subprocess.run([tools[words[0]], *words[1:]], capture_output=True, text=True, timeout=10)
        assert (r.returncode, r.stdout, r.stderr) == (2, '', f'{words[0]}: {sentence}; see {words[0]} --help\n'), words
    for words in ([], ['0'], ['0', '1', '2']):
        r = subprocess.run([tools['lines'], *words], capture_output=True, text=True, timeout=10)
        assert (r.returncode, r.stdout, r.stderr) == (2, '', 'lines CPU CPU\n'), words


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason='bench/tcp needs two cores')
def test_tcp_arrives_as_sent():
    """What bench/tcp measures is carried: files arrive unchanged each way, with offloads in frames of up to 64 KiB, without in frames
    of the MTU."""
    r = subprocess.run([os.path.join(ROOT, 'bench/tcp'), '--check', '--only', 'vmq', '--no-huge'], capture_output=True, text=True,
                       timeout=140)
    assert r.returncode == 0, r.stdout + r.stderr
    ways = dict(x.removeprefix('# ').split(': ', 1) for x in r.stdout.splitlines())
    assert 'HOST_TSO4' in ways['vmq'] and 'offloads none' in ways['vmq, no offloads'], r.stdout
    assert ways['vmq, no offloads'].endswith('longest frame 1514 bytes'), r.stdout


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason='bench/tcp needs two cores')
def test_tcp_measures(tmp_path):
    r = subprocess.run([os.path.join(ROOT, 'bench/tcp'), '--only', 'vmq', '--no-huge', '--rounds', '1', '--minutes', '0', '--retries', '0', '--patience', '0',
                        '--loads', 'both', '--docs', tmp_path, '--results', tmp_path], capture_output=True, text=True, timeout=140)
    assert r.returncode == 0, r.stdout + r.stderr
    with open(tmp_path / 'tcp.csv') as f:
        rows = list(csv.DictReader(f))
    assert [x['way'] for x in rows] == ['vmq', 'vmq, policy poll', 'vmq, no offloads'] and all(float(x['value']) > 0 for x in rows), rows
    assert 'TCP between two VMs' in (tmp_path / 'tcp.md').read_text()


def test_instructions_a_frame():
    """No case takes many more instructions than docs/instructions.md says; another release of the compiler may take a few."""
    r = subprocess.run([os.path.join(ROOT, 'bench/instructions'), '--check', '--tolerance', '30'], capture_output=True, text=True,
                       timeout=140)
    assert r.returncode == 0, r.stdout + r.stderr
