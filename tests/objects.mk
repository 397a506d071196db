# SPDX-License-Identifier: BSD-2-Clause
#
# For the makefiles of tests that link programs of their own with objects of the top Makefile: which
# objects there are of a module, and the flags for the program.

BUILD  ?= build
CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith \
	-Wwrite-strings -Wvla -Wformat=2 -Wimplicit-fallthrough
PROGRAM_CFLAGS := -std=gnu11 $(CFLAGS) $(WARNINGS) -Iinclude -Isrc -D_GNU_SOURCE
# By the sources there are: the build folder may hold objects of others. Of the architectures only
# one has objects.
BUILT := $(wildcard $(BUILD)/obj/*/*.o)
objects_of = $(filter $(BUILT),$(patsubst src/%.c,$(BUILD)/obj/%.o,\
	$(foreach m,$(1),$(wildcard src/$(m)/*.c))))
