#!/bin/sh
# The unit tests under valgrind, built without sanitizers. usage: tools/valgrind.sh [TEST...]
#
# Left out are the tests of what Debian's valgrind does not know: pidfd_open() and programs that run themselves anew
# from /proc/self/exe (there that is valgrind), and one that sends until a buffer of megabytes is full, which takes hours.
set -eu
cd "$(dirname "$0")/.."
[ -e build-valgrind/build.ninja ] || meson setup build-valgrind --buildtype=debug >/dev/null
ninja -C build-valgrind --quiet
if [ $# -eq 0 ]; then
    set -- $(meson test -C build-valgrind --list 2>/dev/null | grep '^[a-z]*/[a-z_0-9]*$' |
        grep -v -x -e base/loop -e fleet/process -e model/model_server -e supervisor/restart -e proxy/link_client)
fi
exec meson test -C build-valgrind --no-rebuild --print-errorlogs --timeout-multiplier 50 \
    --wrap 'valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite' "$@"
