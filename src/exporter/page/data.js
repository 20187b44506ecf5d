// SPDX-License-Identifier: BSD-3-Clause
// What the exporter says (/state.json), and what became of it since the look before: rates and their history.

import { KEPT } from './pace.js';

/** Whose figures these are, whatever the name. */
export const keyOf = x => `${x.adapter}/${x.id ?? ''}/${x.name ?? ''}`;

const sum = counters => Object.values(counters ?? {}).reduce((a, b) => a + b, 0);

/** The growth of a counter a second; null where nobody can say: there was no look before, or the counter began anew. */
function growth(now, before, seconds) {
  return before === undefined || seconds <= 0 || now < before ? null : (now - before) / seconds;
}

function rates(now, before, seconds) {
  const of = key => growth(now[key] ?? 0, before?.[key] ?? (before ? 0 : undefined), seconds);
  const byReason = {};
  for (const [reason, n] of Object.entries(now.drops ?? {}))
    byReason[reason] = { n, rate: growth(n, before ? before.drops?.[reason] ?? 0 : undefined, seconds) };
  return {
    rx: of('rx_frames'), tx: of('tx_frames'), rxBits: times8(of('rx_bytes')), txBits: times8(of('tx_bytes')),
    dropped: sum(now.drops), drops: growth(sum(now.drops), before ? sum(before.drops) : undefined, seconds), byReason,
  };
}

const times8 = n => n === null ? null : n * 8;

function workerShares(now, before) {
  const parts = ['busy_ns', 'poll_ns', 'sleep_ns'].map(k => now[k] - (before?.[k] ?? 0));
  const all = parts.reduce((a, b) => a + b, 0);
  return all > 0 && parts.every(p => p >= 0) ? parts.map(p => p / all) : [null, null, null];
}

const findBy = (list, key, value) => list?.find(x => x[key] === value);

export class History {
  #before = null;
  #kept = new Map(); // key -> {rx: [], tx: [], drops: []}, as long as `times`
  times = [];

  /** Takes a state; returns what is to be shown, or null: it is the look that is known already. */
  add(state) {
    const before = this.#before?.exporter.up ? this.#before : null;
    if (this.#before?.exporter.time_ms === state.exporter.time_ms)
      return null;
    const seconds = before ? (state.exporter.time_ms - before.exporter.time_ms) / 1000 : 0;
    const old = new Map((before?.traffic ?? []).map(t => [keyOf(t), t]));
    const traffic = new Map(state.traffic.map(t => [keyOf(t), t]));
    this.#before = state;
    if (!state.exporter.up)
      return { state, vports: [], adapters: [], workers: [] };
    this.times = [...this.times, state.exporter.time_ms].slice(-KEPT);
    const reasons = new Map(state.reasons.map(r => [r.drop, r.reason]));
    const vports = state.vports.map(v => {
      const key = keyOf(v), t = traffic.get(key) ?? {};
      const r = rates(t, old.get(key), seconds);
      return { ...v, ...r, key, delays: t.notify_delay ?? {}, history: this.#keep(key, r) };
    });
    this.#forget(new Set([...vports.map(v => v.key), ...state.wires.map(w => 'wire ' + w.adapter)]));
    const adapters = state.switches.map(s => {
      const w = findBy(state.wires, 'adapter', s.adapter) ?? {};
      const r = rates(w, findBy(before?.wires, 'adapter', s.adapter), seconds);
      return { ...s, ...r, errors: w.port ?? {}, history: this.#keep('wire ' + s.adapter, r), vports: vports.filter(v => v.adapter === s.adapter) };
    });
    const workers = state.workers.map(w => {
      const [busy, poll, sleep] = workerShares(w, findBy(before?.workers, 'cpu', w.cpu));
      return { ...(findBy(state.cpus, 'cpu', w.cpu) ?? {}), ...w, busy, poll, sleep, places: state.places.filter(p => p.cpu === w.cpu) };
    });
    return { state, vports, adapters, workers, reasons };
  }

  #keep(key, r) {
    const h = this.#kept.get(key) ?? { rx: [], tx: [], drops: [] };
    for (const k of ['rx', 'tx', 'drops']) {
      const missing = this.times.length - h[k].length - 1;
      h[k] = [...Array(Math.max(0, missing)).fill(null), ...h[k], r[k]].slice(-KEPT);
    }
    this.#kept.set(key, h);
    return h;
  }

  #forget(still) {
    for (const key of this.#kept.keys())
      if (!still.has(key))
        this.#kept.delete(key);
  }
}
