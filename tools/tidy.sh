#!/bin/sh
# Run clang-tidy over the sources of a build folder. usage: tools/tidy.sh BUILD_FOLDER [FILE...]
# GCC's own warning flags are taken out of the commands: clang does not know all of them.
set -eu
folder=$1
shift
database=$(mktemp -d)
trap 'rm -rf "$database"' EXIT
sed -e 's/-fno-common//g; s/-fstack-clash-protection//g; s/-Werror//g' "$folder/compile_commands.json" >"$database/compile_commands.json"
if [ $# -eq 0 ]; then
    set -- $(git ls-files 'src/*.c' | grep -v '/test_')
fi
printf '%s\n' "$@" | xargs -P "$(nproc)" -n 4 clang-tidy -p "$database" --quiet
