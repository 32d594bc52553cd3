#!/bin/sh
# Install the Debian packages that building, checking or the demo needs, and say which.
# usage: tools/setup.sh build|check|demo
# As root or with sudo; where neither is to be had, what is missing is listed and this stops.
set -eu

build='gcc libc6-dev pkg-config meson ninja-build libssl-dev libnghttp2-dev libjansson-dev libcbor-dev libxml2-dev
       libsqlite3-dev libcurl4-openssl-dev libarchive-dev zlib1g-dev libxgboost-dev
       liburing-dev tzdata'
demo="$build awscli python3 curl"
check="$demo libcmocka-dev python3-boto3 python3-pytest python3-pytest-timeout python3-cbor2 python3-prometheus-client prometheus
       python3-hpack python3-grpcio nghttp2-client nodejs wrk
       clang clang-format clang-tidy
       libclang-rt-14-dev procps"

case "${1:-}" in
build) wanted=$build ;;
demo) wanted=$demo ;;
check) wanted=$check ;;
*)
    echo "usage: $0 build|check|demo" >&2
    exit 2
    ;;
esac

if ! command -v dpkg-query >/dev/null; then
    echo "weir: this is not a Debian system; make sure you have the equivalents of:" $wanted >&2
    exit 0
fi

missing=''
for package in $wanted; do
    status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [ "$status" = 'install ok installed' ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=''
elif command -v sudo >/dev/null; then
    as_root=sudo
else
    echo "weir: these Debian packages are missing, and there is no root or sudo to install them:" >&2
    echo " $missing" >&2
    exit 1
fi

echo "weir: installing Debian packages:$missing"
$as_root apt-get update -qq
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
