// SPDX-License-Identifier: BSD-3-Clause
// Elements and charts. Text goes into the page as text only: nothing here reads markup.
import { rate } from './format.js';
import { KEPT, KEPT_SMALL, span } from './pace.js';

const SVG = 'http://www.w3.org/2000/svg';

function fill(node, attributes, children) {
  for (const [k, v] of Object.entries(attributes ?? {}))
    if (k.startsWith('on'))
      node.addEventListener(k.slice(2), v);
    else if (v !== null && v !== undefined && v !== false)
      node.setAttribute(k, v === true ? '' : v);
  node.append(...children.filter(c => c !== null && c !== undefined));
  return node;
}

export const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

/** A picture with a text for those who don't see it. */
export function picture(width, height, label, ...children) {
  return svg('svg', { viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': label, preserveAspectRatio: 'none' }, ...children);
}

/** A line through values (null: a gap) over the newest `slots` places. */
function path(values, slots, width, height, top) {
  const begin = Math.max(0, values.length - slots);
  let d = '', pen = false;
  for (let i = begin; i < values.length; i++) {
    if (values[i] === null) {
      pen = false;
      continue;
    }
    const x = width - (values.length - 1 - i) * width / (slots - 1);
    const y = height - 1 - values[i] / top * (height - 3);
    d += `${pen ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = true;
  }
  return d;
}

const greatest = (...lists) => Math.max(1, ...lists.flat().filter(v => v !== null));

/** 1, 2 or 5 times a power of ten, not below n. */
function roundUp(n) {
  const p = 10 ** Math.floor(Math.log10(n));
  return [1, 2, 5, 10].map(f => f * p).find(v => v >= n * 0.999);
}

/** The last of a VPort, small. */
export function spark(history, label) {
  const w = 120, h = 26, slots = KEPT_SMALL, rx = history.rx.slice(-slots), tx = history.tx.slice(-slots), top = greatest(rx, tx);
  return picture(w, h, label, svg('line', { class: 'axis', x1: 0, x2: w, y1: h - 0.5, y2: h - 0.5 }), svg('path', { class: 'rx', d: path(rx, slots, w, h, top) }), svg('path', { class: 'tx', d: path(tx, slots, w, h, top) }));
}

/** All that is kept of a VPort, with axes. */
export function chart(history, width, label) {
  const height = 170, left = 62, bottom = 20, w = width - left - 4, h = height - bottom - 8, slots = KEPT;
  const top = roundUp(greatest(history.rx, history.tx));
  const rx = path(history.rx, slots, w, h, top);
  const area = rx && !rx.slice(1).includes('M') ? `${rx}L${w} ${h}L${rx.slice(1, rx.indexOf(' '))} ${h}Z` : '';
  const lines = [0, 0.5, 1].map(f => {
    const y = 8 + h - 1 - f * (h - 3);
    return svg('g', null, svg('line', { class: 'axis', x1: left, x2: width - 4, y1: y, y2: y }),
      svg('text', { class: 'soft', x: left - 6, y: y + 4, 'text-anchor': 'end' }, rate(f * top)));
  });
  return picture(width, height, label, ...lines,
    svg('g', { transform: `translate(${left} 8)` }, svg('path', { class: 'area', d: area }), svg('path', { class: 'rx', d: rx }),
      svg('path', { class: 'tx', d: path(history.tx, slots, w, h, top) })),
    svg('text', { class: 'soft', x: left, y: height - 4 }, `${span(KEPT)} ago`),
    svg('text', { class: 'soft', x: width - 4, y: height - 4, 'text-anchor': 'end' }, 'now'));
}

/** What the lines mean. */
export function key() {
  const line = cls => svg('svg', { width: 28, height: 8, 'aria-hidden': true }, svg('line', { class: cls, x1: 0, x2: 28, y1: 4, y2: 4 }));
  return el('p', { class: 'key' }, el('span', null, line('rx'), 'received'), el('span', null, line('tx'), 'sent'));
}

/** Bars of [label, number, text]; `hot`: they are bad news. */
export function bars(rows, head, hot) {
  const most = Math.max(1, ...rows.map(r => r[1]));
  return el('table', null, el('thead', null, el('tr', null, ...head.map((h, i) => el('th', { scope: 'col', class: i ? 'plain n' : 'plain' }, h)), el('td', { class: 'wide' }))),
    el('tbody', null, ...rows.map(([label, n, ...texts]) => el('tr', null, el('th', { scope: 'row', class: 'wrap' }, label),
      ...texts.map(t => el('td', { class: 'n' }, t)),
      el('td', { class: 'wide' }, svg('svg', { viewBox: '0 0 120 12', 'aria-hidden': true }, svg('rect', { class: hot ? 'fill hot' : 'fill', x: 0, y: 1, height: 10, width: Math.max(n ? 2 : 0, 120 * n / most) })))))));
}
