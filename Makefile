# wgsuite: one non-recursive Makefile with one table of rooms. `make help` lists the targets.

VERSION := 0.1.0

# Where `make install` puts things. RUNSTATEDIR and SYSCONFDIR are also compiled in.
PREFIX ?= /usr
DESTDIR ?=
SYSCONFDIR ?= /etc
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
BASHCOMPDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHCOMPDIR ?= $(PREFIX)/share/zsh/site-functions
FISHCOMPDIR ?= $(PREFIX)/share/fish/vendor_completions.d
SYSTEMDUNITDIR ?= $(PREFIX)/lib/systemd/system
RUNSTATEDIR ?= /var/run

# A second build goes beside the first: make BUILD=build/asan SAN=address,undefined check
BUILD ?= build
# However it is spelled: the dependencies that are kept from one build to the next name their files.
override BUILD := $(patsubst $(CURDIR)/%,%,$(abspath $(BUILD)))
SAN ?=
WERROR ?=

# ---- the rooms: who may include whom, bottom first ------------------------------------------

rooms := lib/util lib/model lib/crypto lib/conf lib/uapi lib/netlink lib/ipc \
	datapath/engine datapath/host datapath cmd cmd/wg cmd/wg-quick

all_lib := lib/util lib/model lib/crypto lib/conf lib/uapi lib/netlink lib/ipc

below/lib/util :=
below/lib/model := lib/util
below/lib/crypto := lib/util
below/lib/conf := lib/model lib/util
below/lib/uapi := lib/model lib/crypto lib/util
below/lib/netlink := lib/model lib/util
below/lib/ipc := lib/uapi lib/netlink lib/model lib/util
below/datapath/engine := lib/model lib/crypto lib/util
below/datapath/host := datapath/engine lib/uapi lib/model lib/crypto lib/util
below/datapath := datapath/host datapath/engine lib/uapi lib/model lib/crypto lib/util
below/cmd := lib/util
below/cmd/wg := cmd $(all_lib)
below/cmd/wg-quick := cmd $(all_lib)

# Libraries, by the only room that may include their headers.
packages/lib/crypto := libcrypto libsodium
packages/lib/conf := inih
packages/lib/netlink := libmnl libnl-3.0 libnl-route-3.0

# Libraries that are linked in, where the system has them as archives: to load one takes 40 to 90 us
# of the 550 in which wg starts and ends; libnl takes 500 of wg-quick's. `make EMBED=` loads all of
# them.
EMBED ?= libsodium inih libnl-3.0 libnl-route-3.0

# Libraries that a program loads by itself when it first needs them, unless they are linked in. An
# interface without a key starts 1 ms sooner and with 1.4 MiB less where it does not load libcrypto
# (lib/crypto/ossl.c has the figures). Linked in, it takes half of both back, and the system's
# security updates no longer reach it without a rebuild. So that is for who asks for it, say for a
# container without libraries: make EMBED="libsodium inih libnl-3.0 libnl-route-3.0 libcrypto"
LOADED := $(filter-out $(EMBED),libcrypto)

# A program is the main.c of its room.
programs := wg wg-quick wg-datapath
room_of/wg := cmd/wg
room_of/wg-quick := cmd/wg-quick
room_of/wg-datapath := datapath

# A fuzz target is tests/fuzz/NAME_fuzz.c, with its corpus in tests/fuzz/corpus/NAME.
room_of_fuzz/conf := lib/conf
room_of_fuzz/names := lib/conf
room_of_fuzz/uapi := lib/uapi
room_of_fuzz/from_udp := datapath/engine
room_of_fuzz/from_tun := datapath/engine
room_of_fuzz/offload := datapath/host
room_of_fuzz/netlink := lib/netlink
room_of_fuzz/srv := lib/ipc
room_of_fuzz/set := cmd/wg
room_of_fuzz/journal := cmd/wg-quick

# ---- flags -----------------------------------------------------------------------------------

PKG_CONFIG ?= pkg-config
ifeq ($(origin CC),default)
CC := gcc
endif
CFLAGS ?= -O2 -g
warnings := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	$(if $(findstring clang,$(CC)),,-Wno-format-truncation) $(if $(WERROR),-Werror)
flags := -std=gnu11 $(warnings) -MMD -MP -I. -D_GNU_SOURCE -DVERSION='"$(VERSION)"' \
	$(if $(filter libcrypto,$(LOADED)),,-DOSSL_LINKED) \
	-DRUNSTATEDIR='"$(RUNSTATEDIR)"' -DSYSCONFDIR='"$(SYSCONFDIR)"' \
	-fstack-protector-strong -fPIE -ffunction-sections -fdata-sections
link_flags := -pie -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,--gc-sections
ifneq ($(SAN),)
flags += -fsanitize=$(SAN) -fno-omit-frame-pointer
link_flags += -fsanitize=$(SAN)
endif
ifneq ($(findstring undefined,$(SAN)),)
flags += -fno-sanitize-recover=undefined
endif

# `make V=1` shows the commands.
quietly = $(if $(V),,@echo '  $1  $@';)

# ---- derived from the table ------------------------------------------------------------------

sources_in = $(filter-out %/main.c,$(wildcard $1/*.c))
objects_in = $(patsubst %.c,$(BUILD)/%.o,$(call sources_in,$1))
archive_of = $(BUILD)/$1.a
archives_for = $(foreach room,$1 $(below/$1),$(if $(call sources_in,$(room)),$(call archive_of,$(room))))
cflags_for = $(foreach package,$(packages/$1),$(cflags/$(package)))
libs_for = $(foreach room,$1 $(below/$1),$(foreach package,$(packages/$(room)),$(libs/$(package))))

# The flag -lNAME, or the path of its archive if the package is one of EMBED.
archive_or_flag = $(or $(filter /%,$(shell $(CC) -print-file-name=$(patsubst -l%,lib%.a,$1))),$1)
embedded = $(foreach flag,$2,$(if $(and $(filter $1,$(EMBED)),$(filter -l%,$(flag))),$(call archive_or_flag,$(flag)),$(flag)))

all_packages := $(sort $(foreach room,$(rooms),$(packages/$(room))) cmocka)
$(foreach package,$(all_packages),\
	$(eval cflags/$(package) = $$(eval cflags/$(package) := $$(shell $(PKG_CONFIG) --cflags $(package)))$$(cflags/$(package)))\
	$(eval libs/$(package) = $$(eval libs/$(package) := $$(call embedded,$(package),$$(if $$(filter $(package),$$(LOADED)),,$$(shell $(PKG_CONFIG) --libs $(package)))))$$(libs/$(package))))

# tests/unit/cidr_test.c tests the room in which cidr.c is.
unit_sources := $(wildcard tests/unit/*_test.c)
unit_tests := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(unit_sources))
room_of_test = $(patsubst %/,%,$(firstword $(dir $(wildcard $(addsuffix /$(patsubst %_test,%,$1).c,$(rooms))))))

fuzz_names := $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))
fuzz_replays := $(patsubst %,$(BUILD)/tests/fuzz/%_replay,$(fuzz_names))
fuzz_targets := $(patsubst %,$(BUILD)/tests/fuzz/%_fuzz,$(fuzz_names))

bench_helpers := $(patsubst tests/bench/%.c,$(BUILD)/tests/bench/%,$(wildcard tests/bench/*.c))

binaries := $(addprefix $(BUILD)/,$(programs))
headers := $(foreach room,$(rooms),$(wildcard $(room)/*.h))
c_files := $(foreach room,$(rooms),$(wildcard $(room)/*.c)) $(wildcard tests/*/*.c tests/*/*.h)

.PHONY: all check check-kernel check-slow check-unit check-cli check-netns fuzz fuzz-targets bench \
	bench-tools bench-datapath demo setup \
	layers headers tidy format check-format completions install uninstall clean help
.DELETE_ON_ERROR:
.SECONDARY:

all: $(binaries)

help:
	@echo 'all          build the programs into $(BUILD)/'
	@echo 'setup        install the Debian packages that building, demo and tests need'
	@echo 'demo         set up, build, and show a tunnel at work (root)'
	@echo 'check        set up, build, run all tests (root runs more of them)'
	@echo 'check-unit check-cli check-netns   a part of the tests'
	@echo 'check-kernel the tests of the kernel driver: of this kernel, or of others, emulated'
	@echo 'check-slow   the tests that take minutes of real time'
	@echo 'bench        measure wg and wg-quick beside the originals, and wg-datapath beside other'
	@echo '             userspace WireGuards, into docs/bench (root); BENCH=--help,'
	@echo '             BENCH_QUICK=--help and BENCH_DATAPATH=--help list the options'
	@echo 'bench-tools bench-datapath         a part of it'
	@echo 'fuzz         build the libFuzzer targets (clang) into $(BUILD)/fuzz'
	@echo 'layers headers tidy format         keep the house in order'
	@echo 'completions  write completions/* anew, from the tables of the programs'
	@echo 'install uninstall clean            PREFIX, DESTDIR and more: see the top of Makefile'

# What a file was built with: a change of flags rebuilds it.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(subst ','"'"',$(flags)) $(CFLAGS) $(CPPFLAGS)' | cmp -s - $@ || \
		echo '$(CC) $(subst ','"'"',$(flags)) $(CFLAGS) $(CPPFLAGS)' > $@
FORCE:

define room_rules
$(BUILD)/$1.a: $(call objects_in,$1)
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(call quietly,AR)$(AR) rcs $$@ $$^
$(BUILD)/$1/%.o: $1/%.c $(BUILD)/flags
	@mkdir -p $$(@D)
	$$(call quietly,CC)$(CC) $(flags) $(CFLAGS) $(CPPFLAGS) $$(call cflags_for,$1) -c -o $$@ $$<
endef
$(foreach room,$(rooms),$(eval $(call room_rules,$(room))))

link = $(call quietly,LD)$(CC) $(link_flags) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) \
	-Wl,--start-group $(filter %.a,$^) -Wl,--end-group

define program_rules
$(BUILD)/$1: $(BUILD)/$(room_of/$1)/main.o $(call archives_for,$(room_of/$1))
	$$(link) $$(call libs_for,$(room_of/$1))
endef
$(foreach program,$(programs),$(eval $(call program_rules,$(program))))

# ---- tests -----------------------------------------------------------------------------------

# wg-quick as it is, but that it kills itself where it is told to: see cmd/wg-quick/crash.h.
crash_program := $(BUILD)/crash/wg-quick
$(BUILD)/crash/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call quietly,CC)$(CC) $(flags) $(CFLAGS) $(CPPFLAGS) -DCRASH_POINTS -c -o $@ $<
$(crash_program): $(patsubst %.c,$(BUILD)/crash/%.o,$(wildcard cmd/wg-quick/*.c)) \
		$(filter-out $(BUILD)/cmd/wg-quick.a,$(call archives_for,cmd/wg-quick))
	$(link) $(call libs_for,cmd/wg-quick)

$(BUILD)/tests/%.o: tests/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call quietly,CC)$(CC) $(flags) $(CFLAGS) $(CPPFLAGS) $(cflags/cmocka) -Wno-missing-prototypes -c -o $@ $<

define unit_rules
$(BUILD)/tests/unit/$1: $(BUILD)/tests/unit/$1.o $(call archives_for,$(call room_of_test,$1))
	$$(link) $$(call libs_for,$(call room_of_test,$1)) $$(libs/cmocka)
endef
$(foreach test,$(notdir $(unit_tests)),$(eval $(call unit_rules,$(test))))

define fuzz_rules
$(BUILD)/tests/fuzz/$1_replay: $(BUILD)/tests/fuzz/$1_fuzz.o $(BUILD)/tests/fuzz/replay.o \
		$(call archives_for,$(room_of_fuzz/$1))
	$$(link) $$(call libs_for,$(room_of_fuzz/$1))
$(BUILD)/tests/fuzz/$1_fuzz: $(BUILD)/tests/fuzz/$1_fuzz.o $(call archives_for,$(room_of_fuzz/$1))
	$$(link) -fsanitize=fuzzer $$(call libs_for,$(room_of_fuzz/$1))
endef
$(foreach name,$(fuzz_names),$(eval $(call fuzz_rules,$(name))))

test_programs: $(binaries) $(crash_program) $(unit_tests) $(fuzz_replays) $(bench_helpers)

check:
	@./tests/setup
	@$(MAKE) --no-print-directory test_programs
	@BUILD=$(BUILD) ./tests/run unit fuzz cli netns

check-unit: $(unit_tests) $(fuzz_replays)
	@BUILD=$(BUILD) ./tests/run unit fuzz
check-cli check-netns check-slow: check-%: $(binaries) $(crash_program) $(bench_helpers)
	@BUILD=$(BUILD) ./tests/run $*

# On this kernel if it has the driver, else on others in an emulator: KERNELS="6.1 6.12 sid".
check-kernel: $(binaries)
	@! ./tests/kernel/lab --needed || ./tests/setup tests/packages tests/kernel/packages || true
	@BUILD=$(BUILD) KERNELS='$(KERNELS)' ./tests/run kernel

# Speed is not a test: whatever the table says, it ends well.
$(bench_helpers): %: %.o
	$(link) $(if $(filter %.a,$^),$(call libs_for,datapath/engine))
$(BUILD)/tests/bench/handshakes: $(call archives_for,datapath/engine)
# One after the other, also with -j.
bench:
	@$(MAKE) --no-print-directory bench-tools
	@$(MAKE) --no-print-directory bench-datapath
bench-tools: $(binaries) $(bench_helpers)
	@BUILD=$(BUILD) ./tests/bench/wg $(BENCH)
	@BUILD=$(BUILD) ./tests/bench/wg-quick $(BENCH_QUICK)
bench-datapath: $(binaries) $(bench_helpers)
	@./tests/setup tests/packages tests/bench/packages
	@BUILD=$(BUILD) ./tests/bench/datapath $(BENCH_DATAPATH)

# The fuzz targets need clang's runtime; run one as $(BUILD)/fuzz/tests/fuzz/NAME_fuzz CORPUS.
fuzz:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz CC=clang \
		SAN=fuzzer-no-link,address,undefined CFLAGS='-O1 -g' fuzz-targets
fuzz-targets: $(fuzz_targets)

setup:
	@./tests/setup

demo:
	@./tests/setup
	@$(MAKE) --no-print-directory -s all
	@BUILD=$(BUILD) ./tests/demo

# ---- order in the house ----------------------------------------------------------------------

layers:
	@$(foreach room,$(rooms),./tests/layers '$(room)' '$(room) $(below/$(room))' && ) true

# Each header compiles alone.
headers: $(patsubst %.h,$(BUILD)/headers/%.ok,$(headers))
$(BUILD)/headers/%.ok: %.h $(BUILD)/flags
	@mkdir -p $(@D)
	@$(CC) $(flags) $(call cflags_for,$(patsubst %/,%,$(dir $<))) -MF $(@:.ok=.d) -MT $@ \
		-fsyntax-only -x c -include $< /dev/null && touch $@

tidy:
	clang-tidy --quiet $(foreach room,$(rooms),$(wildcard $(room)/*.c)) -- \
		$(filter-out -MMD -MP,$(flags)) $(foreach package,$(all_packages),$(cflags/$(package)))

format:
	clang-format -i $(c_files)
check-format:
	clang-format --dry-run --Werror $(c_files)

# What each shell completes comes from the programs' own tables (cmd/completion.h).
completions: $(BUILD)/wg $(BUILD)/wg-quick
	@for program in wg wg-quick; do for shell in bash zsh fish; do \
		$(BUILD)/$$program completion $$shell > completions/$$program.$$shell || exit; \
	done; done

# ---- install ---------------------------------------------------------------------------------

manuals := $(wildcard man/*.8)
bash_scripts := $(wildcard completions/*.bash)
zsh_scripts := $(wildcard completions/*.zsh)
fish_scripts := $(wildcard completions/*.fish)
units := $(wildcard systemd/*.service systemd/*.target systemd/*.timer)
installed := $(addprefix $(BINDIR)/,$(programs)) \
	$(addprefix $(MANDIR)/man8/,$(notdir $(manuals))) \
	$(addprefix $(BASHCOMPDIR)/,$(notdir $(bash_scripts:.bash=))) \
	$(addprefix $(ZSHCOMPDIR)/_,$(notdir $(zsh_scripts:.zsh=))) \
	$(addprefix $(FISHCOMPDIR)/,$(notdir $(fish_scripts))) \
	$(addprefix $(SYSTEMDUNITDIR)/,$(notdir $(units)))

install: all
	install -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(MANDIR)/man8' '$(DESTDIR)$(BASHCOMPDIR)' \
		'$(DESTDIR)$(ZSHCOMPDIR)' '$(DESTDIR)$(FISHCOMPDIR)' '$(DESTDIR)$(SYSTEMDUNITDIR)'
	install -d -m 0700 '$(DESTDIR)$(SYSCONFDIR)/wireguard'
	install -m 0755 $(binaries) '$(DESTDIR)$(BINDIR)'
	$(if $(manuals),install -m 0644 $(manuals) '$(DESTDIR)$(MANDIR)/man8')
	$(foreach file,$(bash_scripts),install -m 0644 $(file) \
		'$(DESTDIR)$(BASHCOMPDIR)/$(notdir $(file:.bash=))' && ) true
	$(foreach file,$(zsh_scripts),install -m 0644 $(file) \
		'$(DESTDIR)$(ZSHCOMPDIR)/_$(notdir $(file:.zsh=))' && ) true
	$(if $(fish_scripts),install -m 0644 $(fish_scripts) '$(DESTDIR)$(FISHCOMPDIR)')
	$(if $(units),install -m 0644 $(units) '$(DESTDIR)$(SYSTEMDUNITDIR)')
	@# systemd does not look for programs in every place that BINDIR may be.
	$(if $(units),sed -i 's|^\(Exec[A-Za-z]*=\)wg-quick |\1$(BINDIR)/wg-quick |' \
		$(foreach file,$(units),'$(DESTDIR)$(SYSTEMDUNITDIR)/$(notdir $(file))'))

# Leaves $(SYSCONFDIR)/wireguard alone: the keys in it are not ours to delete.
uninstall:
	rm -f $(foreach file,$(installed),'$(DESTDIR)$(file)')

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
