# SPDX-License-Identifier: BSD-3-Clause
#
# The commands a newcomer needs; meson and ninja do the work. On a fresh Debian 12 as root nothing has to be
# installed first.

BUILD ?= build
PREFIX ?= /usr/local
export VMQ_BUILD = $(BUILD)

.PHONY: all deps build demo test tidy bench install deb clean

all: build

deps:
	@tools/install-deps.sh build

$(BUILD)/build.ninja:
	@meson setup $(BUILD) --prefix $(PREFIX)

build: deps $(BUILD)/build.ninja
	@ninja -C $(BUILD)

# Shows the switch at work: two real VMs, a wire, the table of queues.
demo: build
	@tools/install-deps.sh demo
	@/usr/bin/python3 tools/demo/demo.py

# Every test; the last line is "N passed, N failed".
test:
	@tests/run

# What clang-tidy finds (.clang-tidy); minutes.
tidy: build
	@tools/install-deps.sh tidy
	@find src -name '*.c' | sort | xargs -P $$(nproc) -n 8 clang-tidy -p $(BUILD) --quiet

# Side by side with other switches.
bench: build
	@tools/install-deps.sh bench
	@bench/run

install: build
	@meson install -C $(BUILD)
	@[ -n "$(DESTDIR)" ] || ldconfig

# Debian packages in $(BUILD)/deb, from a copy of the tree.
deb:
	@tools/install-deps.sh build deb
	@tools/deb/build $(BUILD)/deb

clean:
	rm -rf $(BUILD) $(BUILD)-fuzz $(BUILD)-asan $(BUILD)-tsan
