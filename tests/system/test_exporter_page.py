# SPDX-License-Identifier: BSD-3-Clause
"""The exporter's page in a headless Chromium, over a daemon that says what the test wants: figures, hostile names, 200 VPorts."""
import shutil
import tempfile

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from fake_vmqd import FakeVmqd, reply
from vmqtest import procs
from vmqtest.exporter import Exporter

DELAYS = ('1', '10', '20', '50', '100', '200', '500', 'more')
HOSTILE = ['<img src=x onerror="document.title=\'owned\'">', '"><script>document.title=\'owned\'</script>', '</text></svg><b id=owned>x</b>', '${1}{{2}}&amp;']
FLAGS = ('--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
         '--disable-sync', '--window-size=1280,900')


class Browser:
    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix='vmqt-chromium-')
        options = webdriver.ChromeOptions()
        for flag in (*FLAGS, '--user-data-dir=' + self.profile):
            options.add_argument(flag)
        options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
        self.driver = webdriver.Chrome(options=options, service=Service('/usr/bin/chromedriver'))

    def close(self):
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)

    def open(self, url):
        self.driver.get_log('browser')
        self.size(1280)
        self.driver.get(url)

    def size(self, width, dark=False):
        self.driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {'width': width, 'height': 900, 'deviceScaleFactor': 1, 'mobile': width < 600})
        self.driver.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': [{'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}]})

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        [found] = self.all(selector)
        return found

    def text(self, selector):
        return self.run('return document.querySelector(arguments[0]).textContent', selector)

    def run(self, script, *args):
        return self.driver.execute_script(script, *args)

    def column(self, number):
        """The texts of a column of the table, all rows at once, whatever is drawn meanwhile."""
        return self.run('return [...document.querySelectorAll("#vport-table tbody tr")].map(r => r.children[arguments[0]].firstChild.textContent)', number)

    def wait(self, script, what):
        return procs.wait_for(lambda: self.run('return ' + script), 20, what, 0.1)

    def complaints(self):
        return self.driver.get_log('browser')


@pytest.fixture(scope='module')
def browser():
    b = Browser()
    yield b
    b.close()


class Switch(FakeVmqd):
    """Counters grow by a step with each look at stats.show; `stopped`: they don't."""

    def __init__(self, names, broken=()):
        self.n, self.names, self.broken = 0, ['default', *names], broken
        super().__init__({'version': {'version': '9.8.7', 'uptime_s': 90}, 'switch.show': {'switches': [self.switch()]}, 'vport.show': {'vports': [self.vport(i) for i in range(len(self.names))]},
                          'daemon.show': {'drops': [{'drop': 'rx_no_buffer', 'reason': 'a sentence & <more>'}]}, 'queue.show': {'queues': []}, 'stats.show': self.stats,
                          'cpu.plan.show': {'auto': False, 'workers': [{'cpu': c, 'node': 0, 'core': c, 'isolated': c == 1, 'nohz_full': False, 'busy_pct': 1.5} for c in (0, 1)],
                                            'places': [{'kind': 'wire', 'name': 'p0', 'adapter': 'ext0', 'cpu': 0, 'cpu_auto': False, 'load_pct': 3.0}] +
                                                      [{'kind': 'vport', 'name': n, 'adapter': 'ext0', 'cpu': i % 2, 'cpu_auto': True, 'load_pct': 0.0} for i, n in enumerate(self.names)],
                                            'findings': [{'check': 'overlap', 'verdict': 'warning', 'text': 'two busy VPorts share <CPU 0>'}]}})

    def switch(self):
        return {'adapter': 'ext0', 'mode': 'SR-IOV', 'holds': 'switch', 'name': HOSTILE[0], 'host_device': 'vmq0', 'host': {'link': True}, 'num_filters': 7,
                'port': {'driver': 'packet', 'device': 'p0', 'link': True}}

    def vport(self, i):
        name = self.names[i]
        status = 'broken: ring & <descriptor>' if name in self.broken else 'running' if i % 3 else 'no VM'
        return {'adapter': 'ext0', 'id': i, 'name': name, 'object': 'VPort', 'function': 'PF', 'state': 'activated', 'status': status, 'cpu': i % 2, 'cpu_auto': True, 'queue_pairs': 1,
                'moderation': 'adaptive', 'features': ['CSUM'], 'filters': 2, 'macs': [{'mac': f'52:54:00:00:00:{i & 255:02x}', 'vlan': 'untagged', 'id': i}], 'max_rx_frames_per_s': 1000}

    def stats(self, conn, request):
        self.n += 1
        n = self.n
        counters = {'rx_bytes': 1000 * n, 'tx_frames': 50 * n, 'tx_bytes': 5000 * n, 'rx_notifications': n, 'notify_delay': dict.fromkeys(DELAYS, n)}
        vports = [{'adapter': 'ext0', 'id': i, 'name': name, 'rx_frames': 1000 * i * n, **counters, 'drops': {'rx_no_buffer': (i == 1) * 40 * n, 'tx_storm': 0}} for i, name in enumerate(self.names)]
        worker = {'policy': 'adaptive', 'state': 'polling', 'frames': n, 'busy_ns': 250 * n, 'poll_ns': 250 * n, 'sleep_ns': 500 * n, 'rings': 4, 'rings_armed': 3, 'rings_held': 0}
        reply(conn, request, result={'vports': vports, 'wires': [{'adapter': 'ext0', 'rx_frames': 9 * n, 'tx_frames': n, 'drops': {}, 'port': {}}], 'workers': [{'cpu': c, **worker} for c in (0, 1)]})


@pytest.fixture
def page(browser):
    made = []

    def make(names, **kw):
        d = Switch(names, **kw)
        made.append(d)
        d.exporter = Exporter(d.path)
        browser.open(d.exporter.url + '/?every=1')
        browser.wait('document.querySelectorAll("#vport-table tbody tr").length > 0 && /[1-9]/.test(document.querySelector("#vport-table tbody td:nth-of-type(4)").textContent)', 'rates')
        return d
    yield make
    for d in made:
        d.close()


def test_what_it_shows(browser, page):
    """Figures, drops with their sentence, the plan; names as text, whatever they are; nothing that Chromium complains about."""
    d = page(HOSTILE[:3] + ['web1'], broken=['web1'])
    assert 'vmqd 9.8.7' in browser.text('#status')
    assert sorted(browser.column(0)) == sorted(d.names)
    topology = browser.text('#topology')
    assert 'wire p0' in topology and 'host vmq0' in topology and 'web1' in topology and 'broken' in topology and 'no VM' in topology
    label = browser.one('#topology > svg').get_attribute('aria-label')
    assert 'Adapter ext0: wire p0, link up' in label and '4 VPorts, 2 with a running VM' in label
    drops = browser.text('#drops')
    assert 'rx_no_buffer' in drops and 'a sentence & <more>' in drops and 'tx_storm' not in drops
    cpus = browser.text('#cpus')
    assert 'CPU 0' in cpus and 'busy 25 %' in cpus and 'polling 25 %' in cpus and 'asleep 50 %' in cpus and 'wire of ext0 3.0 %' in cpus and 'web1' in cpus
    assert 'two busy VPorts share <CPU 0>' in cpus and 'isolated' in cpus
    assert browser.driver.title == 'vmq' and not browser.all('#owned') and not browser.all('img') and len(browser.all('script')) == 1
    browser.run('arguments[0].click()', browser.all('button.name')[d.names.index('web1')])
    browser.wait('!document.querySelector("#detail").hidden', 'the detail')
    assert browser.complaints() == []


def test_keyboard_and_names(browser, page):
    """All is reached by keys and has a name for those who don't see it; the focus stays while figures change."""
    page(['web1', 'db1', 'app1'])
    assert browser.run('return [...document.querySelectorAll("svg")].every(s => s.getAttribute("aria-label") || s.getAttribute("aria-hidden") !== null || s.closest("svg[aria-label]"))')
    assert browser.run('return [...document.querySelectorAll("button")].every(b => b.textContent.trim()) && document.querySelector("#find").labels.length === 1 && document.documentElement.lang === "en"')
    assert browser.run('return [...document.querySelectorAll("section")].every(s => document.getElementById(s.getAttribute("aria-labelledby")) || s.hidden)')
    reached, body = [], browser.one('body')
    for _ in range(30):
        body.send_keys(Keys.TAB)
        reached.append(browser.run('return document.activeElement.id || document.activeElement.textContent'))
        body = browser.driver.switch_to.active_element
        if reached[-1] == 'app1':
            break
    assert reached[0] == 'To the VPorts' and {'pause', 'find', 'Received /s'} <= set(reached) and reached[-1] == 'app1'
    before = browser.column(4)
    browser.wait(f'[...document.querySelectorAll("#vport-table tbody tr")].map(r => r.children[4].textContent).join() !== {",".join(before)!r}', 'new figures')
    assert browser.run('return document.activeElement.textContent') == 'app1'
    body.send_keys(Keys.ENTER)
    browser.wait('document.activeElement.id === "detail"', 'the detail')
    detail = browser.text('#detail')
    assert 'app1' in detail and 'receives at most 1 kframes/s' in detail and 'CSUM' in detail and 'to 100 µs' in detail
    browser.driver.switch_to.active_element.send_keys(Keys.TAB, Keys.ENTER)
    browser.wait('document.querySelector("#detail").hidden && document.activeElement.textContent === "app1"', 'the detail closed')


def test_two_hundred(browser, page):
    """Found, sorted, shown on demand; no place where the page is wider than the screen, light and dark."""
    page([f'vm{i:03}' for i in range(199)])
    assert len(browser.column(0)) == 25 and '190 more VPorts' not in browser.text('#topology') and '189 more VPorts' in browser.text('#topology')
    by = {h.text: h for h in browser.all('#vport-table thead button')}
    by['VPort'].click()
    assert browser.column(0)[:3] == ['default', 'vm000', 'vm001'] and browser.one('[aria-sort]').get_attribute('aria-sort') == 'ascending'
    by['VPort'].click()
    assert browser.column(0)[:2] == ['vm198', 'vm197'] and browser.one('[aria-sort]').get_attribute('aria-sort') == 'descending'
    by['Received /s'].click()
    assert browser.column(0)[:2] == ['vm198', 'vm197']
    browser.one('#find').send_keys('vm04 running')
    assert sorted(browser.column(0)) == [f'vm{i:03}' for i in range(40, 50) if (i + 1) % 3]
    browser.one('#find').clear()
    browser.one('#find').send_keys('no such')
    assert browser.column(0) == []
    browser.run('const f = document.querySelector("#find"); f.value = ""; f.dispatchEvent(new Event("input"))')
    browser.one('#all').click()
    assert len(browser.column(0)) == 200
    backs = set()
    for width in (1280, 360):
        for dark in (False, True):
            browser.size(width, dark)
            browser.wait(f'document.querySelector("#topology svg").viewBox.baseVal.width <= {width}', 'the picture fit')
            assert browser.run('return document.documentElement.scrollWidth') <= width
            backs.add(browser.run('return getComputedStyle(document.body).backgroundColor'))
            assert browser.run('const s = document.querySelector("#vports .scroll"); return s.scrollWidth - s.clientWidth') <= 0, width
    assert len(backs) == 2
    assert browser.complaints() == []


def test_vmqd_and_exporter_gone(browser, page):
    d = page(['web1'])
    d.stop_listening()
    d.answers['version'] = lambda conn, request: conn.close()
    for conn in d.connections:
        conn.shutdown(2)
    browser.wait('document.querySelector("#status").textContent.startsWith("vmqd does not answer")', 'what is wrong')
    assert browser.run('return document.querySelector("main").classList.contains("stale")')
    d.exporter.proc.stop()
    browser.wait('document.querySelector("#status").textContent.startsWith("The exporter does not answer")', 'what is wrong')
