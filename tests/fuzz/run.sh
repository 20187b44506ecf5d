#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Builds the fuzz targets with clang in a folder of their own, runs each a fixed number of times from its seeds, and builds
# all the rest with clang there, the measuring tools, too. A result a target and one for the rest, as TAP. What breaks a
# target is printed as base64, to be decoded into a file the target is called with.
#
#   tests/fuzz/run.sh BUILD-FOLDER
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd) build=$1
# Some seconds each.
declare -A dict=([config]=1 [rpc]=1)
declare -A runs=([config]=20000 [frame]=2000 [oid]=20000 [ring]=10000 [rpc]=2000 [vhost_msg]=2000)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -e "$build/build.ninja" ] || CC=clang meson setup "$build" "$root" -Dfuzz=true >"$work/setup" || { cat "$work/setup"; }
# The words of the control socket and the configuration file, for what is text: without them an input rarely says any.
grep -oE '[`"][a-z_.0-9]{3,}[`":]|^[ -]*[a-z_]+:' "$root/docs/rpc.md" | tr -d '`": -' | sort -u | sed 's/.*/"&"/' >"$work/words"
echo "1..$((${#runs[@]} + 1))"
n=0
for name in $(printf '%s\n' "${!runs[@]}" | sort); do
	mkdir -p "$work/$name" # new inputs go here, not to the seeds
	if ninja -C "$build" "tests/fuzz/fuzz_$name" >"$work/log" 2>&1 &&
		"$build/tests/fuzz/fuzz_$name" ${dict[$name]:+-dict="$work/words"} -seed=1 -runs="${runs[$name]}" -max_len=4096 \
			-artifact_prefix="$work/" "$work/$name" "$root/tests/fuzz/seeds/$name" >"$work/log" 2>&1; then
		echo "ok $((++n)) - fuzz_$name, ${runs[$name]} runs"
	else
		tail -n 60 "$work/log" | sed 's/^/# /'
		echo "not ok $((++n)) - fuzz_$name, ${runs[$name]} runs"
	fi
done
if ninja -C "$build" all bench/vugen bench/lines bench/vtap bench/hotpath >"$work/log" 2>&1; then
	echo "ok $((++n)) - all is built by clang"
else
	grep -A 20 -m 3 FAILED "$work/log" | sed 's/^/# /'
	echo "not ok $((++n)) - all is built by clang"
fi
