// SPDX-License-Identifier: BSD-3-Clause
// The picture of an adapter: wire, host, switch, and the busiest VPorts with their VMs. It is redrawn as wide as its place:
// side by side, or on a phone one below the other. The table of VPorts says the same in words.
import { el, picture, svg } from './draw.js';
import { rate, short } from './format.js';

const ROWS = 10;
const NARROW = 700;

const mean = list => {
  const known = list.slice(-30).filter(v => v !== null);
  return known.length ? known.reduce((a, b) => a + b, 0) / known.length : 0;
};
const word = v => v.status?.split(':')[0] ?? 'running';
const stateClass = v => ({ 'no VM': 'off' })[word(v)] ?? word(v);

/** Those that are drawn: the busiest, those that are broken before all; in the order of their numbers, so that they keep their places. */
function chosen(vports) {
  const weight = v => (word(v) === 'broken' ? 1e12 : 0) + mean(v.history.rx) + mean(v.history.tx) + (word(v) === 'running' ? 1e-3 : 0);
  const best = vports.length <= ROWS + 1 ? vports : [...vports].sort((a, b) => weight(b) - weight(a) || a.id - b.id).slice(0, ROWS);
  return [...best].sort((a, b) => a.id - b.id);
}

const thickness = n => n > 0 ? Math.min(9, 1.5 + Math.log10(1 + n)) : 1.5;
const flow = v => `↓ ${rate(v.rx)}  ↑ ${rate(v.tx)}`;

function box(x, y, w, h, cls, lines) {
  const step = 16, first = y + h / 2 - (lines.length - 1) * step / 2 + 4.5;
  return svg('g', null, svg('rect', { class: 'node ' + cls, x, y, width: w, height: h, rx: 7 }),
    svg('svg', { x, y: 0, width: w - 4, height: y + h }, // what is too long for the box ends with it
      ...lines.map((t, i) => svg('text', { class: i ? 'soft' : 'strong', x: 9, y: first + i * step }, short(t, Math.floor((w - 12) / (i ? 6.6 : 7.6)))))));
}

const link = (d, n) => svg('path', { class: n > 0 ? 'link busy' : 'link', d, 'stroke-width': thickness(n) });
const where = v => `CPU ${v.cpu}` + (v.macs?.length ? ` · ${v.macs[0].vlan === 'untagged' ? v.macs[0].mac : `VLAN ${v.macs[0].vlan}`}` : '');

function vmLines(v) {
  return word(v) === 'no VM' ? ['no VM'] : word(v) === 'running' ? ['VM', 'running'] : ['VM', v.status];
}

function wireLines(a) {
  return [`wire ${a.port.device}`, a.port.link ? `${a.port.driver}, link up` : 'link down'];
}

function restText(rest) {
  const running = rest.filter(v => word(v) === 'running').length;
  return `${rest.length} more VPorts, ${running} of them with a running VM`;
}

/** Places from left to right. */
function wide(a, host, rows, rest, width) {
  const h = 46, step = 56, top = 8, sx = 292, sw = 150, vx = width - 440, vw = 260, mx = width - 118, mw = 114;
  const height = top + Math.max(3, rows.length + (rest.length ? 1 : 0)) * step + 4, wireY = top, hostY = top + 2 * step, parts = [];
  const both = v => (v.rx ?? 0) + (v.tx ?? 0);
  const left = (y, lines, cls, n, text) => parts.push(link(`M176 ${y + h / 2}H${sx}`, n), box(8, y, 168, h, cls, lines),
    svg('text', { class: 'soft', x: 180, y: y + h / 2 - 8 }, text[0]), svg('text', { class: 'soft', x: 180, y: y + h / 2 + 18 }, text[1]));
  left(wireY, wireLines(a), a.port.link ? 'up' : 'down', both(a), [`→ ${rate(a.rx)}`, `← ${rate(a.tx)}`]);
  left(hostY, [`host ${a.host_device}`, 'the default VPort'], a.host?.link ? 'up' : 'off', host ? both(host) : 0, [`→ ${rate(host?.tx)}`, `← ${rate(host?.rx)}`]);
  rows.forEach((v, i) => {
    const y = top + i * step, c = y + h / 2;
    parts.push(link(`M${sx + sw} ${c}H${vx}`, both(v)), link(`M${vx + vw} ${c}H${mx}`, both(v)), box(vx, y, vw, h, '', [v.name, where(v)]),
      box(mx, y, mw, h, stateClass(v), vmLines(v)), svg('text', { class: 'soft', x: sx + sw + 8, y: c - 8 }, `→ ${rate(v.rx)}`),
      svg('text', { class: 'soft', x: sx + sw + 8, y: c + 18 }, `← ${rate(v.tx)}`));
    if (v.drops > 0)
      parts.push(svg('text', { class: 'hot', x: vx - 10, y: c - 8, 'text-anchor': 'end' }, `dropped ${rate(v.drops)}`));
  });
  if (rest.length)
    parts.push(svg('text', { class: 'soft', x: vx, y: top + rows.length * step + h / 2 + 4 }, restText(rest)));
  parts.push(box(sx, top, sw, height - top - 12, 'switch', [a.name ?? a.adapter, `adapter ${a.adapter}`, `mode ${a.mode}`, `${a.num_filters ?? 0} filters`]));
  return [height, parts];
}

/** Places from top to bottom. */
function narrow(a, host, rows, rest, width) {
  const half = (width - 10) / 2, h = 46, step = 66, parts = [], sy = 76, top = 144, mw = 86, vw = width - 26 - mw - 18;
  const height = top + rows.length * step + (rest.length ? 24 : 0);
  const both = v => (v.rx ?? 0) + (v.tx ?? 0);
  parts.push(link(`M${half / 2} ${h}V${sy}`, both(a)), link(`M${half * 1.5 + 10} ${h}V${sy}`, host ? both(host) : 0));
  parts.push(box(0.75, 1, half, h, a.port.link ? 'up' : 'down', [`wire ${a.port.device}`, `→ ${rate(a.rx)} ← ${rate(a.tx)}`]),
    box(half + 9, 1, half, h, a.host?.link ? 'up' : 'off', [`host ${a.host_device}`, host ? `→ ${rate(host.tx)} ← ${rate(host.rx)}` : '']));
  rows.forEach((v, i) => {
    const y = top + i * step, c = y + 28;
    parts.push(svg('path', { class: 'link', d: `M12 ${sy + h}V${c}`, 'stroke-width': 1.5 }), link(`M12 ${c}H26`, both(v)), link(`M${26 + vw} ${c}H${width - mw}`, both(v)),
      box(26, y, vw, 58, '', [v.name, where(v), v.drops > 0 ? `${flow(v)} dropped ${rate(v.drops)}` : flow(v)]),
      box(width - mw - 1, y + 6, mw, h, stateClass(v), vmLines(v)));
  });
  if (rest.length)
    parts.push(svg('text', { class: 'soft', x: 26, y: height - 8 }, restText(rest)));
  parts.push(box(0.75, sy, width - 1.5, h, 'switch', [a.name ?? a.adapter, `adapter ${a.adapter} · mode ${a.mode} · ${a.num_filters ?? 0} filters`]));
  return [height, parts];
}

function label(a, own) {
  const running = own.filter(v => word(v) === 'running').length;
  return `Adapter ${a.adapter}: wire ${a.port.device}, link ${a.port.link ? 'up' : 'down'}, ${rate(a.rx, 'frames')} in, ${rate(a.tx, 'frames')} out; ` +
    `${own.length} VPorts, ${running} with a running VM. The table of VPorts has each.`;
}

export function drawTopology(place, adapters) {
  const width = Math.max(280, Math.floor(place.clientWidth));
  place.replaceChildren(...adapters.map(a => {
    const host = a.vports.find(v => v.id === 0), own = a.vports.filter(v => v.id !== 0);
    const rows = chosen(own), rest = own.filter(v => !rows.includes(v));
    const [height, parts] = (width < NARROW ? narrow : wide)(a, host, rows, rest, width);
    return picture(width, height, label(a, own), ...parts);
  }));
  if (!adapters.length)
    place.append(el('p', { class: 'soft' }, 'Nothing to draw.'));
}
