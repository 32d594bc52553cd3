# The two commands: `make demo` shows weir at work, `make check` tests it. Both install what is missing.
# The build itself is meson's; this file only names the things people do.

PREFIX ?= /usr/local
DESTDIR ?=

.PHONY: all debug demo check bench soak fuzz valgrind format lint install clean

all: build/build.ninja
	ninja -C build

build/build.ninja:
	tools/setup.sh build
	meson setup build --buildtype=release -Dtests=false -Db_lto=true -Db_pie=true --prefix=$(PREFIX)

debug: build-debug/build.ninja
	ninja -C build-debug

build-debug/build.ninja:
	tools/setup.sh build
	meson setup build-debug --buildtype=debug -Db_sanitize=address,undefined -Db_lundef=false

demo:
	tools/setup.sh demo
	$(MAKE) all
	examples/demo/run.py

check:
	tools/setup.sh check
	tools/check.py

bench: all
	tests/bench/run.sh

# half an hour of load while the fleet moves: nothing may be lost
soak: all
	tests/bench/soak.py

# the parsers of what strangers send, so often each; and what needs sockets for that, so many seconds each
FUZZ_RUNS ?= 10000000
FUZZ_TARGETS ?= http_request,http_response,chunked_body,h2_head,route_snapshot,eventstream,sigv4_verify,sigv4_sign
FUZZ_SECONDS ?= 3600
FUZZ_SLOW_TARGETS ?= h2_upstream,tls_stream
fuzz:
	tools/check.py --only fuzz --fuzz-runs $(FUZZ_RUNS) --fuzz-targets $(FUZZ_TARGETS)
	tools/check.py --only fuzz --fuzz-seconds $(FUZZ_SECONDS) --fuzz-targets $(FUZZ_SLOW_TARGETS)

valgrind:
	tools/valgrind.sh

format:
	git ls-files '*.c' '*.h' | xargs clang-format -i

lint: debug
	tools/check_includes.py
	git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror
	tools/tidy.sh build-debug

install: all
	DESTDIR=$(DESTDIR) meson install -C build --no-rebuild

clean:
	rm -rf build build-*
