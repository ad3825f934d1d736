#!/usr/bin/env bash
# Installs the real programs that some tests play with (Debian, Ubuntu). Without them those tests
# are skipped; with CRISISKIT_TEST_PARTS=all they fail.
set -euo pipefail
parts=(dbus direwolf gpsd iproute2 python3-dbusmock)
missing=()
for part in "${parts[@]}"; do
    dpkg-query -W -f '${Status}' "$part" 2>/dev/null | grep -q 'ok installed' || missing+=("$part")
done
[ ${#missing[@]} -eq 0 ] && exit 0
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
