#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Usage: repo.sh DIRECTORY REPOSITORY KEY URL. `make repo` runs it. Adds the packages of DIRECTORY to the apt repository
# REPOSITORY/deb and the dnf repository REPOSITORY/rpm and signs both with the gpg key KEY. Writes the configuration files for
# apt and dnf, which expect REPOSITORY to be served at URL. Packages already in REPOSITORY stay.
set -eu
umask 022

dist=$1 repo=$2 key=$3 url=$4
mkdir -p "$repo/deb" "$repo/rpm"
cd "$repo"
gpg --batch --yes --armor --output sched-tick.asc --export "$key"

for package in "$dist"/*sched-tick*.rpm; do
    case $package in *.src.rpm | *\**) continue ;; esac
    cp "$package" rpm
    rpmsign --define "__gpg $(command -v gpg)" --define "_gpg_name $key" --addsign "rpm/${package##*/}" > /dev/null
done
createrepo_c --quiet --update --no-database rpm
gpg --batch --yes --armor --local-user "$key" --detach-sign rpm/repodata/repomd.xml
cat > sched-tick.repo <<END
[sched-tick]
name=sched_tick
baseurl=$url/rpm
gpgkey=$url/sched-tick.asc
gpgcheck=1
repo_gpgcheck=1
END

find "$dist" -maxdepth 1 -name '*sched-tick*.deb' ! -name '*-dbgsym_*' -exec cp {} deb \;
cd deb
apt-ftparchive packages . > Packages
apt-ftparchive -o APT::FTPArchive::Release::Origin=sched_tick -o APT::FTPArchive::Release::Label=sched_tick release . > Release.new
rm -f Release
mv Release.new Release
gpg --batch --yes --local-user "$key" --clearsign --output InRelease Release
cd ..
cat > sched-tick.sources <<END
Types: deb
URIs: $url/deb
Suites: ./
Signed-By: /etc/apt/keyrings/sched-tick.asc
END
find . -type f | sort
