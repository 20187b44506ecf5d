// SPDX-License-Identifier: BSD-3-Clause
// One VPort, all that is known of it.
import { bars, chart, el, key } from './draw.js';
import { rate, si } from './format.js';
import { dropRows } from './drops.js';

const limits = [['max_tx_bytes_per_s', 'sends at most', 'bytes'], ['max_tx_frames_per_s', 'sends at most', 'frames'], ['max_rx_bytes_per_s', 'receives at most', 'bytes'],
  ['max_rx_frames_per_s', 'receives at most', 'frames'], ['max_group_frames_per_s', 'broadcast and multicast', 'frames']];

function facts(v) {
  const address = (v.macs ?? []).map(m => m.vlan === 'untagged' ? m.mac : `${m.mac} VLAN ${m.vlan}`).join(', ');
  const rows = [
    ['VM', v.status],
    ['Waits for', v.waits_for],
    ['Is', `${v.object} ${v.id} of ${v.adapter}, ${v.state}`],
    ['CPU', `${v.cpu}, ${v.cpu_auto ? 'vmqd may change it' : 'chosen'}; ${v.queue_pairs} queue pair${v.queue_pairs === 1 ? '' : 's'}`],
    ['Addresses', address ? `${address} (${v.filters} filters in all)` : v.host_device ? `host device ${v.host_device}` : 'no filter'],
    ['Moderation', v.moderation],
    ['Limits', limits.filter(([k]) => v[k] > 0).map(([k, text, unit]) => `${text} ${rate(v[k], unit)}`).join('; ') || 'none'],
    ['Checks', [v.source_check && 'source address', v.vlan_check && 'VLAN'].filter(Boolean).join(', ') || 'none'],
    ['Trunk', v.trunk ? 'the VM sees VLAN tags' : undefined],
    ['Bypass', v.bypass ? 'on: as without VMQ' : undefined],
    ['Negotiated', v.features?.length ? v.features.join(', ') : undefined],
  ];
  return el('dl', { class: 'facts' }, ...rows.filter(r => r[1]).flatMap(([k, t]) => [el('dt', null, k), el('dd', null, t)]));
}

function delays(v) {
  const names = { more: 'longer' };
  const rows = Object.entries(v.delays).map(([k, n]) => [names[k] ?? `to ${k} µs`, n, si(n)]);
  return rows.some(r => r[1]) ? [el('h3', null, 'Interrupts by how long they were held back'), bars(rows, ['held back', 'interrupts'])] : [];
}

export function drawDetail(place, v, reasons, onClose) {
  if (!v) {
    place.hidden = true;
    return;
  }
  const rows = dropRows([v], reasons);
  const width = Math.max(280, Math.min(740, place.parentElement.clientWidth - 40));
  const close = place.querySelector('button') ?? el('button', { type: 'button', onclick: onClose }, 'Close');
  const head = place.querySelector('.head') ?? el('div', { class: 'head' }, el('h2', { id: 'detail-head' }), close);
  head.firstChild.textContent = v.name;
  if (!head.isConnected)
    place.append(head, el('div'));
  place.hidden = false;
  place.lastChild.replaceChildren(el('div', { class: 'columns' },
    el('div', null, chart(v.history, Math.floor(width), `${v.name}, frames a second: received ${rate(v.rx)}, sent ${rate(v.tx)}`), key(), ...delays(v)),
    el('div', null, facts(v), el('h3', null, 'Drops'), rows.length ? bars(rows, ['reason', 'in all', 'now'], true) : el('p', { class: 'soft' }, 'None.'))));
}
