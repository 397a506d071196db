# SPDX-License-Identifier: BSD-2-Clause
#
# Builds loopstall out of tree under build/. `make help` lists the targets.
# Knobs: V=1 shows commands, BUILD=DIR builds elsewhere, MODULES="base stream" builds and tests only these
# folders of src/ and tests/unit/, SAN=1 builds with ASan and UBSan.

BUILD   ?= build
V       ?= 0
prefix  ?= /usr/local
bindir  ?= $(prefix)/bin
mandir  ?= $(prefix)/share/man

CLANG   ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/local/sbin/bpftool) bpftool)
PYTHON  ?= /usr/bin/python3
JOBS    ?= $(shell nproc)
FUZZ_SECONDS ?= 60

# Debian packages: what the build needs, what the demo runs besides, what the tests do.
DEPS_BUILD := gcc libc6-dev make binutils clang llvm bpftool libbpf-dev libelf-dev libdw-dev \
	libcapstone-dev libjansson-dev libzstd-dev zlib1g-dev libcap-ng-dev libncurses-dev libinih-dev uthash-dev
DEPS_DEMO  := python3
DEPS_TEST  := libcriterion-dev libclang-rt-dev python3-uvloop python3-uvicorn python3-httptools \
	python3-greenlet python3-aiohttp python3-gunicorn python3-trio python3-anyio tmux wrk \
	chromium protobuf-compiler python3-protobuf python3-jsonschema python3-markdown-it libxml2-utils python3-sarif-python-om \
	python3-pytest python3-pytest-asyncio python3-pip python3-yaml iproute2 libcap2-bin debootstrap \
	qemu-system-x86

# Interpreters that Debian 12 lacks, from the newer suite; tests/live/interpreters.py says which must be there.
TREE_SUITE    := sid
TREE_PACKAGES := python3.13 python3.14 python3.15 python3-uvloop python3-greenlet python3-trio python3-anyio

# What loopstall is compared with (`make bench-deps`; nothing else needs it): packages, and those that only newer suites have.
DEPS_BENCH := bpftrace python3-yappi python3-uvloop python3-uvicorn python3-httptools wrk debootstrap
BENCH_SID_PACKAGES    := python3 python3.15 python3-pyinstrument python3-uvloop python3-uvicorn python3-httptools
BENCH_TRIXIE_PACKAGES := austin

# The order is the way the data flows.
MODULES ?= base target probe stream symbol model record view report check app

WARNINGS := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith \
	-Wwrite-strings -Wvla -Wformat=2 -Wimplicit-fallthrough
CFLAGS   ?= -O2 -g
LDLIBS   := -lbpf -ldw -lelf -lcapstone -ljansson -lzstd -lz -lcap-ng -lncursesw -linih -lm
# The last is for bpf/state.h, which src/probe/live.c shares with the kernel side.
INCLUDES := -Iinclude -Isrc -I$(BUILD)/gen -iquote .
# The tool runs as root, so the usual hardening is on. The sanitizers bring their own checks of what
# _FORTIFY_SOURCE wraps, and see less through it.
ifeq ($(SAN),1)
HARDEN   := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LDHARDEN := -fsanitize=address,undefined
else
HARDEN   := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
LDHARDEN := -pie -Wl,-z,relro,-z,now
endif
ALL_CFLAGS := -std=gnu11 $(CFLAGS) $(HARDEN) $(WARNINGS) $(INCLUDES) -D_GNU_SOURCE

BPF_ARCH_x86_64  := x86
BPF_ARCH_aarch64 := arm64
MACHINE     := $(shell uname -m)
# clang -target bpf does not search the compiler's multiarch folder, where asm/types.h lives.
BPF_CFLAGS  := -g -O2 -target bpf -D__TARGET_ARCH_$(BPF_ARCH_$(MACHINE)) -mcpu=v3 -Wall \
	-Iinclude -Ibpf -I/usr/include/$(shell $(CC) -print-multiarch)

SRCS      := $(foreach m,$(MODULES),$(wildcard src/$(m)/*.c))
OBJS      := $(SRCS:src/%.c=$(BUILD)/obj/%.o)
MAIN_OBJ  := $(BUILD)/obj/app/main.o
LIB_OBJS  := $(filter-out $(MAIN_OBJ),$(OBJS))
TESTS     := $(foreach m,$(MODULES) bpf,$(wildcard tests/unit/$(m)/test_*.c))
TEST_OBJS := $(TESTS:tests/unit/%.c=$(BUILD)/obj/tests/%.o)
DATA      := $(patsubst tests/data/%.c,%,$(wildcard tests/data/*.c))
FIXTURES  := $(DATA:%=$(BUILD)/tests/data/%.so) $(DATA:%=$(BUILD)/tests/data/%.stripped.so)
BPF_OBJS  := $(patsubst bpf/%.bpf.c,$(BUILD)/bpf/%.bpf.o,$(wildcard bpf/*.bpf.c))
SKELETON  := $(if $(BPF_OBJS),$(BUILD)/gen/loopstall.skel.h)
SYSCALLS  := $(BUILD)/gen/syscall_names.inc
PROGRAM   := $(if $(wildcard src/app/main.c),$(BUILD)/loopstall)

DIRS := $(sort $(dir $(OBJS) $(TEST_OBJS) $(FIXTURES) $(BPF_OBJS) $(SYSCALLS)))

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
demo: ## install what is missing, build, watch a bundled service that stalls (DEMO=trace: no dashboard)
	@tests/prepare.sh $(DEPS_BUILD) $(DEPS_DEMO)
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@BUILD=$(BUILD) PYTHON=$(PYTHON) DEMO=$(DEMO) tests/demo/run.sh

.PHONY: interpreters
interpreters: deps ## fetch the interpreters of a newer Debian into a tree under the build folder (root)
	@[ "$$(id -u)" -ne 0 ] || tests/debian_tree.sh $(TREE_SUITE) $(BUILD)/debian/$(TREE_SUITE) $(TREE_PACKAGES)

.PHONY: test
test: deps interpreters ## install what is missing, build, run every test: unit, sanitizers, lint, formats, capture, peers, live, older kernels
	@$(MAKE) --no-print-directory -j$(JOBS) all unit-tests
	@$(PYTHON) tests/run.py unit asan lint formats capture peers live kernels

.PHONY: check
check: unit-tests ## unit tests only
	@$(PYTHON) tests/run.py unit

.PHONY: check-asan
check-asan: ## unit tests under ASan and UBSan (built in build-asan/)
	@$(PYTHON) tests/run.py asan

.PHONY: check-formats
check-formats: ## golden reports, read by programs that others wrote
	@$(PYTHON) tests/run.py formats

.PHONY: check-live
check-live: all interpreters ## live tests on real interpreters (root)
	@$(PYTHON) tests/run.py live

.PHONY: check-kernels
check-kernels: all ## live tests on the kernels of other Debian suites, in emulated machines
	@$(PYTHON) tests/run.py kernels

.PHONY: lint
lint: ## which module includes which, licence lines, file sizes
	@$(PYTHON) tests/run.py lint

.PHONY: capture
capture: all ## take the pictures in docs/ anew: the dashboard on the demo service, in tmux (root)
	@BUILD=$(BUILD) $(PYTHON) tests/capture/capture.py

.PHONY: fuzz
fuzz: $(BUILD)/fuzz/player $(BUILD)/fuzz/seeds ## play damaged recordings for FUZZ_SECONDS (60) under ASan and UBSan
	@rm -rf $(BUILD)/fuzz/corpus && mkdir -p $(BUILD)/fuzz/corpus
	@$(BUILD)/fuzz/seeds $(BUILD)/fuzz/corpus
	@cd $(BUILD)/fuzz && ./player -max_total_time=$(FUZZ_SECONDS) -timeout=20 -rss_limit_mb=2048 \
		-max_len=65536 -print_final_stats=1 corpus

.PHONY: bench
bench: all ## measure what the probes cost
	@tests/bench/run.sh

.PHONY: bench-deps
bench-deps: ## install what loopstall is compared with, here and in trees of newer Debians under the build folder (root)
	@tests/prepare.sh $(DEPS_BENCH)
	@tests/debian_tree.sh sid $(BUILD)/debian/bench-sid $(BENCH_SID_PACKAGES)
	@tests/debian_tree.sh trixie $(BUILD)/debian/bench-trixie $(BENCH_TRIXIE_PACKAGES)

.PHONY: format
format: ## format the C files in place (clang-format)
	clang-format -i $(wildcard src/*/*.[ch] bpf/*.[ch] include/*/*.h tests/unit/*/*.[ch])

.PHONY: bench-record
bench-record: $(BUILD)/bench/record ## measure what a recording costs
	@$(BUILD)/bench/record $(BUILD)/bench/record.tmp

.PHONY: soak
soak: all ## watch a service for SOAK_MINUTES (60): does loopstall grow? (root; docs/scale.md)
	@BUILD=$(BUILD) PYTHONDONTWRITEBYTECODE=1 $(PYTHON) tests/bench/soak.py

.PHONY: install
install: all ## install below DESTDIR and prefix (/usr/local)
	install -D -m 755 $(BUILD)/loopstall $(DESTDIR)$(bindir)/loopstall
	$(if $(wildcard docs/loopstall.8),install -D -m 644 docs/loopstall.8 $(DESTDIR)$(mandir)/man8/loopstall.8)

.PHONY: uninstall
uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(bindir)/loopstall $(DESTDIR)$(mandir)/man8/loopstall.8

.PHONY: clean
clean: ## remove everything built
	rm -rf $(BUILD) build-asan

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | \
		awk -F'|' '{ printf "  make %-13s %s\n", $$1, $$2 }'

$(DIRS):
	$(Q)mkdir -p $@

# Kernel side

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c | $(DIRS)
	$(call say,CLANG,$@)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@

# Not under build/bpf, where stale objects of removed sources could be taken for inputs.
$(BUILD)/gen/loopstall.bpf.o: $(BPF_OBJS)
	$(call say,LINK,$@)
	$(Q)$(BPFTOOL) gen object $@ $(BUILD)/bpf/maps.bpf.o $(filter-out %/maps.bpf.o,$(BPF_OBJS))

$(BUILD)/gen/loopstall.skel.h: $(BUILD)/gen/loopstall.bpf.o
	$(call say,SKELETON,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name loopstall_bpf > $@

# User side

$(SYSCALLS): Makefile | $(DIRS)
	$(call say,GEN,$@)
	$(Q)echo '#include <sys/syscall.h>' | $(CC) -E -dM - | \
		sed -n 's/^#define __NR_\([a-z0-9_]*\) \([0-9][0-9]*\)$$/\2 \1/p' | sort -n | \
		sed 's/^\([0-9]*\) \(.*\)$$/[\1] = "\2",/' > $@

$(BUILD)/obj/%.o: src/%.c $(SYSCALLS) | $(DIRS)
	$(call say,CC,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(filter $(BUILD)/obj/probe/%,$(OBJS)): | $(SKELETON)

# The assembler reads them, which no dependency file tells.
$(BUILD)/obj/report/html.o: $(wildcard src/report/html/*)

$(BUILD)/loopstall: $(OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDHARDEN) $(LDFLAGS) $^ -o $@ $(LDLIBS)

# Tests

$(BUILD)/obj/tests/%.o: tests/unit/%.c | $(DIRS)
	$(call say,CC,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -Ibpf -Itests/unit -DTEST_DATA_DIR='"$(BUILD)/tests/data"' -MMD -MP -c $< -o $@

.PHONY: unit-tests
unit-tests: $(BUILD)/unit-tests $(FIXTURES)

$(BUILD)/unit-tests: $(TEST_OBJS) $(LIB_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDHARDEN) $(LDFLAGS) $^ -o $@ $(LDLIBS) -lcriterion

$(BUILD)/tests/data/%.so: tests/data/%.c | $(DIRS)
	$(call say,FIXTURE,$@)
	$(Q)$(CC) -shared -fPIC -O2 $< -o $@

$(BUILD)/tests/data/%.stripped.so: $(BUILD)/tests/data/%.so
	$(call say,STRIP,$@)
	$(Q)strip -o $@ $<

# All of it in one go, by the compiler that has libFuzzer.
FUZZ_SRCS := $(foreach m,base stream model record,$(wildcard src/$(m)/*.c))

$(BUILD)/fuzz/player: tests/fuzz/fuzz_player.c $(FUZZ_SRCS) $(SYSCALLS) | $(DIRS)
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) -std=gnu11 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		-fno-omit-frame-pointer $(INCLUDES) -D_GNU_SOURCE $(filter %.c,$^) -o $@ -lzstd

$(BUILD)/fuzz/seeds: tests/fuzz/seeds.c $(LIB_OBJS) | $(DIRS)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Itests/unit $^ -o $@ $(LDHARDEN) $(LDLIBS) -lcriterion

$(BUILD)/bench/record: tests/bench/record.c $(LIB_OBJS) | $(DIRS)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $^ -o $@ $(LDHARDEN) $(LDLIBS)

-include $(OBJS:.o=.d) $(TEST_OBJS:.o=.d) $(BPF_OBJS:.o=.d)
