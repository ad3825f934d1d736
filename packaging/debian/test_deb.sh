#!/usr/bin/env bash
# Proves the .deb: a Debian that holds nothing but Python gets it with dpkg, without any network;
# it runs, every file is as packed, and nothing is left after purging it. Root only, because it
# makes a chroot. `make deb-test` runs it; build/chroot keeps the empty Debian for the next time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

say() { printf 'deb-test: %s\n' "$*"; }
fail() { say "FAILED: $*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "needs root, because it makes a chroot: sudo make deb-test"
deb=$(ls -t dist/crisiskit_*_"$(dpkg --print-architecture)".deb 2>/dev/null | head -n 1)
[ -n "$deb" ] || fail "there is no package in dist/: run 'make deb' first"

# The release whose Python the package asks for.
python=$(dpkg-deb --field "$deb" Depends | grep -o 'python3 (>= [0-9.]*' | grep -o '[0-9.]*$')
case "$python" in
    3.11) suite=bookworm ;;
    3.13) suite=trixie ;;
    *) fail "no Debian release is known with Python $python" ;;
esac

base=build/chroot/$suite
work=build/chroot/work

if [ ! -e "$base/ready" ]; then
    command -v debootstrap >/dev/null || {
        say "installing debootstrap"
        apt-get update -qq && apt-get install -qq -y debootstrap >/dev/null
    }
    # The mirror is the one this machine already uses.
    mirror=$(apt-get indextargets --format '$(SITE) $(REPO_URI)' 'Created-By: Packages' |
        awk '$2 ~ /debian\/?$/ {print $2; exit}')
    [ -n "$mirror" ] || fail "this machine's apt names no Debian archive"
    say "making an empty $suite with python3 (once)"
    rm -rf "$base"
    mkdir -p "$base"
    debootstrap --variant=minbase --include=python3,adduser "$suite" "$base/tree" "$mirror" \
        >build/chroot/debootstrap.log 2>&1 || fail "debootstrap: see build/chroot/debootstrap.log"
    rm -rf "$base"/tree/var/cache/apt/archives/*.deb
    touch "$base/ready"
fi

rm -rf "$work"
cp -a "$base/tree" "$work"
cp "$deb" "$work/crisiskit.deb"
cp packaging/debian/test_inside.sh "$work/test_inside.sh"
trap 'rm -rf "$work"' EXIT

say "$suite, no network, $(basename "$deb")"
# The mounts live and die with the namespaces. The loopback is up: the demo's devices are played.
unshare --net --mount --pid --fork sh -eu -c '
    mount -t proc proc "$1/proc"
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$1/dev/pts"
    ip link set lo up
    exec chroot "$1" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive sh /test_inside.sh
' sh "$work" || fail "see above"
say "passed"
