#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Writes mingw-w64's layout numbers to a file: layout_numbers.sh SOURCE_DIR OUTPUT
# Nothing of Windows is run: the numbers are a section of an object file.
set -eu
src=$1 out=$2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cc=x86_64-w64-mingw32-gcc
ndis=/usr/share/mingw-w64/include/ddk/ndis.h
[ -r "$ndis" ] || ndis=/usr/x86_64-w64-mingw32/include/ddk/ndis.h
grep '^#define NDIS_STATUS_' "$ndis" >"$tmp/layout_status.h"
"$cc" -std=gnu17 -I"$tmp" -I"$src" -c "$src/layout_mingw.c" -o "$tmp/layout.o"
x86_64-w64-mingw32-objcopy -O binary -j .layout "$tmp/layout.o" "$out"
