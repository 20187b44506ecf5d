// SPDX-License-Identifier: BSD-3-Clause
// The table of VPorts: found by words, sorted by a column, one row a VPort that stays the same element, so that the
// keyboard's focus stays where it is.
import { el, spark } from './draw.js';
import { rate, si } from './format.js';
import { KEPT_SMALL, span } from './pace.js';

const FIRST = 25; // rows before "Show all"

const word = v => (v.status ?? '').split(':')[0];
const status = v => [el('span', { class: 'dot', 'aria-hidden': true }), v.status ?? ''];
const macText = v => (v.macs ?? []).map(m => m.mac + (m.vlan === 'untagged' ? '' : ` ${m.vlan}`));
const number = key => (a, b) => (b[key] ?? -1) - (a[key] ?? -1);
const busy = v => (v.rx ?? 0) + (v.tx ?? 0);

// title, class, how it sorts (null: not at all), what stands there
const columns = [
  ['VPort', 'vport', (a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }), null],
  ['VM', 'wide vm', (a, b) => (a.status ?? '').localeCompare(b.status ?? ''), status],
  ['CPU', 'n wide', (a, b) => a.cpu - b.cpu, v => [String(v.cpu)]],
  ['Address, VLAN', 'wide', null, v => [(macText(v)[0] ?? (v.host_device ? `host ${v.host_device}` : '–')) + (v.filters > 2 ? ` +${v.filters - 1}` : '')]],
  ['Received /s', 'n', number('rx'), v => [si(v.rx)]],
  ['Sent /s', 'n', number('tx'), v => [si(v.tx)]],
  ['Received bit/s', 'n wide', number('rxBits'), v => [si(v.rxBits)]],
  ['Sent bit/s', 'n wide', number('txBits'), v => [si(v.txBits)]],
  ['Dropped /s', 'n', number('drops'), v => [si(v.drops)]],
  ['Last ' + span(KEPT_SMALL), '', null, v => [spark(v.history, `${v.name}: received ${rate(v.rx, 'frames')}, sent ${rate(v.tx, 'frames')}`)]],
];

export class VportTable {
  #rows = new Map(); // key -> {tr, cells}
  #order = (a, b) => busy(b) - busy(a) || a.id - b.id;
  #sorted = null; // the column's number
  #reversed = false;
  #all = false;
  #vports = [];
  #onSelect;
  selected = null; // a key

  constructor(onSelect) {
    this.#onSelect = onSelect;
    this.head = document.querySelector('#vport-table thead tr');
    this.body = document.querySelector('#vport-table tbody');
    this.find = document.querySelector('#find');
    this.shown = document.querySelector('#shown');
    this.more = document.querySelector('#all');
    columns.forEach(([title, cls, order], i) => this.head.append(
      el('th', { scope: 'col', class: order ? cls : cls + ' plain' }, order ? el('button', { type: 'button', onclick: () => this.#sortBy(i) }, title) : title)));
    this.find.addEventListener('input', () => this.#draw());
    this.more.addEventListener('click', () => {
      this.#all = true;
      this.#draw();
    });
  }

  update(vports) {
    this.#vports = vports;
    this.#draw();
  }

  /** What opened a VPort; undefined: its row is gone. */
  button(key) {
    return this.#rows.get(key)?.button;
  }

  #sortBy(i) {
    this.#reversed = this.#sorted === i && !this.#reversed;
    this.#sorted = i;
    this.#order = columns[i][2];
    const first = i === 0 || i === 1 || i === 2 ? 'ascending' : 'descending'; // words and CPUs rise, rates fall
    const other = first === 'ascending' ? 'descending' : 'ascending';
    [...this.head.children].forEach((th, k) => k === i ? th.setAttribute('aria-sort', this.#reversed ? other : first) : th.removeAttribute('aria-sort'));
    this.#draw();
  }

  #matches(v, words) {
    const text = [v.name, v.status, v.adapter, v.object, ...macText(v)].join(' ').toLowerCase();
    return words.every(w => text.includes(w));
  }

  #draw() {
    const words = this.find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = this.#vports.filter(v => this.#matches(v, words)).sort((a, b) => (this.#reversed ? -1 : 1) * this.#order(a, b) || a.id - b.id);
    const visible = this.#all ? found : found.slice(0, FIRST);
    this.#removeAllBut(new Set(visible.map(v => v.key)));
    const stay = this.body.contains(document.activeElement); // a row that moves would lose the focus
    visible.forEach((v, i) => {
      const row = this.#row(v);
      if (!row.tr.isConnected)
        this.body.append(row.tr);
      if (!stay && this.body.children[i] !== row.tr)
        this.body.insertBefore(row.tr, this.body.children[i]);
    });
    this.shown.textContent = visible.length < found.length ? `${visible.length} of ${found.length} are shown.` :
      found.length < this.#vports.length ? `${found.length} of ${this.#vports.length} fit.` : `${found.length} VPorts.`;
    this.more.hidden = visible.length === found.length;
  }

  #removeAllBut(keys) {
    for (const [key, row] of this.#rows)
      if (!keys.has(key)) {
        row.tr.remove();
        this.#rows.delete(key);
      }
  }

  #row(v) {
    let row = this.#rows.get(v.key);
    if (!row) {
      const button = el('button', { type: 'button', class: 'name', onclick: () => this.#onSelect(v.key) }, v.name || `VPort ${v.id}`);
      const cells = columns.slice(1).map(([, cls]) => el('td', { class: cls }));
      const small = el('span', { class: 'small' }); // the status, where there is no room for its column
      row = { cells, button, small, tr: el('tr', null, el('th', { scope: 'row', class: 'vport' }, button, small), ...cells) };
      this.#rows.set(v.key, row);
    }
    columns.slice(1).forEach(([, , , content], i) => row.cells[i].replaceChildren(...content(v)));
    row.small.replaceChildren(...status(v));
    for (const state of ['running', 'connected', 'broken'])
      row.tr.classList.toggle(state, word(v) === state);
    row.cells[7].classList.toggle('hot', v.drops > 0);
    row.tr.classList.toggle('selected', v.key === this.selected);
    return row;
  }
}
