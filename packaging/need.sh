#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Usage: need.sh PACKAGE... Installs those packages that are missing; make runs it before a target that needs them. Does nothing on
# a system without apt, where the packages have other names. If another apt holds a lock, waits up to five minutes for it: a newly
# booted machine runs one by itself.
set -u

command -v apt-get > /dev/null || exit 0
for package; do
    shift
    # shellcheck disable=SC2016
    dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null | grep -qx installed || set -- "$@" "$package"
done
[ $# -gt 0 ] || exit 0
sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo
output=$(mktemp)
trap 'rm -f "$output"' EXIT
waited=0

# Run apt-get, and repeat it while another process holds a lock. apt itself waits for dpkg's lock, but not for that of the lists.
apt() {
    until $sudo env LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" > "$output" 2>&1; do
        holder=$(sed -n 's/^E: Could not get lock \([^ ]*\)[.] It is held by \(process .*\)$/\2 (\1)/p' "$output" | head -n 1)
        if [ -z "$holder" ] && grep -q '^E: .*lock' "$output"; then holder="another process"; fi
        if [ -z "$holder" ] || [ "$waited" -ge 300 ]; then
            cat "$output" >&2
            [ -z "$holder" ] || echo "waited $waited s for $holder; try again when it has ended" >&2
            exit 1
        fi
        [ "$waited" -gt 0 ] || echo "waiting for $holder, up to 300 s"
        sleep 5
        waited=$((waited + 5))
    done
}

echo "installing missing packages: $*"
apt update
apt install --no-install-recommends "$@"
