# SPDX-License-Identifier: BSD-3-Clause
"""The threat model's page names tests: each is there, each threat has one; its table of published flaws is the tests'."""
import os
import re

from vmqtest.guest import ROOT

PAGE = os.path.join(ROOT, 'docs', 'threat-model.md')
IDENTIFIER = r'(?:CVE-\d{4}-\d+|GHSA-[0-9a-z-]+)'


def page():
    with open(PAGE) as f:
        return f.read()


def source(path):
    with open(os.path.join(ROOT, path)) as f:
        return f.read()


def rows(text):
    """The cells of each table row that is no heading, with the heading's last cell."""
    last = None
    for line in text.splitlines():
        if not line.startswith('|'):
            last = None
            continue
        cells = [c.strip() for c in line.strip('|').split('|')]
        if last is None:
            last = cells[-1]
        elif not set(line) <= set('|- '):
            yield last, cells


def test_the_tests_that_are_named_are_there():
    """`path`: `name`, `name` … names functions or rows of that file."""
    found = 0
    for path, names in re.findall(r'`(tests/[\w/.]+)`: ((?:`[^`]+`(?:, | and )?)+)', page()):
        text = source(path)
        for name in re.findall(r'`([^`]+)`', names):
            if '/' in name:
                continue
            found += 1
            assert re.search(rf'\b{re.escape(name)}\b', text), f'{path} has no {name}'
    assert found > 60


def test_files_and_folders_named_are_there():
    for path in re.findall(r'`((?:tests|src|docs|bench)/[\w/.]+)`', page()):
        assert os.path.exists(os.path.join(ROOT, path)), path


def test_each_threat_has_a_test():
    for heading, cells in rows(page()):
        if heading == 'test' and cells[1] != '(allowed: it is a switch)':
            assert re.search(r'`tests/|the same', cells[-1]), f'no test: {cells[0]}'


def test_published_flaws_are_those_of_the_cases():
    played = {}
    for kind in ('ring', 'message'):
        path = f'tests/unit/cve_{kind}_test.c'
        for row in re.findall(rf'^\t\{{ "({IDENTIFIER})", "([^"]+)", \w+ \}},$', source(path), re.M):
            played[row] = path
    assert len(played) >= 39
    text = page()
    told, elsewhere = {}, set()
    for heading, cells in rows(text[text.index('## Published flaws'):]):
        if heading == 'cases in':
            told[(cells[0], cells[2])] = cells[3].strip('`')
        elif heading == 'why it cannot happen here':
            ids = re.findall(IDENTIFIER, cells[0])
            assert ids and len(cells[2]) > 10
            elsewhere |= set(ids)
    assert told == played
    assert not elsewhere & {i for i, _ in played}
    assert len(elsewhere) >= 25
