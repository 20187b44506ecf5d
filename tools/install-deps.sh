#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Installs what vmq needs from Debian's own packages, and only what is missing: with everything there it asks dpkg
# once and ends. Groups: build (to compile and to run the unit and contract tests), demo (QEMU and what a guest image
# is made from), deb (to make Debian packages), test (demo's and deb's, and what the system tests drive), bench (what the
# measurements compare with).
#
#   tools/install-deps.sh [build|demo|deb|test|bench]...      default: build
set -euo pipefail

build=(gcc libc6-dev make meson ninja-build pkg-config clang libbpf-dev libxdp-dev libjansson-dev libxml2-dev libsqlite3-dev
	libyaml-dev libsystemd-dev libcap-ng-dev libseccomp-dev libpcap-dev libmnl-dev libmicrohttpd-dev libcmocka-dev scdoc
	mingw-w64-common gcc-mingw-w64-x86-64-posix)
demo=(qemu-system-x86 seabios ipxe-qemu iproute2 ethtool procps util-linux cpio gzip kmod python3 python3-yaml
	iputils-ping ca-certificates)
deb=(build-essential debhelper dpkg-dev git)
test=("${demo[@]}" "${deb[@]}" lintian mmdebstrap gpg systemd-container clang libclang-rt-14-dev python3-pytest python3-scapy
	dpdk dpdk-dev librte-net-virtio23 librte-net-vhost23 librte-net-af-packet23 librte-mempool-ring23 librte-bus-vdev23 tcpdump
	tshark iperf3 valgrind tmux zsh python3-jsonschema
	python3-prometheus-client chromium chromium-driver python3-selenium libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients)
bench=(gcc libc6-dev make pkg-config python3 dpdk dpdk-dev libdpdk-dev librte-net-virtio23 librte-net-vhost23
	librte-net-af-packet23 librte-mempool-ring23 librte-bus-vdev23 openvswitch-switch-dpdk iproute2 iperf3 valgrind)
tidy=(clang-tidy)

wanted=()
for group in "${@:-build}"; do
	case $group in
	build) wanted+=("${build[@]}") ;;
	demo) wanted+=("${demo[@]}") ;;
	deb) wanted+=("${deb[@]}") ;;
	test) wanted+=("${test[@]}") ;;
	bench) wanted+=("${bench[@]}") ;;
	tidy) wanted+=("${tidy[@]}") ;;
	*)
		echo "install-deps.sh: no group \"$group\"; there are build, demo, deb, test and bench" >&2
		exit 2
		;;
	esac
done

installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' 2>/dev/null |
	awk '$2 == "installed" {print $1}' | sort -u)
missing=$(comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) <(printf '%s\n' "$installed"))
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
	echo "install-deps.sh: not root; install these packages first:" $missing >&2
	exit 1
fi

export DEBIAN_FRONTEND=noninteractive
# A service a package brings (Open vSwitch) must not be started on the user's machine: policy-rc.d answers for all.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
	trap 'rm -f "$policy"' EXIT
fi

echo "installing:" $missing
apt=(apt-get -q -y -o DPkg::Lock::Timeout=120 --no-install-recommends)
# The lists may be missing or older than the mirror; refresh them only when the quick way does not do.
# shellcheck disable=SC2086
if ! "${apt[@]}" install $missing; then
	apt-get -q -o DPkg::Lock::Timeout=120 update
	"${apt[@]}" install $missing
fi
