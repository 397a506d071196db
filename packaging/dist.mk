# SPDX-License-Identifier: BSD-2-Clause
#
# What others install: a static program and the packages that carry it. Included by the Makefile.

VERSION := $(shell sed -n 's/.*LOOPSTALL_VERSION "\(.*\)"/\1/p' src/app/version.h)
# All files have the date of the release.
SOURCE_DATE_EPOCH ?= $(shell date -ud "$$(sed -n 's/^ -- .*>  //p' \
	packaging/debian/changelog | head -n 1)" +%s)
DIST    := $(BUILD)/dist
STATIC  := $(BUILD)/static/loopstall
STATIC_MAP := $(BUILD)/static/map

# Called by capng_change_id() of libcap-ng alone, which nobody calls.
LIBRARY_USERS  := getpwuid initgroups
# Of what a library can do, that which is never asked of it. A recording is compressed by one strategy
# (src/record/chunk_writer.c), and read only if it is of today's format (chunk_reader.c).
ZSTD_STRATEGIES := $(foreach s,greedy lazy lazy2 btlazy2 btopt btultra btultra2,$(s) $(s)_row \
	$(foreach k,dictMatchState dedicatedDictSearch extDict,$(s)_$(k) $(s)_$(k)_row))
ZSTD_FORMATS := $(foreach v,v05 v06 v07,$(addprefix ZSTD$(v)_,createDCtx freeDCtx getFrameParams \
	decompress_usingDict findFrameSizeInfoLegacy) $(addprefix ZBUFF$(v)_,createDCtx freeDCtx \
	decompressInitDictionary decompressContinue))
ZSTD_REST := $(addprefix ZSTD_compressBlock_,$(ZSTD_STRATEGIES)) $(ZSTD_FORMATS) \
	$(addprefix ZSTD_,row_update updateTree insertAndFindFirstIndex \
	dedicatedDictSearch_lazy_loadDictionary)
# A password's hash is one of bcrypt (src/http/credentials.c).
CRYPT_REST := $(foreach h,bigcrypt bsdicrypt descrypt gost_yescrypt md5crypt nt scrypt sha1crypt \
	sha256crypt sha512crypt sunmd5 yescrypt,_crypt_crypt_$(h)_rn _crypt_gensalt_$(h)_rn)
# The C library names these for threads that are cancelled, and for exceptions that pass through it.
UNWINDER := $(addprefix _Unwind_,Resume ForcedUnwind GetCFA Backtrace GetIP) __gcc_personality_v0

# A warning of the linker is about a function that loads a library at run time (names of users and
# hosts): it must not be there. Tables for unwinding are a tenth of the program, and nothing of it
# unwinds: no exceptions, no cancelled threads. The linker packs relocations for x86-64 alone.
PACKED_RELOCS := $(if $(filter x86_64,$(MACHINE)),$(comma)-z$(comma)pack-relative-relocs)
STATIC_LDFLAGS := -static-pie -Wl,-z,relro,-z,now$(PACKED_RELOCS),--gc-sections \
	-Wl,--no-eh-frame-hdr,-T,packaging/static.ld \
	-Wl,--fatal-warnings,-Map=$(STATIC_MAP) \
	$(patsubst %,-Wl$(comma)--defsym=%=0,$(LIBRARY_USERS) $(UNWINDER) \
	$(ZSTD_REST) $(CRYPT_REST))
# src/http/absent.c stands for p11-kit. Of the others nothing is taken.
STATIC_LIBS = $(filter-out -lp11-kit -lbz2 -latomic,$(shell \
	$(PKG_CONFIG) --static --libs $(PC_NAMES) 2>/dev/null)) -liberty -lm

$(STATIC): $(filter-out $(ONLY_DYNAMIC),$(OBJS)) packaging/static.ld
	$(call say,STATIC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(STATIC_LDFLAGS) $(filter %.o,$^) -o $@ $(STATIC_LIBS)
	$(Q)$(STRIP) --strip-all --remove-section=.comment $@

.PHONY: static
static: $(STATIC) ## the program without any shared library, as build/static/loopstall

PACK = $(PYTHON) packaging/pack.py
PACK_OPTIONS = --version=$(VERSION) --machine=$(MACHINE) --epoch=$(SOURCE_DATE_EPOCH) \
	--program=$(STATIC) --map=$(STATIC_MAP) --completions=$(BUILD)/completions \
	$(if $(SYSROOT),--sysroot=$(SYSROOT))

.PHONY: completions
completions: $(COMPLETIONS)

.PHONY: dist
dist: $(DIST)/SHA256SUMS ## static program, packages, image, below build/dist (docs/install.md)

# All that the packages have besides the programs, and how they are made.
PACKED := LICENSE docs/loopstall.8 CHANGELOG.md $(sort $(shell find packaging -path packaging/action -prune \
	-o -type f -print))

$(DIST)/SHA256SUMS: $(STATIC) $(PROGRAM) $(COMPLETIONS) $(PACKED) Makefile
	$(Q)rm -rf $(DIST) $(BUILD)/rpm
	$(call say,PACK,$(DIST))
	$(Q)$(PACK) make tar wheel image chart sbom --out=$(DIST) $(PACK_OPTIONS)
	$(call say,DEB,$(DIST))
	$(Q)HOST='$(if $(IS_CROSS),$(HOST))' SYSROOT='$(SYSROOT)' EMULATOR='$(EMULATOR)' \
		packaging/make_deb.sh $(BUILD) $(DIST)
	$(call say,RPM,$(DIST))
	$(Q)$(PACK) tree $(BUILD)/rpm/usr $(PACK_OPTIONS)
	$(Q)packaging/make_rpm.sh $(BUILD)/rpm $(DIST) $(VERSION) $(MACHINE) $(SOURCE_DATE_EPOCH)
	$(Q)$(PACK) sums $(DIST)

# Below build/arm64/build/dist, with the tree of arm64's packages that the program is built with.
.PHONY: dist-arm64
dist-arm64: ## the same for arm64, cross built, below build/arm64/build/dist
	@$(MAKE) --no-print-directory ARM64_GOALS=dist arm64

# All files of a release in one folder, and an image for both architectures.
DIST_ALL := $(BUILD)/dist-all

.PHONY: dist-all
dist-all: dist dist-arm64 ## both in one folder, with an image for both, below build/dist-all
	$(Q)$(MAKE) --no-print-directory $(DIST_ALL)/SHA256SUMS

$(DIST_ALL)/SHA256SUMS: $(DIST)/SHA256SUMS $(ARM64_TREES)/build/dist/SHA256SUMS $(PACKED)
	$(call say,PACK,$(DIST_ALL))
	$(Q)rm -rf $(DIST_ALL)
	$(Q)$(PACK) join $(DIST) $(ARM64_TREES)/build/dist --out=$(DIST_ALL) $(PACK_OPTIONS)
	$(Q)$(PACK) sums $(DIST_ALL)

# For packaging/debian/rules: all that the static one installs, below STAGE.
.PHONY: stage
stage: $(STATIC) $(COMPLETIONS)
	$(Q)$(PACK) tree $(STAGE) $(PACK_OPTIONS)

.PHONY: built-using
built-using: $(STATIC)
	$(Q)$(PACK) built-using $(PACK_OPTIONS)
