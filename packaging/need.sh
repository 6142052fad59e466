#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# PACKAGE...: install those that are missing, as `make` needs them. Does nothing on a system without apt, where they have other
# names. A newly booted machine runs an apt of its own: wait for it, five minutes at most.
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
said=$(mktemp)
trap 'rm -f "$said"' EXIT
waited=0

# apt-get, again and again while another one has a lock. apt itself waits for dpkg's lock only, not for that of the lists.
apt() {
    until $sudo env LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" > "$said" 2>&1; do
        holder=$(sed -n 's/^E: Could not get lock \([^ ]*\)[.] It is held by \(process .*\)$/\2 (\1)/p' "$said" | head -n 1)
        if [ -z "$holder" ] && grep -q '^E: .*lock' "$said"; then holder="another process"; fi
        if [ -z "$holder" ] || [ "$waited" -ge 300 ]; then
            cat "$said" >&2
            [ -z "$holder" ] || echo "waited $waited s for $holder: try again when it has ended" >&2
            exit 1
        fi
        [ "$waited" -gt 0 ] || echo "waiting for $holder, up to 300 s"
        sleep 5
        waited=$((waited + 5))
    done
}

echo "installing what is missing: $*"
apt update
apt install --no-install-recommends "$@"
