# The front door. Everything real is in meson.build; this saves you from remembering it.
#
#   make          build/fastkv and build/fastkv-bench
#   make run      build and start the server      PORT=1234 WORKERS=<cores>
#   make test     all that must pass
#   make check    formatting, linters, layers, and a build with clang
#   make fuzz     30 seconds on every fuzzer      FUZZ_SECONDS=30
#   make bench    the comparison with other servers (minutes)
#   make format   reformat the sources
#   make install  to /usr/local; DESTDIR=/stage for packagers
#   make clean    remove what all these have built

PORT         := 1234
WORKERS      := $(shell nproc)
FUZZ_SECONDS := 30

.PHONY: all run test check fuzz bench format install clean setup-build setup-test

all: setup-build build/build.ninja
	@ninja -C build --quiet programs

build/build.ninja: | setup-build
	meson setup build

setup-build:
	@tools/setup build

setup-test:
	@tools/setup test

define WELCOME

Starting FastKV on 127.0.0.1:$(PORT) with $(WORKERS) worker(s); Ctrl-C stops it.
In another terminal, type (nc is in Debian's netcat-openbsd):

    nc 127.0.0.1 $(PORT)

and then

    SET mykey 0 5
    hello
    GET mykey

HELP lists the commands.

endef
export WELCOME

run: all
	@echo "$$WELCOME"
	@exec build/fastkv --port $(PORT) --workers $(WORKERS)

test: setup-test
	@tools/test

check: setup-test
	@tools/check

fuzz: setup-test
	@tools/fuzz $(FUZZ_SECONDS)

bench: setup-test all
	@ninja -C build --quiet
	@bench/compare

format: setup-test
	@git ls-files -z --cached --others --exclude-standard '*.c' '*.h' | xargs -0 -r clang-format -i

install: all
	@meson install -C build --no-rebuild

clean:
	rm -rf build build-san build-san-pools build-tsan build-clang build-fuzz
