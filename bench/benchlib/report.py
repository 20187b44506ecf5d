# SPDX-License-Identifier: BSD-3-Clause
"""What was found, as a page (bench.md), a chart (bench.svg) and single measurements (measurements.csv)."""
import csv
import os
import statistics
from xml.sax.saxutils import escape

from .cases import BY_NAME, CASES

COLUMNS = ['for', 'case', 'variant', 'round', 'cycle', 'value', 'unit', 'clean', 'taken_pct', 'steal_pct', 'size', 'rx_mpps', 'tx_mpps',
           'lost_pct', 'misdelivered', 'gen_busy_pct', 'tx_ring_full_pct', 'cycles', 'mhz', 'line_cycles', 'note']


def clean(rows):
    return [r for r in rows if r['clean']]


def used(rows):
    """The clean measurements; all of them when there is no clean one."""
    return clean(rows) or rows


def of(rows, case, variant, wanted_for=None):
    """The measurements of a variant; those of its own case's cycles, or of another's that refers to it."""
    return [r for r in rows if r['case'] == case and r['variant'] == variant and r['for'] == (wanted_for or case)]


def cycle(row):
    return row['round'], row['cycle']


def quartiles(values):
    """The 25th and the 75th percentile."""
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method='inclusive')
    return low, high


def spread(values):
    low, high = quartiles(values)
    return f'{number(low)} … {number(high)}'


def median(rows, key='value'):
    v = [r[key] for r in rows if key in r]
    return statistics.median(v) if v else None


def number(x):
    """Three digits that count, or so."""
    if x is None:
        return ''
    if abs(x) < 0.1:
        return f'{x:.3f}'
    return f'{x:.0f}' if abs(x) >= 100 else f'{x:.1f}' if abs(x) >= 10 else f'{x:.2f}'


def verdict(rows):
    """Who kept the frames from going faster."""
    if any(r.get('basis') == 'cycles' for r in rows):
        return 'by cycles a frame: too few cores'
    busy, full, lost = (median(rows, k) for k in ('gen_busy_pct', 'tx_ring_full_pct', 'lost_pct'))
    if busy is None:
        return ''
    if rows[0]['unit'] != 'Mpps':
        return ''
    if busy >= 95:
        return 'generator: a lower bound'
    if lost >= 1:
        return 'receiving rings full'
    if full >= 80:
        return 'switch'
    return 'switch and generator in turn'


# ---- ratios ----

def _worth(row, by_cycles):
    """What a ratio is made of: the value, or what the worker's cycles a frame allow."""
    return row.get('capacity') if by_cycles and row.get('basis') != 'cycles' else row['value']


def ratios(rows, what, to):
    """In the same cycles: each of `what` over that of `to`."""
    a, b = used(of(rows, *what)), used(of(rows, *to, what[0]))
    below = {cycle(r): r for r in b}
    got = []
    for r in a:
        other = below.get(cycle(r))
        if other:
            den = _worth(other, r.get('basis') == 'cycles')
            if den:
                got.append(r['value'] / den)
    return got


def by_cycles(rows, what, to):
    """The median ratio that the cycles a frame allow, where both sides count them: noise and a busy generator hardly move
    it."""
    below = {cycle(r): r['cycles'] for r in of(rows, *to, what[0]) if r.get('cycles')}
    got = [below[cycle(r)] / r['cycles'] for r in of(rows, *what) if r.get('cycles') and cycle(r) in below]
    return statistics.median(got) if got else None


def judged(rows):
    """For each aim: case, what, to, op, bound, found (a list of ratios or values)."""
    out = []
    for c in CASES:
        for a in c.aims:
            mine = of(rows, c.name, a.what)
            if not mine:
                continue
            found = ratios(rows, (c.name, a.what), a.to) if a.to else [r['value'] for r in used(mine)]
            if found:
                out.append((c, a, found))
    return out


def _met(rows, case, aim, found):
    if aim.bound is None:
        return ''
    m = statistics.median(found)
    word = 'met' if (m >= aim.bound if aim.op == '>=' else m <= aim.bound) else 'missed'
    sides = [(case.name, aim.what)] + ([(*aim.to, case.name)] if aim.to else [])
    return word if all(clean(of(rows, *s)) for s in sides) else word + ', but disturbed'


def _bound(aim):
    return '' if aim.bound is None else f'{"≥" if aim.op == ">=" else "≤"} {aim.bound:g}'


def _to(case, aim):
    """What is compared with, in words; the unit where nothing is."""
    if not aim.to:
        return case.unit
    return aim.to[1] if aim.to[0] == case.name else f'{aim.to[1]}: {BY_NAME[aim.to[0]].title}'


# ---- near and far ----

TWO_SPEEDS = 2.0 # times as long for a line: these are two speeds and not one that scatters


def speeds(rows):
    """What parts cycles in which the cores were near from those in which they were far (line_cycles), and the medians of
    both; None: there was one speed."""
    found = sorted({cycle(r) + (r['for'],): r['line_cycles'] for r in rows if r.get('line_cycles')}.values())
    if len(found) < 8:
        return None
    low, high = found[len(found) // 10], found[-1 - len(found) // 10]
    if high < TWO_SPEEDS * low:
        return None
    split = (low * high) ** 0.5
    return split, *(statistics.median(v for v in found if (v >= split) == far) for far in (False, True))


def speeds_table(rows):
    """The ratios of frame rates, apart for the cores near each other and far from each other."""
    got = speeds(rows)
    if not got:
        return []
    split, near, far = got
    lines = ['## Near and far', '', 'How long the switch\'s core takes to get a cache line for writing that the generator\'s has just read, measured before each '
             f'cycle (`bench/lines.c`): {near:.0f} cycles in some, {far:.0f} in others. Two virtual processors share a cache or not, and that changes '
             'while the bench runs; so the ratios above are of both kinds together, and here are both.', '',
             '| case | of | against | near | n | far | n | aim |', '|---|---|---|---|---|---|---|---|']
    parts = [[r for r in rows if r.get('line_cycles') and (r['line_cycles'] >= split) == part] for part in (False, True)]
    for c, a, _ in judged(rows):
        if not a.to or c.unit != 'Mpps':
            continue
        found = [ratios(part, (c.name, a.what), a.to) if of(part, c.name, a.what) and of(part, *a.to, c.name) else [] for part in parts]
        cells = ' | '.join(f'{number(statistics.median(v)) if v else ""} | {len(v)}' for v in found)
        lines.append(f'| {c.title} | {a.what} | {_to(c, a)} | {cells} | {_bound(a)} |')
    return lines + ['']


# ---- text ----

def table(rows):
    """The measurements, a line a variant."""
    lines = ['| case | switch | median | 25 … 75 % | | n | lost | generator busy | cycles a frame | bottleneck |',
             '|---|---|---|---|---|---|---|---|---|---|']
    for c in CASES:
        variants = list(dict.fromkeys(r['variant'] for r in rows if r['case'] == r['for'] == c.name))
        for v in variants:
            all_rows = of(rows, c.name, v)
            rs = used(all_rows)
            values = [r['value'] for r in rs]
            n = f'{len(clean(all_rows))}' + ('' if clean(all_rows) else f' (of {len(all_rows)}, none undisturbed)')
            lost, busy = median(rs, 'lost_pct'), median(rs, 'gen_busy_pct')
            notes = next((r['note'] for r in sorted(rs, key=lambda r: r['value'])[len(rs) // 2:] if r.get('note')), '')
            who = verdict(rs)
            lines.append(f'| {c.title if v == variants[0] else ""} | {v} | **{number(statistics.median(values))}** | '
                         f'{spread(values)} | {c.unit} | {n} | '
                         f'{"" if lost is None else f"{max(lost, 0):.1f} %"} | {"" if busy is None else f"{busy:.0f} %"} | '
                         f'{number(median(rs, "cycles"))} | {who}{"; " if who and notes else ""}{notes} |')
    return lines


def aims_table(rows):
    lines = ['| case | of | against | median | 25 … 75 % | n | by cycles | aim | |', '|---|---|---|---|---|---|---|---|---|']
    for c, a, found in judged(rows):
        cycles = by_cycles(rows, (c.name, a.what), a.to) if a.to else None
        lines.append(f'| {c.title} | {a.what} | {_to(c, a)} | **{number(statistics.median(found))}** | '
                     f'{spread(found)} | {len(found)} | {number(cycles)} | {_bound(a)} | {_met(rows, c, a, found)} |')
    return lines


def builds_table(rows, compared):
    """compared: the cases, whose aims name what is compared with what."""
    lines = ['| case | build | Mpps | cycles a frame | generator busy | ratio, median | 25 … 75 % | n | by cycles |',
             '|---|---|---|---|---|---|---|---|---|']
    for c in compared:
        for _, variant, _ in c.steps:
            rs = used(of(rows, c.name, variant))
            if not rs:
                continue
            line = f'| {c.name} | {variant} | {number(median(rs))} | {number(median(rs, "cycles"))} | {number(median(rs, "gen_busy_pct"))} % | '
            to = next((a.to for a in c.aims if a.what == variant), None)
            found = ratios(rows, (c.name, variant), to) if to else []
            lines.append(line + (f'**{statistics.median(found):.3f}** | {quartiles(found)[0]:.3f} … {quartiles(found)[1]:.3f} | {len(found)} | '
                                 f'{by_cycles(rows, (c.name, variant), to):.3f} |' if found else ' | | | |'))
    return lines


LEAST_CYCLES = 0.8 # a step below it is under the rest


def profile_table(profile):
    """profile: {size: (row, {step: cycles})}, the steps in call order."""
    sizes = list(profile)
    heads = [f'{n:,} bytes' for n in sizes]
    order = list(dict.fromkeys(k for _, by in profile.values() for k in by))
    lines = ['## Where the cycles go', '',
             'Cycles a frame in the steps of [hot-path.md](hot-path.md), VM to VM: perf\'s samples of the worker\'s thread times '
             'what its counters say that a frame takes. A step whose cycles are few is under the rest.', '',
             '| step | ' + ' | '.join(heads) + ' |', '|---|' + '---|' * len(sizes)]
    rest = [0.0] * len(sizes)
    for step in order:
        cycles = [by.get(step, 0) for _, by in profile.values()]
        if max(cycles) < LEAST_CYCLES or step == 'the rest':
            rest = [a + b for a, b in zip(rest, cycles)]
        else:
            lines.append(f'| {step if step == "the kernel" else f"`{step}`"} | ' + ' | '.join(f'{c:.1f}' for c in cycles) + ' |')
    lines.append('| the rest | ' + ' | '.join(f'{c:.1f}' for c in rest) + ' |')
    lines.append('| **all** | ' + ' | '.join(f'**{row["cycles"]:.0f}** ({row["value"]:.2f} Mpps)' for row, _ in profile.values())
                 + ' |')
    return lines


def page(rows, skipped, about, profile):
    out = ['# Side by side with other switches', '',
           'Written by `make bench`; every figure is of one run, and ratios within a cycle are what to trust. '
           'What the figures mean and how to come to better ones: [performance.md](performance.md).', '',
           '![chart](bench.svg)', '']
    out += [f'- {k}: {v}' for k, v in about] + ['']
    out += ['## Against the aims', '', 'All switches that a line compares were up at once and measured in turn, in short slices; the others '
            'slept or were stopped. A ratio is taken within a cycle, that is of neighbouring slices; shown are the median of n '
            'ratios, and between which two half of them lie. A plain value where nothing is compared. By cycles: what the cycles '
            'a frame of both sides say instead, where both are vmq\'s.', ''] + aims_table(rows) + ['']
    out += speeds_table(rows)
    out += ['## Measurements', ''] + table(rows) + ['']
    out += ['n: slices in which nobody took the cores away; the others are repeated, then left out. 25 … 75 %: between these lies '
            'half of them. Frame sizes are without FCS, Mpps: million frames a second that arrived where they should. "Generator busy" near 100 % means that '
            'the generator and not the switch was the limit. Cycles a frame: time in turns that found work, by the worker\'s own '
            'counters.', '']
    if profile:
        out += profile_table(profile) + ['']
    if skipped:
        out += ['## Not measured', ''] + [f'- {name}: {why}' for name, why in skipped] + ['']
    return '\n'.join(out)


# ---- chart ----

WIDTH, LABEL, BAR, GAP, PANEL = 860, 210, 18, 6, 34
COLOURS = {'vmq': '#2b6cb0', 'OVS-DPDK NORMAL': '#b7791f', 'testpmd io': '#718096'}


def _colour(variant):
    return next((c for k, c in COLOURS.items() if variant.startswith(k)), '#718096')


def _panel(case, rows, y):
    """One case's bars and where half of their slices lie; returns the elements and where they end."""
    out = [f'<text x="10" y="{y + 16}" class="t">{escape(case.title)} ({escape(case.unit)})</text>']
    y += 26
    variants = list(dict.fromkeys(r['variant'] for r in rows))
    groups = [(v, [r['value'] for r in used(of(rows, case.name, v))]) for v in variants]
    top = max(quartiles(v)[1] for _, v in groups) or 1
    scale = (WIDTH - LABEL - 90) / top
    for name, values in groups:
        m = statistics.median(values)
        low, high = (LABEL + v * scale for v in quartiles(values))
        mid = y + BAR / 2
        out += [f'<text x="{LABEL - 8}" y="{y + 13}" class="l">{escape(name)}</text>',
                f'<rect x="{LABEL}" y="{y}" width="{max(m * scale, 1):.1f}" height="{BAR}" fill="{_colour(name)}"/>',
                f'<path d="M{low:.1f} {mid}H{high:.1f}M{low:.1f} {mid - 4}v8M{high:.1f} {mid - 4}v8" class="w"/>',
                f'<text x="{max(high, LABEL + m * scale) + 8:.1f}" y="{y + 13}">{number(m)}</text>']
        y += BAR + GAP
    return out, y + PANEL - 20


def chart(rows, title):
    body, y = [], 34
    for c in CASES:
        mine = [r for r in rows if r['case'] == r['for'] == c.name]
        if mine:
            part, y = _panel(c, mine, y)
            body += part
    return '\n'.join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 10}" viewBox="0 0 {WIDTH} {y + 10}">',
        '<style>text{font:12px sans-serif;fill:#1a202c}.t{font-weight:bold;font-size:13px}.l{text-anchor:end}'
        '.w{stroke:#1a202c;fill:none;opacity:.6}</style>',
        f'<rect width="{WIDTH}" height="{y + 10}" fill="#fff"/>',
        f'<text x="10" y="20">{escape(title)}</text>', *body, '</svg>', ''])


# ---- files ----

def write(rows, skipped, about, profile, docs, results):
    os.makedirs(docs, exist_ok=True)
    os.makedirs(results, exist_ok=True)
    with open(os.path.join(docs, 'bench.md'), 'w') as f:
        f.write(page(rows, skipped, about, profile))
    with open(os.path.join(docs, 'bench.svg'), 'w') as f:
        f.write(chart(rows, ' · '.join(v for k, v in about if k in ('Machine', 'Date'))))
    with open(os.path.join(results, 'measurements.csv'), 'w', newline='') as f:
        w = csv.DictWriter(f, COLUMNS, extrasaction='ignore')
        w.writeheader()
        for r in rows:
            w.writerow({k: f'{v:.4g}' if isinstance(v, float) else v for k, v in r.items()})
