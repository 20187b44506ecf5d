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
