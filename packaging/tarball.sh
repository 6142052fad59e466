#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# FOLDER FILE: what git knows, as a directory in a tar archive; with one date, so that it is the same each time.
set -eu

directory=$1 file=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/$directory"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$work/$directory"
tar --create --xz --file "$file" --directory "$work" --sort=name --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw \
    --mtime="@$SOURCE_DATE_EPOCH" "$directory"
