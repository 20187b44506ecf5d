// SPDX-License-Identifier: BSD-3-Clause
// Asks every two seconds (/?every=10: every ten), draws what came. Nothing is loaded from anywhere but the exporter.
import { drawCpus } from './cpus.js';
import { History } from './data.js';
import { drawDetail } from './detail.js';
import { drawDrops } from './drops.js';
import { duration } from './format.js';
import { EVERY_S } from './pace.js';
import { drawTopology } from './topology.js';
import { VportTable } from './vports.js';

const PATIENCE_MS = 15000;

const by = id => document.getElementById(id);
const history = new History();
let view = null, paused = false, before = '';

const table = new VportTable(key => {
  table.selected = key;
  draw();
  by('detail').scrollIntoView({ block: 'nearest' });
  by('detail').focus({ preventScroll: true });
});

function close() {
  const key = table.selected;
  table.selected = null;
  draw();
  (table.button(key) ?? by('vports')).focus();
}

function draw() {
  if (!view)
    return;
  drawTopology(by('topology'), view.adapters);
  table.update(view.vports);
  drawDetail(by('detail'), view.vports.find(v => v.key === table.selected), view.reasons, close);
  drawDrops(by('drops'), view);
  drawCpus(by('cpus'), view);
}

/** Said once, not every two seconds: a screen reader reads it. */
function say(text, bad) {
  if (text === before)
    return;
  before = text;
  by('status').textContent = text;
  by('status').classList.toggle('bad', bad);
  document.querySelector('main').classList.toggle('stale', bad);
}

async function look() {
  try {
    const answer = await fetch('state.json', { signal: AbortSignal.timeout(PATIENCE_MS) });
    const state = await answer.json();
    if (!state.exporter.up) {
      say(`vmqd does not answer: ${state.exporter.error}`, true);
      history.add(state);
      return;
    }
    const next = history.add(state);
    say(`vmqd ${state.daemon.version}, up for ${duration(state.daemon.uptime_s)}`, false);
    if (next) {
      view = next;
      draw();
    }
  } catch (e) {
    say(`The exporter does not answer: ${e.message}`, true);
  }
}

async function run() {
  if (!paused && document.visibilityState === 'visible')
    await look();
  setTimeout(run, EVERY_S * 1000);
}

by('pause').addEventListener('click', () => {
  paused = !paused;
  by('pause').setAttribute('aria-pressed', String(paused));
  by('pause').textContent = paused ? 'Go on' : 'Pause';
});
new ResizeObserver(draw).observe(document.querySelector('main'));
run();
