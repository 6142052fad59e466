# SPDX-License-Identifier: GPL-2.0-only
#
# `make help` lists the targets. src/Kbuild builds the module.

VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
KERNEL ?= 6.1
KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build
DESTDIR ?=
DKMS_SOURCE := $(DESTDIR)/usr/src/sched_tick-$(VERSION)
sbindir := /usr/sbin
unitdir := /usr/lib/systemd/system
mandir := /usr/share/man
zshdir := /usr/share/zsh/vendor-completions

# Directories of scripts that kernel packages run. Debian's kernel packages use these two.
HOOKS ?= /etc/kernel/postinst.d /etc/kernel/header_postinst.d

PYTHON := /usr/bin/python3
# As many workers as CPUs. Tests that share a boot or a directory run in the same worker (tests/conftest.py).
PYTEST := $(PYTHON) -m pytest -p no:cacheprovider -ra --numprocesses=auto --dist=loadgroup --durations=15
RIG := PYTHONPATH=tests/vm PYTHONDONTWRITEBYTECODE=1

RIG_PACKAGES := busybox-static cpio gcc libc6-dev mmdebstrap python3 qemu-system-x86 qemu-utils xz-utils zstd
TOOL_PACKAGES := gcc libc6-dev libsmartcols-dev
DEB_PACKAGES := build-essential debhelper dh-dkms dpkg-dev git
RPM_PACKAGES := git rpm
REPO_PACKAGES := apt-utils createrepo-c gnupg
KMOD_PACKAGES := build-essential debhelper kmod rpm
LONG_PACKAGES := clang libclang-rt-14-dev openssl ovmf piuparts qemu-system-arm qemu-system-misc qemu-system-ppc rt-tests rtla
TEST_PACKAGES := $(RIG_PACKAGES) $(TOOL_PACKAGES) $(DEB_PACKAGES) $(RPM_PACKAGES) $(KMOD_PACKAGES) $(REPO_PACKAGES) codespell coccinelle cppcheck \
	libcmocka-dev libpython3.11 libtraceevent-dev libtracefs-dev lintian man-db mandoc perl python3-pytest python3-pytest-xdist python3-yaml rpmlint shellcheck zsh \
	fakeroot libarchive-tools libxml2-utils makepkg yamllint

# $(call need,PACKAGES): install the Debian packages that are missing, and list them.
need = @packaging/need.sh $(1)

PICTURE_PACKAGES := fonts-dejavu-core gnuplot-nox pango1.0-tools
BENCH_PACKAGES := fonts-dejavu-core gnuplot-nox rt-tests

.PHONY: help demo test test-long test-tree check bench bench-here coverage test-here shell pictures module tool deb rpm srpm kmod akmod repo copy-builtin series \
	install install-source install-dkms install-tool install-monitoring uninstall clean

help:
	@echo 'make demo            boot a stock kernel in a throw-away virtual machine and show the module at work'
	@echo 'make test            run the tests on Linux 5.10, 6.1, 6.12 and 7.3; an hour or more'
	@echo 'make check           run static checks, host unit tests and the tests on one kernel; minutes'
	@echo 'make test-long       run every test in full, on every kernel; hours'
	@echo 'make test-tree TREE=DIRECTORY  compile the module against a kernel tree or the headers of a distribution (COMPILER=gcc-11)'
	@echo 'make bench           measure the figures of docs/bench.md; half an hour (KERNELS=6.1: on that kernel alone)'
	@echo 'sudo make bench-here measure the main figures on this machine and its running kernel, in real time; ten minutes'
	@echo 'make coverage        report which lines and branches of the module the tests reach, into build/coverage'
	@echo 'make shell           open a shell in the virtual machine, module loaded (KERNEL=5.10, 6.1, 6.12 or 7.3)'
	@echo 'make pictures        draw the pictures of the README'
	@echo 'make module          build the module for the running kernel (KVER=...: for another)'
	@echo 'make tool            build sched-tick(8) into build/'
	@echo 'sudo make test-here  run the in-machine tests on this machine and its running kernel'
	@echo 'sudo make install    install module (by DKMS), tool and units (DESTDIR=...: only copy the files there)'
	@echo 'sudo make uninstall  remove what make install installed'
	@echo 'make deb             build the Debian packages, into dist/'
	@echo 'make rpm             build the RPM packages, into dist/ (make srpm: the source package alone)'
	@echo 'make kmod KVER=...   package the module for that kernel as .deb and .rpm, into dist/ (KDIR=..., KEY=... CERT=...: sign it)'
	@echo 'make akmod           build the source package of akmod-sched-tick for Fedora, into dist/'
	@echo 'make repo KEY=...    make apt and dnf repositories of the packages in dist/, signed with that key of gpg (REPO=dist/repo)'
	@echo 'make copy-builtin TREE=... put the module into a kernel tree, in drivers/misc/sched_tick'
	@echo 'make series TREE=... make patches that add the module to a kernel tree, into dist/series'
	@echo 'make clean           remove build/ and dist/; ~/.cache/sched-tick stays'

demo:
	$(call need,$(RIG_PACKAGES) $(TOOL_PACKAGES))
	@$(RIG) $(PYTHON) tests/vm/demo.py demo $(KERNEL)

shell:
	$(call need,$(RIG_PACKAGES) $(TOOL_PACKAGES))
	@$(RIG) $(PYTHON) tests/vm/demo.py shell $(KERNEL)

pictures:
	$(call need,$(RIG_PACKAGES) $(TOOL_PACKAGES) $(PICTURE_PACKAGES))
	@$(RIG) $(PYTHON) tests/monitoring/pictures.py

test:
	$(call need,$(TEST_PACKAGES))
	@$(RIG) $(PYTEST) tests

check:
	$(call need,$(TEST_PACKAGES))
	@$(RIG) $(PYTEST) --scope=check --kernels=$(KERNEL) tests

test-long:
	$(call need,$(TEST_PACKAGES) $(LONG_PACKAGES))
	@$(RIG) $(PYTEST) --scope=long tests

test-tree:
	@test -n '$(TREE)' || { echo 'make test-tree: TREE is missing: a kernel tree to compile against' >&2; exit 2; }
	@$(RIG) $(PYTHON) tests/vm/tree.py '$(TREE)' $(COMPILER)

bench:
	$(call need,$(RIG_PACKAGES) $(TOOL_PACKAGES) $(BENCH_PACKAGES))
	@$(RIG) $(PYTHON) tests/bench/bench.py $(KERNELS)

coverage:
	$(call need,$(TEST_PACKAGES))
	@$(RIG) $(PYTEST) --scope=long --effort=5 -k test_coverage tests/vm/test_debug.py; cat build/coverage/table

module:
	$(MAKE) -C $(KDIR) M=$(CURDIR)/src modules

tool:
	$(call need,$(TOOL_PACKAGES))
	@$(MAKE) --silent -C tools BUILD=$(CURDIR)/build

test-here: module
	$(MAKE) --silent -C tests/kernel BUILD=$(CURDIR)/build
	SCHED_TICK_KO=$(CURDIR)/src/sched_tick.ko build/ktest

bench-here: module
	rm -rf build/peers
	mkdir -p build/peers
	cp tests/bench/modules/* build/peers
	$(MAKE) -C $(KDIR) M=$(CURDIR)/build/peers TICKER_SRC=$(CURDIR)/src modules
	$(MAKE) --silent -C tests/kernel BUILD=$(CURDIR)/build
	@SCHED_TICK_KO=src/sched_tick.ko SCHED_TICK_HELPERS=build/peers $(RIG) $(PYTHON) tests/bench/here.py build/ktest

# Each package is made of one of install-dkms, install-tool and install-monitoring. `install` without DESTDIR also builds the
# module and enables the units.
install-source:
	install -d $(DKMS_SOURCE)/src
	install -m 0644 dkms.conf $(DKMS_SOURCE)
	printf '# SPDX-License-Identifier: GPL-2.0-only\nobj-m := src/\n' | install -m 0644 /dev/stdin $(DKMS_SOURCE)/Kbuild
	install -m 0644 src/Kbuild src/*.[ch] $(DKMS_SOURCE)/src

install-dkms: install-source
	install -d $(addprefix $(DESTDIR),/usr/libexec $(HOOKS))
	sed 's/@VERSION@/$(VERSION)/' packaging/dkms/sched-tick-dkms >$(DESTDIR)/usr/libexec/sched-tick-dkms
	chmod 0755 $(DESTDIR)/usr/libexec/sched-tick-dkms
	for directory in $(HOOKS); do install packaging/dkms/kernel-hook $(DESTDIR)$$directory/00-sched-tick-dkms; done

install-tool:
	@$(MAKE) --silent -C tools BUILD=$(CURDIR)/build
	install -D build/sched-tick $(DESTDIR)$(sbindir)/sched-tick
	install -d $(addprefix $(DESTDIR),/etc/sched-tick.d $(unitdir) $(mandir)/man4 $(mandir)/man5 $(mandir)/man8)
	test -e $(DESTDIR)/etc/sched-tick.d/10-default.conf || install -m 0644 packaging/sched-tick.d/10-default.conf $(DESTDIR)/etc/sched-tick.d
	install -m 0644 packaging/systemd/*.service packaging/systemd/*.timer $(DESTDIR)$(unitdir)
	install -D -m 0644 packaging/systemd/sched-tick.sysusers $(DESTDIR)/usr/lib/sysusers.d/sched-tick.conf
	install -D -m 0644 packaging/systemd/sched-tick.modules-load $(DESTDIR)/usr/lib/modules-load.d/sched-tick.conf
	install -D -m 0644 -t $(DESTDIR)/usr/lib/udev/rules.d udev/*.rules
	install -m 0644 tools/*.4 $(DESTDIR)$(mandir)/man4
	install -m 0644 tools/*.5 $(DESTDIR)$(mandir)/man5
	install -m 0644 tools/*.8 $(DESTDIR)$(mandir)/man8
	install -D -m 0644 tools/completion/sched-tick.bash $(DESTDIR)/usr/share/bash-completion/completions/sched-tick
	install -D -m 0644 tools/completion/_sched-tick $(DESTDIR)$(zshdir)/_sched-tick

install-monitoring:
	install -D -m 0644 -t $(DESTDIR)/usr/share/sched-tick/monitoring packaging/monitoring/*.yml packaging/monitoring/*.json docs/runbook.md
	install -D -m 0644 -t $(DESTDIR)/usr/share/sched-tick/monitoring/logs packaging/monitoring/logs/*
	install -D -m 0644 -t $(DESTDIR)/usr/share/doc/sched-tick-monitoring packaging/monitoring/README.md

install:
ifeq ($(DESTDIR),)
	if test -x /usr/libexec/sched-tick-dkms; then /usr/libexec/sched-tick-dkms keep; fi
endif
	$(MAKE) --silent install-dkms install-tool install-monitoring
ifeq ($(DESTDIR),)
	/usr/libexec/sched-tick-dkms kernel $(KVER)
	dkms status -m sched_tick -v $(VERSION) -k $(KVER) | grep -q installed || { echo 'no module for $(KVER): are its headers installed?' >&2; exit 1; }
	if command -v systemd-sysusers >/dev/null; then systemd-sysusers sched-tick.conf; fi
	if test -d /run/systemd/system; then \
		systemctl daemon-reload; \
		systemctl enable sched-tick.service sched-tick-export.timer; \
	fi
endif

# The files to remove are those that an installation into an empty directory creates, but a changed file of settings stays.
uninstall:
ifeq ($(DESTDIR),)
	if test -x /usr/libexec/sched-tick-dkms; then /usr/libexec/sched-tick-dkms remove; fi
	if test -d /run/systemd/system; then systemctl disable --now sched-tick.service sched-tick-export.timer sched-tick-record.service || :; fi
endif
	rm -rf build/installed
	$(MAKE) --silent install-dkms install-tool install-monitoring DESTDIR=$(CURDIR)/build/installed
	cmp -s packaging/sched-tick.d/10-default.conf $(DESTDIR)/etc/sched-tick.d/10-default.conf || rm build/installed/etc/sched-tick.d/10-default.conf
	cd build/installed && find . -type f | sed "s,^\.,$(DESTDIR)," | xargs rm -f
	rmdir $(DKMS_SOURCE)/src $(DKMS_SOURCE) $(DESTDIR)/etc/sched-tick.d \
		$(DESTDIR)/usr/share/sched-tick/monitoring/logs $(DESTDIR)/usr/share/sched-tick/monitoring \
		$(DESTDIR)/usr/share/sched-tick $(DESTDIR)/usr/share/doc/sched-tick-monitoring 2>/dev/null || :
	rm -rf build/installed

# Packages are built outside this tree. All files get the date of the changelog, so that builds are reproducible.
deb rpm srpm kmod akmod: export SOURCE_DATE_EPOCH = $(shell date -d "$$(sed -n 's/^ -- .*>  //p' packaging/debian/changelog | head -n 1)" +%s)

deb:
	$(call need,$(DEB_PACKAGES) $(TOOL_PACKAGES))
	@packaging/debian/build.sh $(VERSION) $(CURDIR)/dist

rpm:
	$(call need,$(RPM_PACKAGES) $(TOOL_PACKAGES))
	@packaging/rpm/build.sh $(VERSION) $(CURDIR)/dist -ba sched-tick

srpm:
	$(call need,$(RPM_PACKAGES))
	@packaging/rpm/build.sh $(VERSION) $(CURDIR)/dist -bs sched-tick

# Without kmodtool, which only Fedora has, rpmbuild makes the source package alone.
akmod:
	$(call need,$(RPM_PACKAGES))
	@packaging/rpm/build.sh $(VERSION) $(CURDIR)/dist $(if $(shell command -v kmodtool),-ba,-bs) sched-tick-kmod

kmod:
	$(call need,$(KMOD_PACKAGES))
	@packaging/kmod/build.sh $(VERSION) $(CURDIR)/dist '$(KVER)' '$(KDIR)' '$(KEY)' '$(CERT)'

# The repositories hold the packages of dist/.
REPO ?= $(CURDIR)/dist/repo
URL ?= file://$(REPO)
repo:
	$(call need,$(REPO_PACKAGES) $(RPM_PACKAGES))
	@test -n '$(KEY)' || { echo 'make repo: KEY is missing: the key of gpg to sign with' >&2; exit 2; }
	@packaging/repo.sh $(CURDIR)/dist '$(abspath $(REPO))' '$(KEY)' '$(URL)'

# TREE is a kernel tree. `make series` leaves it unchanged.
need-tree = @test -n '$(TREE)' || { echo 'make $@: TREE is missing: a kernel tree' >&2; exit 2; }
copy-builtin:
	$(need-tree)
	@$(PYTHON) packaging/kernel/into_tree.py copy '$(TREE)'

series:
	$(need-tree)
	@$(PYTHON) packaging/kernel/into_tree.py series '$(TREE)' $(CURDIR)/dist/series

clean:
	rm -rf build dist
	git clean -fdXq src
