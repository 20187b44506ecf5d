// SPDX-License-Identifier: BSD-3-Clause
// Numbers as people read them. Pure.

const steps = [[1e12, ' T'], [1e9, ' G'], [1e6, ' M'], [1e3, ' k']];

/** 1234567 -> "1.23 M"; null (not known): "–". */
export function si(n) {
  if (n === null || n === undefined || Number.isNaN(n))
    return '–';
  for (const [size, unit] of steps)
    if (Math.abs(n) >= size * 0.9995)
      return Number((n / size).toPrecision(3)) + unit;
  return n >= 10 || Number.isInteger(n) ? String(Math.round(n)) : n.toFixed(1);
}

/** A rate with its unit: "1.2 k/s", "9.6 Mbit/s". */
export function rate(n, unit = '') {
  const text = si(n);
  return text === '–' ? text : unit ? (/[a-zA-Z]$/.test(text) ? text : text + ' ') + unit + '/s' : text + '/s';
}

/** A share of one: "12 %", "0.3 %". */
export function share(x) {
  if (x === null || x === undefined || Number.isNaN(x))
    return '–';
  const p = x * 100;
  return (p > 0 && p < 10 ? p.toFixed(1) : Math.round(p)) + ' %';
}

export function duration(s) {
  const d = Math.floor(s / 86400), h = Math.floor(s / 3600) % 24, m = Math.floor(s / 60) % 60;
  return d ? `${d} d ${h} h` : h ? `${h} h ${m} min` : m ? `${m} min` : `${s} s`;
}

/** `text` with at most n characters. */
export function short(text, n) {
  return text.length > n ? text.slice(0, n - 1) + '…' : text;
}
