# SPDX-License-Identifier: GPL-2.0-only
#
# The front door: `make help`. The kernel's side of the build is src/Kbuild.

VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
KERNEL ?= 6.1
KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build
DESTDIR ?=
DKMS_SOURCE := $(DESTDIR)/usr/src/sched_tick-$(VERSION)

DKMS_MODULE := -m sched_tick -v $(VERSION)
dkms-remove = if dkms status $(DKMS_MODULE) | grep -q .; then dkms remove $(DKMS_MODULE) --all; fi

PYTHON := /usr/bin/python3
PYTEST := $(PYTHON) -m pytest -p no:cacheprovider -ra
RIG := PYTHONPATH=tests/vm PYTHONDONTWRITEBYTECODE=1
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)

RIG_PACKAGES := busybox-static cpio gcc libc6-dev mmdebstrap python3 qemu-system-x86 xz-utils
TOOL_PACKAGES := gcc libc6-dev libinih-dev libsmartcols-dev
LONG_PACKAGES := clang libclang-rt-14-dev
TEST_PACKAGES := $(RIG_PACKAGES) $(TOOL_PACKAGES) codespell coccinelle git libcmocka-dev libpython3.11 man-db perl \
	python3-pytest shellcheck zsh

# $(call need,PACKAGES): install what is not there yet; says so.
need = @missing=$$(for package in $(1); do \
		dpkg-query -W -f '$${db:Status-Status}' $$package 2>/dev/null | grep -qx installed || echo $$package; \
	done); \
	if [ -n "$$missing" ]; then \
		echo "installing what is missing:" $$missing; \
		$(SUDO) apt-get -qq update && \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends $$missing >/dev/null; \
	fi

PICTURE_PACKAGES := fonts-dejavu-core gnuplot-nox pango1.0-tools

.PHONY: help demo test test-long check test-here shell pictures module tool install uninstall clean

help:
	@echo 'make demo            the module at work on a stock kernel, in a throw-away virtual machine'
	@echo 'make test            every test, from a fresh machine; within an hour'
	@echo 'make check           the fast loop: static checks, host unit tests, one kernel; minutes'
	@echo 'make test-long       every test in full, on every kernel; hours'
	@echo 'make shell           a shell in the virtual machine, module loaded (KERNEL=5.10, 6.1, 6.12 or 7.3)'
	@echo 'make pictures        the pictures of the README, anew'
	@echo 'make module          build for the running kernel, here (KVER=... for another)'
	@echo 'make tool            build sched-tick(8) into build/'
	@echo 'sudo make test-here  the in-machine tests on this machine and its running kernel'
	@echo 'sudo make install    hand the module to DKMS on this machine (DESTDIR=... only lays the files down)'
	@echo 'sudo make uninstall  take it away again'
	@echo 'make clean           remove what was built here; the cache stays'

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

module:
	$(MAKE) -C $(KDIR) M=$(CURDIR)/src modules

tool:
	$(call need,$(TOOL_PACKAGES))
	@$(MAKE) --silent -C tools BUILD=$(CURDIR)/build

test-here: module
	$(MAKE) --silent -C tests/kernel BUILD=$(CURDIR)/build
	SCHED_TICK_KO=$(CURDIR)/src/sched_tick.ko build/ktest

install:
	install -d $(DKMS_SOURCE)/src
	install -m 0644 dkms.conf $(DKMS_SOURCE)
	install -m 0644 src/Kbuild src/*.[ch] $(DKMS_SOURCE)/src
ifeq ($(DESTDIR),)
	$(dkms-remove)
	dkms add $(DKMS_MODULE)
	dkms install $(DKMS_MODULE) -k $(KVER)
endif

uninstall:
ifeq ($(DESTDIR),)
	$(dkms-remove)
endif
	rm -rf $(DKMS_SOURCE)

clean:
	rm -rf build
	git clean -fdXq src
