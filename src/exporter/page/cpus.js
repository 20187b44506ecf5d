// SPDX-License-Identifier: BSD-3-Clause
// The CPU plan: who is on which CPU, and what the CPU's worker does with its time.
import { el, picture, svg } from './draw.js';
import { share } from './format.js';

const PLACES = 24; // named before "and N more"

function bar(w) {
  const parts = [['share-busy', w.busy], ['share-poll', w.poll], ['share-sleep', w.sleep]];
  let x = 0;
  const rects = parts.map(([cls, part]) => {
    const rect = svg('rect', { class: cls, x, y: 0, width: 100 * (part ?? 0), height: 10 });
    x += 100 * (part ?? 0);
    return rect;
  });
  const p = picture(100, 10, `busy ${share(w.busy)}, polling ${share(w.poll)}, asleep ${share(w.sleep)}`, ...rects);
  p.setAttribute('class', 'bar');
  p.removeAttribute('height');
  p.removeAttribute('width');
  return p;
}

/** What a colour of the bar means. */
function part(cls, text) {
  const patch = svg('svg', { width: 12, height: 12, 'aria-hidden': true }, svg('rect', { class: cls, x: 1, y: 1, width: 10, height: 10, rx: 2 }));
  return el('span', null, patch, text);
}

function place(p) {
  const name = p.kind === 'wire' ? `wire of ${p.adapter}` : p.name;
  return el('li', { title: p.cpu_auto ? 'vmqd may move it' : null }, p.load_pct > 0 ? `${name} ${share(p.load_pct / 100)}` : name);
}

function worker(w) {
  const places = [...w.places].sort((a, b) => b.load_pct - a.load_pct || (a.kind === 'wire' ? -1 : 0));
  const about = [`node ${w.node ?? '–'}`, `core ${w.core ?? '–'}`, w.isolated && 'isolated', w.nohz_full && 'nohz_full', w.policy].filter(Boolean).join(', ');
  return el('div', { class: 'cpu' }, el('h3', null, `CPU ${w.cpu} `, el('span', { class: 'soft' }, about)), bar(w),
    el('p', { class: 'key' }, part('share-busy', `busy ${share(w.busy)}`), part('share-poll', `polling ${share(w.poll)}`), part('share-sleep', `asleep ${share(w.sleep)}`),
      el('span', null, `${w.rings - w.rings_armed} of ${w.rings} rings awake`)),
    el('ul', { class: 'places' }, ...places.slice(0, PLACES).map(place), places.length > PLACES ? el('li', null, `and ${places.length - PLACES} more`) : null));
}

export function drawCpus(where, view) {
  const findings = view.state.findings ?? [];
  where.replaceChildren(el('p', { class: 'soft' }, view.state.plan.auto ? 'Automatic placement is on.' : 'Automatic placement is off.'), ...view.workers.map(worker),
    ...(findings.length ? [el('h3', null, 'What the plan lacks'), el('ul', { class: 'plain' }, ...findings.map(f => el('li', { class: f.verdict === 'refused' ? 'hot' : null }, f.text)))] : []));
}
