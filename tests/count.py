# SPDX-License-Identifier: BSD-3-Clause
"""Runs meson's tests and the system tests and counts cases. A meson test is a program with many cases: cmocka and TAP say
how many, any other program is one case; a program that ends badly without saying which case failed is one failure.

These are tests of processes, devices and emulated guests, on a machine that may be busy: a meson test or a system test that
fails is run once more with nothing beside it, and counts as what it is then. Which those were is said before the last line;
when more than AGAIN_MAX fail in one part, none is run again."""
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
BUILD = os.path.join(ROOT, os.environ['VMQ_BUILD'])
AGAIN_MAX = 4
second_runs = []


def meson_case_counts(result, output):
    """(passed, failed) of one meson test from its result and what it printed."""
    passed = sum(map(int, re.findall(r'^\[  PASSED  \] (\d+) test', output, re.M)))
    failed = sum(map(int, re.findall(r'^\[  FAILED  \] [^\n]*?(\d+) test\(s\), listed', output, re.M)))
    if not passed and not failed:
        passed = len(re.findall(r'^ok \d+', output, re.M))
        failed = len(re.findall(r'^not ok \d+', output, re.M))
    if result == 'SKIP':
        return 0, 0
    if result in ('OK', 'EXPECTEDFAIL'):
        return max(passed, 1), 0
    return passed, max(failed, 1)


def meson_run(build, *arguments):
    """{name of a meson test: (passed, failed)}"""
    log = os.path.join(build, 'meson-logs', 'testlog.json')
    if os.path.exists(log):
        os.unlink(log)
    status = subprocess.run(['meson', 'test', '-C', build, '--print-errorlogs', *arguments]).returncode
    counts = {}
    if os.path.exists(log):
        with open(log) as f:
            for line in f:
                t = json.loads(line)
                counts[t['name'].rpartition(' / ')[2]] = meson_case_counts(t['result'],
                                                                           t.get('stdout', '') + '\n' + t.get('stderr', ''))
    if status and not any(failed for _, failed in counts.values()):
        counts['meson'] = (0, 1)
    return counts


def meson_tests(build, *arguments):
    counts = meson_run(build, *arguments)
    bad = [name for name, (_, failed) in counts.items() if failed and name != 'meson']
    if 0 < len(bad) <= AGAIN_MAX:
        second_runs.extend(bad)
        counts.update(meson_run(build, '--no-rebuild', '--num-processes', '1', '--timeout-multiplier', '4', *bad))
    return [sum(column) for column in zip(*counts.values())] or (0, 1)


def unit_tests():
    return meson_tests(BUILD, '--no-rebuild')


def fuzz_tests():
    """Each fuzz target a fixed number of times, in a build of clang's beside the other one."""
    out = subprocess.run([os.path.join(ROOT, 'tests', 'fuzz', 'run.sh'), BUILD + '-fuzz'],
                         stdout=subprocess.PIPE, text=True)
    print(out.stdout, end='', flush=True)
    passed, failed = (len(re.findall(rf'^{word} \d+', out.stdout, re.M)) for word in ('ok', 'not ok'))
    return passed, failed if failed or (passed and not out.returncode) else 1


def sanitizer_tests():
    """The unit and contract tests again with the address and undefined-behaviour sanitizers, and those in which threads
    meet with the thread sanitizer. Only what the named tests need is built."""
    plain = ('config', 'contract', 'cve_message_test', 'cve_ring_test', 'moderate', 'ndis_softnic', 'nic_batch', 'nic_hostile_test', 'nic_offload_test', 'nic_ring_test',
             'nic_scatter_test', 'nic_switch_test', 'rpc', 'rss', 'spsc', 'stack', 'stack_adapters', 'stack_change', 'stack_filter', 'stack_queue', 'stack_rss', 'stack_trunk', 'stack_vf',
             'vhost_memory_test', 'vhost_refuse_test', 'vhost_session_test', 'vhost_socket_test')
    passed = failed = 0
    for name, options, tests in (('asan', ['-Db_sanitize=address,undefined'], plain),
                                 ('tsan', ['-Db_sanitize=thread', '-Dc_args=-Wno-tsan'],
                                  ('nic_cpu_test', 'nic_hostile_test', 'nic_ring_test', 'nic_switch_test'))):
        build = f'{BUILD}-{name}'
        if not os.path.exists(os.path.join(build, 'build.ninja')):
            subprocess.run(['meson', 'setup', build, ROOT, '-Doptimization=1', *options], stdout=subprocess.DEVNULL)
        p, f = meson_tests(build, '--timeout-multiplier', '4', *tests)
        passed, failed = passed + p, failed + f
    return passed, failed


def pytest_run(*arguments):
    """(tests that were not skipped, ids of those that failed)"""
    with tempfile.TemporaryDirectory() as d:
        xml_path = os.path.join(d, 'junit.xml')
        status = subprocess.run(['/usr/bin/python3', '-m', 'pytest', '-q', '-ra', '-p', 'no:cacheprovider', '--durations=10',
                                 '--junitxml', xml_path, *arguments],
                                cwd=ROOT, env=dict(os.environ, PYTHONDONTWRITEBYTECODE='1')).returncode
        ran, bad = 0, []
        if os.path.exists(xml_path):
            for case in xml.etree.ElementTree.parse(xml_path).getroot().iter('testcase'):
                kinds = {child.tag for child in case}
                ran += 'skipped' not in kinds
                if kinds & {'failure', 'error'}:
                    bad.append(case.get('classname').replace('.', '/') + '.py::' + case.get('name'))
        if status and not bad:
            bad = ['pytest']
        return ran, bad


def system_tests(arguments):
    ran, bad = pytest_run(*arguments, os.path.join('tests', 'system'))
    if 0 < len(bad) <= AGAIN_MAX and bad != ['pytest']:
        second_runs.extend(bad)
        _, bad = pytest_run(*bad)
    return max(ran - len(bad), 0), len(bad)


def main():
    which = os.environ.get('VMQ_TESTS', 'all')
    passed = failed = 0
    for name, tests in (('unit', unit_tests), ('fuzz', fuzz_tests), ('sanitizers', sanitizer_tests),
                        ('system', lambda: system_tests(sys.argv[1:]))):
        if which in ('all', name):
            p, f = tests()
            passed, failed = passed + p, failed + f
    for name in second_runs:
        print(f'needed a second run: {name}')
    print(f'{passed} passed, {failed} failed', flush=True)
    return 0 if passed and not failed else 1


sys.exit(main())
