// SPDX-License-Identifier: BSD-3-Clause
// What was dropped, by reason, of all VPorts and wires together.
import { bars, el } from './draw.js';
import { rate, si } from './format.js';

/** Rows for bars(): the reason with its sentence, how many, and the rate; the most first. */
export function dropRows(holders, reasons) {
  const all = new Map();
  for (const h of holders)
    for (const [reason, { n, rate: r }] of Object.entries(h.byReason)) {
      const row = all.get(reason) ?? { n: 0, rate: 0 };
      all.set(reason, { n: row.n + n, rate: row.rate + (r ?? 0) });
    }
  return [...all].sort((a, b) => b[1].rate - a[1].rate || b[1].n - a[1].n)
    .map(([reason, { n, rate: r }]) => [el('span', { title: reasons?.get(reason) }, el('code', null, reason), ' ', el('span', { class: 'soft' }, reasons?.get(reason) ?? '')), n, si(n), rate(r)]);
}

export function drawDrops(place, view) {
  const rows = dropRows([...view.vports, ...view.adapters], view.reasons);
  place.replaceChildren(rows.length ? bars(rows, ['reason', 'in all', 'now'], true) : el('p', { class: 'soft' }, 'No frame was dropped.'));
}
