#!/bin/sh
# The part of test_deb.sh that runs inside the empty Debian.
set -eu

step() { printf '  %s\n' "$*"; }
fail() { printf '  FAILED: %s\n' "$*"; exit 1; }
# Everything below these folders but what dpkg, and adduser with its /etc/shadow-, keep themselves.
files() {
    find /etc /usr /var /opt \( -path /var/lib/dpkg -o -path /var/log -o -path '/etc/*-' \) -prune \
        -o -print | sort
}

[ "$(grep -c : /proc/net/dev)" = 1 ] || fail "there is a network besides loopback"
files >/tmp/before

start=$(date +%s)
dpkg --install /crisiskit.deb >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; fail "dpkg --install"; }
step "installed in $(($(date +%s) - start)) s, $(du -sm /usr/lib/crisiskit | cut -f1) MiB"
id crisiskit | grep -q dialout || fail "user crisiskit may not use serial ports"
step "user: $(id crisiskit)"

version=$(crisiskit --version) || fail "crisiskit --version"
step "crisiskit --version: $version"
case "$version" in
    *"$(dpkg-query --show --showformat '${Version}' crisiskit)"*) ;;
    *) fail "the package has another version" ;;
esac

# As the service runs it: its own user, its own folder, nothing else writable.
as_service="setpriv --reuid=crisiskit --regid=crisiskit --init-groups --inh-caps=-all
    env HOME=/nonexistent CRISISKIT_HOME=/var/lib/crisiskit"
status=0
$as_service crisiskit doctor >/tmp/doctor.log 2>&1 || status=$?
sed 's/^/  | /' /tmp/doctor.log
# 1 is the doctor's word for "something is wrong here": an empty Debian has no modem.
[ "$status" -le 1 ] || fail "crisiskit doctor ended with status $status"
! grep -q Traceback /tmp/doctor.log || fail "crisiskit doctor broke"
step "crisiskit doctor: status $status"

$as_service crisiskit demo --plain >/tmp/demo.log 2>&1 || { cat /tmp/demo.log; fail "crisiskit demo"; }
step "crisiskit demo --plain: $(tail -n 1 /tmp/demo.log)"

damaged=$(dpkg --verify crisiskit) || true
[ -z "$damaged" ] || fail "dpkg --verify: $damaged"
step "dpkg --verify: every file as packed"

dpkg --install /crisiskit.deb >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; fail "second install"; }
step "installed again over itself"

rm -rf /var/lib/crisiskit/* /var/lib/crisiskit/.[!.]*
dpkg --purge crisiskit >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; fail "dpkg --purge"; }
files >/tmp/after
left=$(diff /tmp/before /tmp/after || true)
[ -z "$left" ] || fail "left behind: $left"
step "purged; nothing is left"
