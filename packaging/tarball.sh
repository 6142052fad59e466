#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Usage: tarball.sh DIRECTORY FILE. Packs the files that git lists into the tar archive FILE, below DIRECTORY. All files get the date
# SOURCE_DATE_EPOCH, so that two archives of the same files are identical.
set -eu

directory=$1 file=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/$directory"
# Without the link debian -> packaging/debian: a Debian source package brings its own directory debian.
git ls-files -z --cached --others --exclude-standard -- ':!debian' | xargs -0 cp --parents -t "$work/$directory"
tar --create --xz --file "$file" --directory "$work" --sort=name --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw \
    --mtime="@$SOURCE_DATE_EPOCH" "$directory"
