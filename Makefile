# The front door. Everything real is in meson.build; this saves you from remembering it.
#
#   make          build the server          make fuzz     30 seconds on every fuzzer
#   make run      build it and start it     make bench    micro-benchmarks
#   make test     all that must pass        make format   reformat the sources
#   make check    what CI checks besides    make install  to /usr/local

SANITIZE := address,undefined
WORKERS  := $(shell nproc)

.PHONY: all setup run test check fuzz bench format install
all: build/build.ninja
	@meson compile -C build

build/build.ninja: | setup
	meson setup build

setup:
	@tools/setup

