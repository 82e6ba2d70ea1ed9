# SPDX-License-Identifier: GPL-2.0-only
#
# Every entry point of remotefs; `make help` lists them.

KERNEL ?=
FILTER ?=
# How long `make torture` goes on, and what its choices are made from.
TORTURE_SECONDS ?= 3600
TORTURE_SEED ?=
# How many operations `make fuzz` does, and what they are chosen from.
FUZZ_OPERATIONS ?= 1000000
FUZZ_SEED ?=
# How long `make fuzz-parsers` goes on with each parser.
FUZZ_SECONDS ?= 600
# Which Debian release `make deb` is for.
SUITE ?= bookworm
DESTDIR ?=
helperdir ?= /sbin
bindir ?= /usr/bin
sbindir ?= /usr/sbin
mandir ?= /usr/share/man
includedir ?= /usr/include
unitdir ?= /lib/systemd/system
completiondir ?= /usr/share/bash-completion/completions

CC ?= gcc
CLANG ?= clang
CFLAGS ?= -O2 -g
PKG_CONFIG ?= pkg-config
INSTALL ?= install
KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build
moduledir ?= /lib/modules/$(KVER)/updates
# Where what is compiled goes; each guest has its own.
O ?= build/host
V ?=

override CFLAGS += -std=gnu11 -Wall -Wextra -MMD -MP -D_GNU_SOURCE \
	-Iinclude/uapi
fuse_cflags = $(shell $(PKG_CONFIG) --cflags fuse3)
fuse_libs = $(shell $(PKG_CONFIG) --libs fuse3)

Q := $(if $(V),,@)
silent := $(findstring s,$(filter-out --%,$(firstword -$(MAKEFLAGS))))
note = $(if $(V)$(silent),,@printf '  %-7s %s\n' $(1) $(2))

helper_objects := $(patsubst %.c,$(O)/%.o,$(wildcard mount-helper/*.c))
tool_objects := $(patsubst %.c,$(O)/%.o,$(wildcard remotefsctl/*.c))
daemon_objects := $(patsubst %.c,$(O)/%.o,$(wildcard remotefsd/*.c))
helper := $(if $(helper_objects),$(O)/mount-helper/mount.remotefs)
tool := $(if $(tool_objects),$(O)/remotefsctl/remotefsctl)
daemon := $(if $(daemon_objects),$(O)/remotefsd/remotefsd)
programs := $(patsubst %.c,$(O)/%,$(wildcard tests/progs/*.c))
units := $(patsubst %.c,$(O)/%,$(wildcard tests/unit/*.c))
examples := $(patsubst %.c,$(O)/%,$(wildcard examples/*.c examples/vmi/*.c))
# Programs for the kernel's BPF machine: the same for all kernels, made once.
bpf_objects := $(patsubst tests/bpf/%.c,build/bpf/%.o,$(wildcard tests/bpf/*.bpf.c))
bpf_examples := $(patsubst examples/bpf/%.bpf.c,%,$(wildcard examples/bpf/*.bpf.c))
pages := $(wildcard man/*.[1-8])
service := $(wildcard remotefsd/*.service packaging/systemd/*)
completions := $(wildcard packaging/completion/*)
# The mount helper's main lives here and nowhere else.
helper_main := $(O)/mount-helper/mount.remotefs.o

.PHONY: help deb check-packages demo demo-vmi shell test torture fuzz fuzz-parsers bench bench-check check units lint requirements module userland \
	examples bpf bpf-examples \
	install uninstall install-userland clean deps deps-guest deps-bench deps-fuzz guest-payload
.DEFAULT_GOAL := help

help:
	@echo 'Seeing and trying it, in a guest (nothing touches this machine'"'"'s kernel):'
	@echo '  make demo           the whole thing at work on redis, step by step'
	@echo '  make demo-vmi       a virtual machine looked into, and code run on its memory'
	@echo '  make shell          the same guest, with a shell in it [KERNEL=trixie]'
	@echo
	@echo 'Testing:'
	@echo '  make test           lint, unit tests, and the suites on every kernel'
	@echo '                      [KERNEL=NAME: on one; FILTER=040: only such suites]'
	@echo '  make torture        everything at once, for an hour, on the debug kernel'
	@echo '                      [KERNEL=NAME, TORTURE_SECONDS=$(TORTURE_SECONDS), TORTURE_ROUNDS=N, TORTURE_SEED=N]'
	@echo '  make fuzz           a million operations by chance, on trixie'
	@echo '                      [KERNEL=NAME, FUZZ_OPERATIONS=$(FUZZ_OPERATIONS), FUZZ_SEED=N]'
	@echo '  make fuzz-parsers   commands and policies made up by libFuzzer [FUZZ_SECONDS=$(FUZZ_SECONDS) each]'
	@echo '  make bench          what things cost in instructions, beside peers [KERNEL=NAME]'
	@echo '  make bench-check    is any of it over its budget? [KERNEL=NAME]'
	@echo '  make check-packages build, install, boot with, and remove the packages [KERNEL=NAME]'
	@echo '  make check          unit tests only, on this machine'
	@echo '  make lint           what can be said without running anything'
	@echo '  make requirements   which requirements lack a passing test'
	@echo
	@echo 'Building and installing:'
	@echo '  make module         the module for KDIR=$(KDIR),'
	@echo '                      or for a guest with KERNEL=NAME'
	@echo '  make userland       mount.remotefs, remotefsd, and remotefsctl'
	@echo '  make examples       small programs that use the interface, in $(O)/examples'
	@echo '  make install        module, programs, man pages, unit [DESTDIR=]'
	@echo '  make uninstall      take all of that away again'
	@echo '  make deb            Debian packages, for SUITE=$(SUITE), in build/deb'
	@echo '  make deps           install the Debian packages that all this needs'
	@echo '  make clean          remove build/ (roots and kernels stay in ~/.cache/remotefs)'
	@echo
	@echo 'V=1 shows every command.  Kernels: $(shell awk '!/^\#/ && NF { print $$1 }' tests/qemu/kernels.list | xargs)'

# Guests

demo: deps-guest
	$(Q)tests/qemu/run --kernel $(or $(KERNEL),trixie) --timeout 300 -- \
		/usr/share/remotefs/tests/demo.sh

demo-vmi: deps-guest
	$(Q)tests/qemu/run --kernel $(or $(KERNEL),trixie) --timeout 600 -- \
		/usr/share/remotefs/tests/vmi/demo.sh /usr/lib/remotefs-tests

shell: deps-guest
	$(Q)tests/qemu/run --kernel $(or $(KERNEL),trixie) --shell -- \
		/usr/share/remotefs/tests/demo.sh --shell

test: deps
	$(Q)tests/matrix $(if $(KERNEL),--kernel '$(KERNEL)') $(if $(FILTER),--filter '$(FILTER)')

torture: deps-guest
	$(Q)tests/torture $(or $(KERNEL),debug) $(TORTURE_SECONDS) $(TORTURE_SEED)

fuzz: deps-guest
	$(Q)tests/fuzz $(or $(KERNEL),trixie) $(FUZZ_OPERATIONS) $(FUZZ_SEED)

bench: deps-bench
	$(Q)tests/bench $(or $(KERNEL),trixie)
	$(Q)tests/bench $(or $(KERNEL),trixie) --time

bench-check: deps-guest
	$(Q)set -e; for kernel in $(or $(KERNEL),bookworm trixie forky); do \
		echo "# $$kernel"; tests/bench $$kernel --check; done

lint: deps
	$(Q)tests/lint

requirements:
	$(Q)tests/requirements

units: $(units)

check: $(units)
	$(Q)set -e; for unit in $^; do echo "# $$unit"; $$unit; done

# The module

module:
ifeq ($(KERNEL),)
	$(call note,MODULE,$(KDIR))
	$(Q)$(MAKE) -C $(KDIR) M=$(CURDIR)/fs/remotefs modules
	$(Q)packaging/btf/module-btf fs/remotefs/remotefs.ko
else
	$(Q)tests/qemu/build $(KERNEL) module
	@echo build/$(KERNEL)/src/fs/remotefs/remotefs.ko
endif

# The programs

userland: $(helper) $(daemon) $(tool)

$(O)/remotefsd/%.o: CFLAGS += $(fuse_cflags)

$(O)/%.o: %.c
	$(call note,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(O)/mount-helper/mount.remotefs: $(helper_objects)
	$(call note,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(O)/remotefsd/remotefsd: $(daemon_objects)
	$(call note,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(fuse_libs) -lcap -lpthread $(LDLIBS)

$(O)/remotefsctl/remotefsctl: $(tool_objects)
	$(call note,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# What one is linked with, it names in a comment: Links: -lbpf
links = $$(sed -n 's|.*Links: \([^*]*\).*|\1|p' $<)
$(O)/tests/progs/%: tests/progs/%.c
	$(call note,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(links) -lpthread $(LDLIBS)

# As their readers compile them, but for warnings.
examples: $(examples)
	$(call bpf_example,all,$(O)/examples/bpf)

# bpf_example GOAL,DIRECTORY
bpf_example = $(Q)$(MAKE) $(if $(V),,-s) --no-print-directory -C examples/bpf O=$(CURDIR)/$(2) $(1)
# Without the objects, for which guests lack a compiler.
bpf-examples:
	$(call bpf_example,programs,$(O)/examples/bpf)

$(O)/examples/%: examples/%.c
	$(call note,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LDLIBS)

# These need no kernel's types: what they read of them, they name themselves.
bpf: $(bpf_objects)
	$(call bpf_example,objects,build/bpf)

bpf_flags = -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -O2 -g -Wall -Wextra -Wno-unused-parameter -MMD -MP \
	-Iinclude/uapi -isystem /usr/include/$(shell $(CC) -print-multiarch)
build/bpf/%.bpf.o: tests/bpf/%.bpf.c
	$(call note,CLANG,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(bpf_flags) -c -o $@ $<

# A unit test names what it tests in the same way: Links: remotefsd/command.c
# Another comment, "Sanitize: yes", is for those that look for what is out of bounds.
sanitizers := -fsanitize=address,undefined -fno-sanitize-recover=all
$(O)/tests/unit/%: tests/unit/%.c
	$(call note,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -Imount-helper -Iremotefsd $(LDFLAGS) -o $@ $< \
		$(links) $$(grep -q 'Sanitize: yes' $< && echo $(sanitizers)) -lpthread $(LDLIBS)

# The same, but with texts that libFuzzer makes up.
parser_fuzzers := $(patsubst tests/unit/%.c,$(O)/fuzz/%,$(wildcard tests/unit/*-fuzz.c))
$(O)/fuzz/%: tests/unit/%.c
	$(call note,CLANG,$@)
	$(Q)mkdir -p $(@D)
	$(Q)clang $(CPPFLAGS) $(CFLAGS) -DLIBFUZZER -Iremotefsd -fsanitize=fuzzer $(sanitizers) \
		-o $@ $< $(links)

fuzz-parsers: deps-fuzz $(parser_fuzzers)
	$(Q)set -e; for fuzzer in $(parser_fuzzers); do \
		mkdir -p $$fuzzer.corpus; \
		$$fuzzer -max_total_time=$(FUZZ_SECONDS) -max_len=512 -print_final_stats=1 \
			-artifact_prefix=$$fuzzer. $$fuzzer.corpus; \
	done

-include $(helper_objects:.o=.d) $(daemon_objects:.o=.d) $(tool_objects:.o=.d) \
	$(addsuffix .d,$(programs) $(units) $(examples)) $(bpf_objects:.o=.d)

# Installing on this machine

install: module install-userland
	$(Q)$(INSTALL) -D -m 644 fs/remotefs/remotefs.ko $(DESTDIR)$(moduledir)/remotefs.ko
	$(Q)$(if $(DESTDIR),,depmod $(KVER))

install-userland: userland
	$(if $(helper),$(Q)$(INSTALL) -D -m 755 $(helper) $(DESTDIR)$(helperdir)/mount.remotefs)
	$(if $(daemon),$(Q)$(INSTALL) -D -m 755 $(daemon) $(DESTDIR)$(sbindir)/remotefsd)
	$(if $(tool),$(Q)$(INSTALL) -D -m 755 $(tool) $(DESTDIR)$(bindir)/remotefsctl)
	$(if $(service),$(Q)$(INSTALL) -D -m 644 -t $(DESTDIR)$(unitdir) $(service))
	$(Q)$(INSTALL) -D -m 644 include/uapi/linux/remotefs.h \
		$(DESTDIR)$(includedir)/linux/remotefs.h
	$(Q)$(INSTALL) -D -m 644 -t $(DESTDIR)$(completiondir) $(completions)
	$(Q)for page in $(pages); do \
		$(INSTALL) -D -m 644 -t $(DESTDIR)$(mandir)/man$${page##*.} $$page; \
	done

uninstall:
	$(Q)rm -f $(DESTDIR)$(moduledir)/remotefs.ko \
		$(DESTDIR)$(helperdir)/mount.remotefs $(DESTDIR)$(sbindir)/remotefsd \
		$(DESTDIR)$(bindir)/remotefsctl \
		$(DESTDIR)$(includedir)/linux/remotefs.h \
		$(addprefix $(DESTDIR)$(unitdir)/,$(notdir $(service))) \
		$(addprefix $(DESTDIR)$(completiondir)/,$(notdir $(completions)))
	$(Q)for page in $(notdir $(pages)); do \
		rm -f $(DESTDIR)$(mandir)/man$${page##*.}/$$page; \
	done
	$(Q)$(if $(DESTDIR),,depmod $(KVER))

# Debian packages; built in the root of a release, so nothing is needed here.
deb: deps-guest
	$(Q)tests/packages --only-build $(SUITE)
	@ls build/deb/$(SUITE)/*.deb

check-packages: deps-guest
	$(Q)tests/packages $(KERNEL)

# What tests/qemu/build lays over a guest's root; it runs inside that root.
guest_tests = $(DESTDIR)/usr/share/remotefs/tests
guest-payload: install-userland $(programs) $(examples) bpf-examples
	$(Q)mkdir -p $(guest_tests) $(DESTDIR)/usr/lib/remotefs-tests
	$(Q)rsync -a --delete --exclude=/progs --exclude=/unit --exclude=/module tests/ $(guest_tests)/
	$(Q)$(INSTALL) -m 755 -t $(guest_tests) examples/hooks/*
	$(Q)$(INSTALL) -D -m 755 -t $(guest_tests)/vmi examples/vmi/demo.sh
	$(Q)$(INSTALL) -m 644 -t $(guest_tests) docs/forensics.md docs/tracing.md
	$(Q)rm -f $(DESTDIR)/usr/lib/remotefs-tests/*
	$(if $(programs),$(Q)$(INSTALL) -m 755 -t $(DESTDIR)/usr/lib/remotefs-tests \
		$(programs) $(examples) $(bpf_examples:%=$(O)/examples/bpf/%))
	$(Q)$(INSTALL) -m 644 -t $(DESTDIR)/usr/lib/remotefs-tests \
		$(bpf_objects) $(bpf_examples:%=build/bpf/%.bpf.o)

clean:
	$(Q)rm -rf build
	$(Q)cd fs/remotefs && rm -rf *.o *.ko *.mod *.mod.c .*.cmd Module.symvers modules.order .*.d

# What the host needs, as Debian 12 names it.
guest_packages := mmdebstrap debian-archive-keyring e2fsprogs \
	busybox-static cpio rsync kmod xz-utils zstd util-linux make \
	gcc libc6-dev clang libbpf-dev
build_packages := gcc libc6-dev pkg-config libfuse3-dev libcap-dev linux-headers-amd64 pahole
lint_packages := shellcheck shfmt mandoc codespell sparse perl linux-source

deps-guest:
	$(Q)tests/deps $(guest_packages)

deps-bench:
	$(Q)tests/deps $(guest_packages) gnuplot-nox

deps-fuzz:
	$(Q)tests/deps $(build_packages) clang

deps:
	$(Q)tests/deps $(guest_packages) $(build_packages) $(lint_packages)
