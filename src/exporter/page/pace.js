// SPDX-License-Identifier: BSD-3-Clause
// How often the page asks, and how many answers it keeps: /?every=10 is every ten seconds.

export const EVERY_S = Math.min(60, Math.max(1, Number(new URLSearchParams(location.search).get('every')) || 2));
export const KEPT = 150; // of which a small chart shows:
export const KEPT_SMALL = 60;

/** The time that so many answers take, in words. */
export function span(answers) {
  const s = answers * EVERY_S;
  return s < 120 ? `${s} s` : `${Math.round(s / 60)} min`;
}
