#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the page's files as C (assets.h): embed.py OUTPUT FILE..."""
import os
import sys

TYPES = {'.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml'}

output, *files = sys.argv[1:]
with open(output, 'w') as out:
    out.write('#include "exporter/assets.h"\n')
    for i, path in enumerate(files):
        with open(path, 'rb') as f:
            out.write(f'static const unsigned char file{i}[] = {{{",".join(map(str, f.read()))}}};\n')
    out.write('const struct asset assets[] = {\n')
    for i, path in enumerate(files):
        name = os.path.basename(path)
        url = '/' if name == 'index.html' else '/' + name
        out.write(f'\t{{ "{url}", "{TYPES[os.path.splitext(name)[1]]}; charset=utf-8", file{i}, sizeof file{i} }},\n')
    out.write(f'}};\nconst size_t assets_count = {len(files)};\n')
