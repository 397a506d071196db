/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF files of a target: every search for probe spots, and native symbols. No input may take more
 * than the allowance of a look.
 */
#include "base/time.h"
#include "base/work.h"
#include "process/elf_head.h"
#include "process/elf_image.h"
#include "process/spots.h"
#include "python/py_sends.h"
#include "python/step_spots.h"
#include "symbol/demangle.h"
#include "symbol/elfsym.h"
#include "tests/fuzz/fuzz.h"

#define ALLOWANCE_NS (300 * NS_PER_MS)

static void search(struct elf_image *img)
{
	struct step_search steps = {};
	struct spots spots = {};

	spots__add_steps(&spots, img, &steps);
	spots__add_polls(&spots, img);
	spots__add_dns(&spots, img);
	spots__add_sends(&spots, img);
	spots__add_send_doors(&spots, img);
	spots__add_task_notes(&spots, img);
	spots__done(&spots);
}

static void look_up(struct elf_image *img)
{
	struct elf_symbol symbols[4];
	struct elf_range range;
	uint64_t vaddr, bytes;

	elf_image__functions_named(img, "task_step_impl", symbols, 4);
	if (!elf_image__exported(img, "_PyRuntime", &symbols[0]))
		elf_image__read_u64(img, symbols[0].vaddr, &bytes);
	if (!elf_image__section(img, ".PyRuntime", &vaddr, &bytes))
		elf_image__bytes(img, vaddr, bytes, &(size_t){ 0 });
	if (!elf_image__function_range(img, 0x1000, &range))
		fuzz_check(range.start <= 0x1000 && 0x1000 < range.end);
}

/* The bytes at the end are the second offset that is looked up. */
static void name_functions(int fd, const uint8_t *data, size_t size)
{
	__attribute__((cleanup(elfsym__freep))) struct elfsym *symbols = NULL;
	uint64_t offset = 0x1100, vaddr;
	char name[256], short_name[64];

	if (elfsym__new(&symbols, fd))
		return;
	for (int i = 0; i < 2; i++) {
		if (!elfsym__vaddr(symbols, offset, &vaddr) &&
		    !elfsym__name(symbols, vaddr, name, sizeof(name))) {
			fuzz_check(strnlen(name, sizeof(name)) < sizeof(name));
			demangle(name, short_name, sizeof(short_name));
			fuzz_check(strnlen(short_name, sizeof(short_name)) < sizeof(short_name));
		}
		if (size >= 3)
			memcpy(&offset, data + size - 3, 3);
	}
	elfsym__function_bytes(symbols, "_start");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const int fd = fuzz_file(data, size, NULL);
	struct elf_image *img = NULL;
	uint16_t machine;
	int bits;

	work_begin(ALLOWANCE_NS);
	elf_class_of(fd, &bits, &machine);
	if (!elf_image__open(&img, dup(fd))) {
		search(img);
		look_up(img);
		elf_image__free(img);
	}
	work_end();
	name_functions(fd, data, size);
	return 0;
}
