# SPDX-License-Identifier: BSD-2-Clause
#
# Builds loopstall out of tree under build/. `make help` lists the targets.
#
#   V=1                    show the commands
#   BUILD=DIR              build elsewhere
#   CC, CPPFLAGS, CFLAGS, LDFLAGS, LDLIBS, PKG_CONFIG, DESTDIR, prefix: as usual
#   HOST=aarch64-linux-gnu cross compile with the compiler, headers and libraries of that machine
#   SYSROOT=DIR            of a cross build: take headers and libraries from a tree below DIR
#   EMULATOR=COMMAND       of a cross build: what runs a program of that machine
#   SAN=1                  build with ASan and UBSan
#   MODULES="base stream"  build and test only these folders of src/ and tests/unit/

BUILD   ?= build
V       ?= 0
prefix  ?= /usr/local
bindir  ?= $(prefix)/bin
datadir ?= $(prefix)/share
mandir  ?= $(datadir)/man
bashcompdir ?= $(datadir)/bash-completion/completions
zshcompdir  ?= $(datadir)/zsh/site-functions
fishcompdir ?= $(datadir)/fish/vendor_completions.d

# Without HOST, the machine is the one that the compiler builds for.
ifeq ($(origin CC),default)
CC      := $(if $(HOST),$(HOST)-gcc,gcc)
endif
TRIPLET := $(or $(HOST),$(shell $(CC) -dumpmachine 2>/dev/null))
MACHINE := $(firstword $(subst -, ,$(TRIPLET)))
MULTIARCH := $(or $(HOST),$(shell $(CC) -print-multiarch 2>/dev/null))
IS_CROSS  := $(if $(MACHINE),$(filter-out $(MACHINE),$(shell uname -m)))
# How src/arch/, bpf/arch/, tests/unit/arch/ and libbpf's headers name the compilers' machines.
MACHINES     := x86_64 aarch64
ARCH_x86_64  := x86
ARCH_aarch64 := arm64
ARCH    := $(ARCH_$(MACHINE))
# Those that have a file on each side.
has_files = $(and $(wildcard src/arch/$(1).c),$(wildcard bpf/arch/$(1).h))
SUPPORTED := $(strip $(foreach m,$(MACHINES),$(if $(call has_files,$(ARCH_$(m))),$(m))))

USR     := $(SYSROOT)/usr
PKG_CONFIG_CROSS := $(if $(SYSROOT),PKG_CONFIG_SYSROOT_DIR=$(SYSROOT) \
	)PKG_CONFIG_LIBDIR=$(USR)/lib/$(MULTIARCH)/pkgconfig:$(USR)/share/pkgconfig
# Before what the cross compiler has of its own.
ifneq ($(SYSROOT),)
override CC += --sysroot=$(SYSROOT) -isystem $(USR)/include/$(MULTIARCH) \
	-B$(USR)/lib/$(MULTIARCH) -L$(USR)/lib/$(MULTIARCH) -Wl,-rpath-link,$(USR)/lib/$(MULTIARCH)
endif
PKG_CONFIG ?= $(if $(IS_CROSS),$(PKG_CONFIG_CROSS) )pkg-config
STRIP   ?= $(if $(IS_CROSS),$(MULTIARCH)-)strip
OBJCOPY ?= $(if $(IS_CROSS),$(MULTIARCH)-)objcopy
CLANG   ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/local/sbin/bpftool) bpftool)
PYTHON  ?= /usr/bin/python3
JOBS    ?= $(shell nproc)
FUZZ_SECONDS ?= 60

# Libraries: pkg-config's name and the Debian package.
LIBRARIES := libbpf:libbpf-dev libdw:libdw-dev libelf:libelf-dev \
	jansson:libjansson-dev libzstd:libzstd-dev zlib:zlib1g-dev libcap-ng:libcap-ng-dev \
	ncursesw:libncurses-dev inih:libinih-dev liblzma:liblzma-dev \
	libmicrohttpd:libmicrohttpd-dev gnutls:libgnutls28-dev yaml-0.1:libyaml-dev \
	libcrypt:libcrypt-dev libseccomp:libseccomp-dev
pc_name = $(firstword $(subst :, ,$(1)))
pc_package = $(lastword $(subst :, ,$(1)))
PC_NAMES := $(foreach l,$(LIBRARIES),$(call pc_name,$(l)))

# Debian packages: what the build needs, what the demo runs besides, what the tests do.
DEPS_BUILD := gcc libc6-dev make binutils clang llvm bpftool pkg-config uthash-dev libiberty-dev \
	libcurl4-gnutls-dev libunistring-dev ncurses-bin ncurses-base \
	$(foreach l,$(LIBRARIES),$(call pc_package,$(l)))
DEPS_DEMO  := python3
DEPS_ARM64 := gcc-aarch64-linux-gnu qemu-user-static qemu-system-arm
DEPS_DIST  := debhelper dpkg-dev rpm
DEPS_TEST  := libcriterion-dev libcapstone-dev gcovr libclang-rt-dev python3-uvloop \
	python3-uvicorn python3-httptools python3-greenlet python3-aiohttp python3-gunicorn \
	python3-trio python3-anyio tmux wrk chromium protobuf-compiler python3-protobuf \
	python3-jsonschema python3-markdown-it libxml2-utils python3-sarif-python-om \
	python3-pytest python3-pytest-asyncio python3-pip python3-yaml iproute2 libcap2-bin \
	debootstrap qemu-system-x86 clang-format man-db groff-base bash zsh fish strace systemd \
	python3-twisted python3-fastapi openssl prometheus prometheus-alertmanager \
	python3-prometheus-client curl python3-asgiref python3-asyncpg python3-redis \
	python3-sqlalchemy python3-aiosqlite python3-seccomp python3-kubernetes docker-compose \
	python3-quart python3-hypercorn python3-django daphne python3-pytest-xdist \
	python3-nest-asyncio python3-gevent python3-tornado python3-distributed \
	$(DEPS_DIST) python3-venv lintian jq $(DEPS_ARM64)

# Interpreters that Debian 12 lacks, from the newer suite; tests/live/interpreters.py says which
# must be there.
TREE_SUITE    := sid
TREE_PACKAGES := python3.13 python3.14 python3.15 python3-uvloop python3-greenlet python3-trio \
	python3-anyio

# For tests on arm64 from another machine: trees of Debian packages to build with, and of two suites
# to take the interpreters and libraries of emulated machines from.
ARM64_TREES    := $(BUILD)/arm64
ARM64_GOALS    := all
# Not CC, which may be given for this machine's own build.
ARM64_CC       := aarch64-linux-gnu-gcc
ARM64_SYSROOT  := $(abspath $(ARM64_TREES)/bookworm)
ARM64_RUN      := python3 python3-uvloop python3-greenlet mount util-linux coreutils
ARM64_BOOKWORM := libc6-dev libgcc-12-dev libiberty-dev uthash-dev \
	libcurl4-gnutls-dev libunistring-dev libcriterion-dev libcapstone-dev \
	$(foreach l,$(LIBRARIES),$(call pc_package,$(l))) \
	$(ARM64_RUN)
ARM64_TRIXIE   := libbpf1 libdw1t64 libjansson4 libcap-ng0 libncursesw6 libinih1 \
	libmicrohttpd12t64 libgnutls30t64 libyaml-0-2 libseccomp2 libcrypt1 $(ARM64_RUN)

# What loopstall is compared with (`make bench-deps`; nothing else needs it): packages, and those
# that only newer suites have.
DEPS_BENCH := bpftrace python3-yappi python3-uvloop python3-uvicorn python3-httptools wrk \
	debootstrap
BENCH_SID_PACKAGES    := python3 python3.15 python3-pyinstrument python3-uvloop python3-uvicorn \
	python3-httptools
BENCH_TRIXIE_PACKAGES := austin

# The order is the way the data flows.
MODULES ?= base arch runtime process python probe stream symbol model record compare view report \
	session check dump http otlp serve app

WARNINGS := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith \
	-Wwrite-strings -Wvla -Wformat=2 -Wimplicit-fallthrough
# clang, unlike gcc, warns where the macros of uthash.h are used, and these fall through unmarked.
ifneq ($(findstring clang,$(shell $(CC) --version 2>/dev/null)),)
WARNINGS += -Wno-implicit-fallthrough
endif
CFLAGS   ?= -O2 -g
LIBS     := $(shell $(PKG_CONFIG) --libs $(PC_NAMES) 2>/dev/null) -liberty -lm
# -iquote is for bpf/core/state.h, which src/probe/open_spans.c shares with the kernel side. Of the
# libraries' flags only the folders count: feature macros are ours (-D_GNU_SOURCE).
INCLUDES := -Iinclude -Isrc -I$(BUILD)/gen -iquote . \
	$(shell $(PKG_CONFIG) --cflags-only-I $(PC_NAMES) 2>/dev/null)
# Same bytes whatever the folder of the sources or of the build is called.
REPRODUCIBLE := -ffile-prefix-map=$(CURDIR)=. -ffile-prefix-map=$(BUILD)/=build/ \
	$(if $(SYSROOT),-ffile-prefix-map=$(SYSROOT)=)
# The tool runs as root, so the usual hardening is on. The sanitizers bring their own checks of what
# _FORTIFY_SOURCE wraps, and see less through it.
ifeq ($(SAN),1)
HARDEN   := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LDHARDEN := -fsanitize=address,undefined
else
FORTIFY  := $(if $(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),, \
	-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
HARDEN   := $(FORTIFY) -fstack-protector-strong -fPIE
LDHARDEN := -pie -Wl,-z,relro,-z,now
endif
ALL_CFLAGS := -std=gnu11 $(HARDEN) $(WARNINGS) $(REPRODUCIBLE) $(INCLUDES) -D_GNU_SOURCE \
	$(CPPFLAGS) $(CFLAGS)
# Where a program's time is not spent small code is worth more: the static program has less than
# 6 MiB. Not if somebody chooses another optimization.
SMALL_MODULES := app check compare dump http probe process report serve session symbol
# Of the dashboard what is drawn once, not for each of thousands of rows. Of the model what is said
# of a few rows. Of Python what examines a process, once, or says what is wrong with few tasks.
SMALL_FILES := view/detail%.o view/header.o view/preview.o view/screen_detail.o \
	view/screen_help.o view/view_%.o model/findings.o model/lint%.o \
	python/interpreter.o python/modules.o python/step_spots.o \
	$(addprefix python/py_,advice.o check.o entries.o lifecycle.o lost.o polls.o sends.o \
	tracked.o trio.o warned.o)
$(foreach m,$(SMALL_MODULES:%=%/%.o) $(SMALL_FILES),$(BUILD)/obj/$(m)): \
	SIZE_CFLAGS = $(if $(filter -O2,$(CFLAGS)),-Os)
TEST_CFLAGS = $(HOST_INCLUDES) $(ALL_CFLAGS) -Ibpf -Itests/unit \
	-DTEST_DATA_DIR='"$(BUILD)/tests/data"'
# Under the sanitizers it takes longer to optimize a test than to run it.
TEST_LEVEL := $(if $(filter 1,$(SAN)),-O0)

# Hidden, because a name like on_exit would otherwise replace that of a library. BPF has no strict
# aliasing.
HOST_INCLUDES := -Itests/unit/bpf/host/fake -Itests/unit/arch/$(ARCH)
$(BUILD)/obj/bpf/%.o $(BUILD)/obj/tests/bpf/%.o $(BUILD)/obj/tests/probe/%.o: \
	TEST_CFLAGS += -Wno-unknown-pragmas -Wno-unknown-attributes
HOST_CFLAGS = $(TEST_CFLAGS) -D__TARGET_ARCH_$(ARCH) -fvisibility=hidden -fno-strict-aliasing \
	-Wno-missing-prototypes -Wno-unused-parameter -Wno-shadow -Wno-sign-compare

# clang -target bpf does not search the compiler's multiarch folder, where asm/types.h lives.
BPF_CFLAGS  := -g -O2 -target bpf -D__TARGET_ARCH_$(ARCH) -mcpu=v3 -Wall $(REPRODUCIBLE) \
	-Iinclude -Ibpf -I$(USR)/include/$(MULTIARCH)

# Of src/arch and tests/unit/arch only what is for this architecture.
SRCS      := $(foreach m,$(filter-out arch,$(MODULES)),$(sort $(wildcard src/$(m)/*.c))) \
	$(if $(filter arch,$(MODULES)),$(sort $(wildcard src/arch/$(ARCH).c src/arch/$(ARCH)_*.c)))
OBJS      := $(SRCS:src/%.c=$(BUILD)/obj/%.o)
MAIN_OBJ  := $(BUILD)/obj/app/main.o
# How users are looked up depends on the kind of program (src/app/users.h). absent.o has functions
# with the names of a library's.
ONLY_DYNAMIC := $(addprefix $(BUILD)/obj/,app/users.o otlp/library.o)
ONLY_STATIC  := $(addprefix $(BUILD)/obj/,app/users_static.o app/user_files.o http/absent.o \
	otlp/library_static.o)
LIB_OBJS  := $(filter-out $(MAIN_OBJ) $(addprefix $(BUILD)/obj/,app/users_static.o http/absent.o \
	otlp/library_static.o), \
	$(OBJS))
TEST_FOLDERS := $(patsubst arch,arch arch/$(ARCH),$(MODULES)) bpf
TESTS     := $(foreach m,$(TEST_FOLDERS),$(sort $(wildcard tests/unit/$(m)/test_*.c))) \
	tests/unit/no_certificates.c
TEST_OBJS := $(TESTS:tests/unit/%.c=$(BUILD)/obj/tests/%.o)
# The kernel side as ordinary C, on a machine of the tests' own.
HOST_BPF  := $(sort $(wildcard bpf/*/*.bpf.c))
HOST_SRCS := $(sort $(wildcard tests/unit/bpf/host/*.c))
HOST_OBJS := $(HOST_BPF:%.bpf.c=$(BUILD)/obj/%.host.o) \
	$(HOST_SRCS:tests/unit/%.c=$(BUILD)/obj/tests/%.o)
DATA      := $(patsubst tests/data/%.c,%,$(wildcard tests/data/*.c))
FIXTURES  := $(DATA:%=$(BUILD)/tests/data/%.so) $(DATA:%=$(BUILD)/tests/data/%.stripped.so) \
	$(BUILD)/tests/data/fake_core_calls.minidebug.so
BPF_OBJS  := $(patsubst bpf/%.bpf.c,$(BUILD)/bpf/%.bpf.o,$(sort $(wildcard bpf/*/*.bpf.c)))
# Programs are loaded in this order. The large ones are first, in threads (src/probe/loader.c).
BPF_FIRST := $(addprefix $(BUILD)/bpf/,core/maps.bpf.o steps/spots.bpf.o sched/sampler_clock.bpf.o \
	sched/sched.bpf.o)
SKELETON  := $(if $(BPF_OBJS),$(BUILD)/gen/loopstall.skel.h)
SYSCALLS  := $(BUILD)/gen/syscall_names.inc
TERMINFO_INC := $(BUILD)/gen/terminfo.inc
# The terminals that the program knows where a machine has no description of them; of these, those
# that the building machine describes.
TERMINALS := xterm xterm-256color screen screen-256color tmux tmux-256color linux vt100
# Written by the program itself, so in a cross build only with an emulator.
RUN_BUILT   := $(if $(IS_CROSS),$(EMULATOR))
COMPLETIONS := $(if $(IS_CROSS),$(if $(EMULATOR),yes),yes)
COMPLETIONS := $(if $(COMPLETIONS),$(addprefix $(BUILD)/completions/,bash zsh fish))
PROGRAM   := $(if $(wildcard src/app/main.c),$(BUILD)/loopstall)

FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))

DIRS := $(sort $(dir $(OBJS) $(TEST_OBJS) $(HOST_OBJS) $(FIXTURES) $(BPF_OBJS) $(SYSCALLS)))

ifeq ($(V),1)
Q   :=
say  =
else
Q   := @
say  = @printf '  %-8s %s\n' $(1) $(2);
endif

.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:

.PHONY: all
all: $(SKELETON) $(PROGRAM) ## build the program (default)

.PHONY: deps
deps: ## install the Debian packages that are missing (apt-get, through sudo when not root)
	@tests/prepare.sh $(DEPS_BUILD) $(DEPS_DEMO) $(DEPS_TEST)

.PHONY: demo
demo: ## install what is missing, build, watch a service that stalls (DEMO=trace: no dashboard)
	@tests/prepare.sh $(DEPS_BUILD) $(DEPS_DEMO)
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@BUILD=$(BUILD) PYTHON=$(PYTHON) DEMO=$(DEMO) tests/demo/run.sh

.PHONY: interpreters
interpreters: ## fetch the interpreters of a newer Debian into a tree under the build folder (root)
	@[ "$$(id -u)" -ne 0 ] || tests/debian_tree.sh $(TREE_SUITE) $(BUILD)/debian/$(TREE_SUITE) \
		$(TREE_PACKAGES)

.PHONY: test
test: ## install what is missing, build, run every test suite (tests/run.py)
	@$(MAKE) --no-print-directory deps
	@$(MAKE) --no-print-directory interpreters
	@$(MAKE) --no-print-directory -j$(JOBS) all unit-tests
	@$(PYTHON) tests/run.py unit asan clang lint packaging dist formats faults fuzz http \
		capture peers live arm64 kernels kernels-arm64

.PHONY: check
check: unit-tests ## unit tests only
	@$(PYTHON) tests/run.py unit

.PHONY: check-asan
check-asan: ## unit tests under ASan and UBSan (built in build-asan/)
	@$(PYTHON) tests/run.py asan

.PHONY: check-clang
check-clang: ## compile everything with clang, without a warning (in build-clang/)
	@$(PYTHON) tests/run.py clang

.PHONY: check-packaging
check-packaging: all ## installed files, completion in shells, reproducible and cross builds
	@$(PYTHON) tests/run.py packaging

.PHONY: check-dist
check-dist: all ## what `make dist` makes, installed and used in roots and trees (root)
	@$(PYTHON) tests/run.py dist

.PHONY: coverage
coverage: ## line coverage by the unit tests of each folder; fails below those in tests/coverage.py
	@$(MAKE) --no-print-directory -j$(JOBS) BUILD=build-coverage CFLAGS="-Og -g --coverage" \
		LDFLAGS=--coverage unit-tests
	@find build-coverage -name "*.gcda" -delete
	@build-coverage/unit-tests >build-coverage/unit-tests.log || \
		{ tail -20 build-coverage/unit-tests.log; exit 1; }
	@$(PYTHON) tests/coverage.py build-coverage/obj

.PHONY: check-formats
check-formats: ## golden reports, read by programs that others wrote
	@$(PYTHON) tests/run.py formats

.PHONY: check-faults
check-faults: all ## the n-th allocation or system call of each command fails: it says so
	@$(PYTHON) tests/run.py faults

.PHONY: http-driver
http-driver: $(BUILD)/http/driver

.PHONY: check-http
check-http: http-driver ## the HTTP server: floods, slow clients, TLS, users, fuzzing
	@$(PYTHON) tests/run.py http

.PHONY: check-live
check-live: all ## live tests on real interpreters (root)
	@$(PYTHON) tests/run.py live

.PHONY: check-kernels
check-kernels: all ## live tests on the kernels of other Debian suites, in emulated machines
	@$(PYTHON) tests/run.py kernels

.PHONY: arm64-trees
arm64-trees: ## fetch arm64 packages into trees below the build folder
	@tests/packages_tree.sh arm64 bookworm $(ARM64_TREES)/bookworm $(ARM64_BOOKWORM)
	@tests/packages_tree.sh arm64 trixie $(ARM64_TREES)/trixie $(ARM64_TRIXIE)

.PHONY: arm64
arm64: arm64-trees ## cross build the program for arm64 with them, as build/arm64/build/loopstall
	@$(MAKE) --no-print-directory -j$(JOBS) HOST=aarch64-linux-gnu CC='$(ARM64_CC)' \
		BUILD=$(ARM64_TREES)/build \
		SYSROOT=$(ARM64_SYSROOT) EMULATOR='qemu-aarch64-static -L $(ARM64_SYSROOT)' \
		$(ARM64_GOALS)

.PHONY: check-arm64
check-arm64: ## unit tests for arm64, cross built, in an emulator of single programs
	@$(PYTHON) tests/run.py arm64

.PHONY: check-kernels-arm64
check-kernels-arm64: ## live tests on Debian's arm64 kernels, in emulated machines
	@$(MAKE) --no-print-directory ARM64_GOALS="all static" arm64
	@BUILD=$(BUILD) $(PYTHON) tests/kernels/run.py --arch arm64

.PHONY: lint
lint: all ## module boundaries, format, options against man page and --help, links, sizes, licences
	@$(PYTHON) tests/run.py lint

.PHONY: capture
capture: all ## take the pictures in docs/ anew: the dashboard on the demo service, in tmux (root)
	@BUILD=$(BUILD) $(PYTHON) tests/capture/capture.py

.PHONY: fuzz
fuzz: fuzzers ## readers of what is not trusted, FUZZ_SECONDS (60) each, under ASan and UBSan
	@$(PYTHON) tests/fuzz/run.py --seconds $(FUZZ_SECONDS)

.PHONY: fuzzers
fuzzers: $(FUZZERS:%=$(BUILD)/fuzz/%) $(BUILD)/fuzz/seeds

.PHONY: check-fuzz
check-fuzz: ## a few seconds of each fuzzer
	@$(PYTHON) tests/run.py fuzz

.PHONY: bench
bench: all ## measure what the probes cost
	@tests/bench/run.sh

.PHONY: bench-deps
bench-deps: ## install what loopstall is compared with, here and in trees of newer Debians (root)
	@tests/prepare.sh $(DEPS_BENCH)
	@tests/debian_tree.sh sid $(BUILD)/debian/bench-sid $(BENCH_SID_PACKAGES)
	@tests/debian_tree.sh trixie $(BUILD)/debian/bench-trixie $(BENCH_TRIXIE_PACKAGES)

.PHONY: format
format: ## format the C files in place (clang-format)
	clang-format -i $$(git ls-files "*.c" "*.h")

.PHONY: bench-serve
bench-serve: all ## measure what serving takes, and a scrape with 5000 series (root; docs/serve.md)
	@BUILD=$(BUILD) PYTHONDONTWRITEBYTECODE=1 $(PYTHON) tests/bench/serve.py

.PHONY: bench-record
bench-record: $(BUILD)/bench/record ## measure what a recording costs
	@$(BUILD)/bench/record $(BUILD)/bench/record.tmp

.PHONY: soak
soak: all ## watch a service for SOAK_MINUTES (60): does loopstall grow? (root; docs/scale.md)
	@BUILD=$(BUILD) PYTHONDONTWRITEBYTECODE=1 $(PYTHON) tests/bench/soak.py

.PHONY: install
install: all $(COMPLETIONS) ## install below DESTDIR and prefix (/usr/local)
	install -D -m 755 $(BUILD)/loopstall $(DESTDIR)$(bindir)/loopstall
	install -D -m 644 docs/loopstall.8 $(DESTDIR)$(mandir)/man8/loopstall.8
ifneq ($(COMPLETIONS),)
	install -D -m 644 $(BUILD)/completions/bash $(DESTDIR)$(bashcompdir)/loopstall
	install -D -m 644 $(BUILD)/completions/zsh $(DESTDIR)$(zshcompdir)/_loopstall
	install -D -m 644 $(BUILD)/completions/fish $(DESTDIR)$(fishcompdir)/loopstall.fish
endif

.PHONY: uninstall
uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(bindir)/loopstall $(DESTDIR)$(mandir)/man8/loopstall.8 \
		$(DESTDIR)$(bashcompdir)/loopstall $(DESTDIR)$(zshcompdir)/_loopstall \
		$(DESTDIR)$(fishcompdir)/loopstall.fish

.PHONY: clean
clean: ## remove everything built
	rm -rf $(BUILD) build-asan build-coverage build-clang

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z_.-]*\):.*## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | \
		awk -F'|' '{ printf "  make %-22s %s\n", $$1, $$2 }'

# Names what is missing, before the first compiler error does.
.PHONY: requirements test-requirements
requirements:
	@SUPPORTED='$(SUPPORTED)' MACHINE='$(MACHINE)' CC='$(CC)' CLANG='$(CLANG)' \
		BPFTOOL='$(BPFTOOL)' PKG_CONFIG='$(PKG_CONFIG)' \
		scripts/requirements.sh --tools $(LIBRARIES)

test-requirements:
	@PKG_CONFIG='$(PKG_CONFIG)' scripts/requirements.sh criterion:libcriterion-dev \
		capstone:libcapstone-dev

$(DIRS): | requirements
	$(Q)mkdir -p $@

# Kernel side

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c Makefile | $(DIRS)
	$(call say,CLANG,$@)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@

# Not under build/bpf, where stale objects of removed sources could be taken for inputs.
$(BUILD)/gen/loopstall.bpf.o: $(BPF_OBJS)
	$(call say,LINK,$@)
	$(Q)$(BPFTOOL) gen object $@ $(BPF_FIRST) $(filter-out $(BPF_FIRST),$(BPF_OBJS))

$(BUILD)/gen/loopstall.bpf.o.gz: $(BUILD)/gen/loopstall.bpf.o
	$(call say,GZIP,$@)
	$(Q)gzip -9nc $< > $@

# Without the bytes, which src/probe/skeleton.c has in packed form.
$(BUILD)/gen/loopstall.skel.h: $(BUILD)/gen/loopstall.bpf.o
	$(call say,SKELETON,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name loopstall_bpf | \
		sed -e '/__elf_bytes(size_t \*sz)$$/,/^}/ { /^[s{}]/b' \
			-e 's/^\t\*sz = .*/\t*sz = 0;\n\treturn NULL;/p' -e 'd }' > $@

# User side

# Preprocessed a second time, because a number may be another macro. Two macros of asm-generic are
# no system calls.
$(SYSCALLS): Makefile | $(DIRS)
	$(call say,GEN,$@)
	$(Q)echo '#include <sys/syscall.h>' | $(CC) -E -dM - | \
		sed -n -e '/__NR_\(syscalls\|arch_specific_syscall\) /d' \
			-e 's/^#define __NR_\([a-z0-9_]*\) .*/@ __NR_\1 \1/p' | \
		{ echo '#include <sys/syscall.h>'; cat; } | $(CC) -E -P - | \
		sed -n 's/^@ \([0-9][0-9]*\) \([a-z0-9_]*\)$$/\1 \2/p' | sort -n | \
		sed 's/^\([0-9]*\) \(.*\)$$/[\1] = "\2",/' > $@

$(TERMINFO_INC): Makefile | $(DIRS)
	$(call say,GEN,$@)
	$(Q)for terminal in $(TERMINALS); do \
		description=$$(infocmp -0 -q -Q2 $$terminal 2>/dev/null) || continue; \
		printf '{ "%s", "%s" },\n' $$terminal "$$description"; \
	done > $@

$(BUILD)/obj/%.o: src/%.c $(SYSCALLS) $(TERMINFO_INC) | $(DIRS)
	$(call say,CC,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(SIZE_CFLAGS) -MMD -MP -c $< -o $@

$(filter $(BUILD)/obj/probe/%,$(OBJS)) $(filter $(BUILD)/obj/tests/probe/%,$(TEST_OBJS)): | \
	$(SKELETON)

# The assembler reads them, which no dependency file tells.
$(BUILD)/obj/report/html_page.o: $(wildcard src/report/html/*)
$(BUILD)/obj/probe/skeleton.o $(BUILD)/fuzz/obj/probe/skeleton.o: $(BUILD)/gen/loopstall.bpf.o.gz

$(BUILD)/loopstall: $(filter-out $(ONLY_STATIC),$(OBJS))
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDHARDEN) $(LDFLAGS) $^ -o $@ $(LIBS) $(LDLIBS)

$(BUILD)/completions/%: $(BUILD)/loopstall
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(RUN_BUILT) $< completion $* > $@

# For clangd and other tools that must know how each file is compiled. Written by make itself: the
# commands of all files together are longer than a command line may be.
comma := ,
define newline


endef
json_text = $(subst ",\",$(subst \,\\,$(1)))
compile_command = {"directory": "$(CURDIR)", "file": "$(1)", "output": "$(2)", \
	"command": "$(call json_text,$(3)) -c $(1) -o $(2)"}
COMPILE_COMMANDS = \
	$(foreach o,$(OBJS), \
		$(call compile_command,$(o:$(BUILD)/obj/%.o=src/%.c),$(o),$(CC) $(ALL_CFLAGS))) \
	$(foreach o,$(TEST_OBJS), \
		$(call compile_command,$(o:$(BUILD)/obj/tests/%.o=tests/unit/%.c),$(o), \
			$(CC) $(TEST_CFLAGS))) \
	$(foreach o,$(BPF_OBJS), \
		$(call compile_command,$(o:$(BUILD)/%.o=%.c),$(o),$(CLANG) $(BPF_CFLAGS)))

.PHONY: compile_commands.json
compile_commands.json: ## write how each file is compiled, for editors and checkers
compile_commands.json: $(SYSCALLS) $(TERMINFO_INC) $(SKELETON)
	$(call say,GEN,$@)
	$(Q)$(file >$@,[$(subst } {,}$(comma)$(newline){,$(strip $(COMPILE_COMMANDS)))]):

include packaging/dist.mk

# Tests

$(BUILD)/obj/tests/%.o: tests/unit/%.c | $(DIRS) test-requirements
	$(call say,CC,$@)
	$(Q)$(CC) $(TEST_CFLAGS) $(TEST_LEVEL) -MMD -MP -c $< -o $@

$(BUILD)/obj/bpf/%.host.o: bpf/%.bpf.c | $(DIRS)
	$(call say,CC,$@)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c $< -o $@

# What a second compiler is asked to take.
.PHONY: objects
objects: $(OBJS) $(TEST_OBJS)

.PHONY: unit-tests
unit-tests: $(BUILD)/unit-tests $(FIXTURES)

# Tests of commands give the session that a command makes a scripted kernel side.
TEST_WRAPS := -Wl,--wrap=session__new

# A library calls it (tests/unit/no_certificates.c), which the linker does not see.
TEST_EXPORTS := -Wl,--export-dynamic-symbol=mbedtls_x509_crt_parse_file

$(BUILD)/unit-tests: $(TEST_OBJS) $(HOST_OBJS) $(LIB_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDHARDEN) $(LDFLAGS) $(TEST_WRAPS) $(TEST_EXPORTS) $^ -o $@ $(LIBS) \
		$(LDLIBS) -lcriterion -lcapstone

$(BUILD)/tests/data/%.so: tests/data/%.c | $(DIRS)
	$(call say,FIXTURE,$@)
	$(Q)$(CC) -shared -fPIC -O2 $< -o $@

$(BUILD)/tests/data/%.stripped.so: $(BUILD)/tests/data/%.so
	$(call say,STRIP,$@)
	$(Q)$(STRIP) -o $@ $<

# As Fedora builds its files: stripped, with the symbol table in a packed ELF file.
$(BUILD)/tests/data/%.minidebug.so: $(BUILD)/tests/data/%.so $(BUILD)/tests/data/%.stripped.so
	$(call say,OBJCOPY,$@)
	$(Q)$(PYTHON) -c 'import lzma, sys; sys.stdout.buffer.write( \
		lzma.compress(open(sys.argv[1], "rb").read()))' $< > $@.xz
	$(Q)$(OBJCOPY) --add-section .gnu_debugdata=$@.xz $(word 2,$^) $@

# By the compiler that has libFuzzer. tests/fuzz/fuzz_NAME.c becomes the program NAME.
FUZZ_FLAGS := -std=gnu11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer $(INCLUDES) -Itests/unit -D_GNU_SOURCE
FUZZ_OBJS  := $(LIB_OBJS:$(BUILD)/obj/%=$(BUILD)/fuzz/obj/%)

$(BUILD)/fuzz/obj/%.o: src/%.c $(SYSCALLS) $(TERMINFO_INC) $(SKELETON)
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@

# An archive, so that a fuzzer may bring its own version of a file.
$(BUILD)/fuzz/loopstall.a: $(FUZZ_OBJS)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/fuzz/%: tests/fuzz/fuzz_%.c $(BUILD)/fuzz/loopstall.a
	$(call say,FUZZ,$@)
	$(Q)$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer -MMD -MP $(filter-out %.h,$^) -o $@ \
		$(LIBS) -lcriterion

$(BUILD)/fuzz/kernel: tests/fuzz/fuzz_kernel.c $(HOST_SRCS) $(HOST_BPF) \
		$(sort $(wildcard src/arch/$(ARCH).c src/arch/$(ARCH)_*.c)) | $(DIRS)
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(HOST_INCLUDES) -Ibpf $(FUZZ_FLAGS) -fsanitize=fuzzer -fno-strict-aliasing \
		-D__TARGET_ARCH_$(ARCH) -Wno-unknown-attributes $(filter %.c,$^) -o $@

$(BUILD)/fuzz/seeds: tests/fuzz/seeds.c $(LIB_OBJS) | $(DIRS)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Itests/unit $^ -o $@ $(LDHARDEN) $(LIBS) $(LDLIBS) -lcriterion

$(BUILD)/faults/%: tests/faults/%.c $(LIB_OBJS) | $(DIRS)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Itests/unit $^ -o $@ $(LDHARDEN) $(LIBS) $(LDLIBS) -lcriterion

# The HTTP server with fixed pages.
$(BUILD)/http/%: tests/http/%.c $(LIB_OBJS) | $(DIRS)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $^ -o $@ $(LDHARDEN) $(LIBS) $(LDLIBS)

$(BUILD)/bench/record: tests/bench/record.c $(LIB_OBJS) | $(DIRS)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $^ -o $@ $(LDHARDEN) $(LIBS) $(LDLIBS)

-include $(OBJS:.o=.d) $(TEST_OBJS:.o=.d) $(HOST_OBJS:.o=.d) $(BPF_OBJS:.o=.d) \
	$(FUZZ_OBJS:.o=.d) $(FUZZERS:%=$(BUILD)/fuzz/%.d)
