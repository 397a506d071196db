/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Native code by name: maps files, names of one address, and this very process as the one looked
 * at.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "symbol/elfsym.h"
#include "symbol/execmap.h"
#include "symbol/native.h"

static struct execmap parse(const char *text)
{
	_cleanup_(file_close) FILE *file = fmemopen((char *)(uintptr_t)text, strlen(text), "r");
	struct execmap map = { 0 };

	cr_assert(file);
	cr_assert_eq(execmap__read(&map, file), 0);
	return map;
}

/* A function of 64 bytes, and its rarely executed part, which the linker puts before it. */
__asm__(".pushsection .text.unlikely,\"ax\",@progbits\n"
	".type fake_evaluator.cold,@function\n"
	"fake_evaluator.cold: .zero 4\n"
	".size fake_evaluator.cold,4\n"
	".popsection\n"
	".pushsection .text.fake,\"ax\",@progbits\n"
	".type fake_evaluator,@function\n"
	"fake_evaluator: .zero 64\n"
	".size fake_evaluator,64\n"
	".popsection\n");

Test(elfsym, a_function_in_parts_is_as_large_as_its_largest)
{
	_cleanup_(elfsym__freep) struct elfsym *symbols = NULL;
	_cleanup_fd_ int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	cr_assert_eq(elfsym__new(&symbols, fd), 0);
	cr_assert_eq(elfsym__function_bytes(symbols, "fake_evaluator"), 64);
	cr_assert_eq(elfsym__function_bytes(symbols, "no_such_function"), 0);
}

static uint64_t bytes_of(const char *file, const char *function)
{
	_cleanup_(elfsym__freep) struct elfsym *symbols = NULL;
	_cleanup_fd_ int fd = open(file, O_RDONLY | O_CLOEXEC);

	cr_assert_eq(elfsym__new(&symbols, fd), 0, "%s", file);
	return elfsym__function_bytes(symbols, function);
}

Test(elfsym, the_packed_symbols_of_a_stripped_file)
{
	const uint64_t bytes = bytes_of(TEST_DATA_DIR "/fake_core_calls.so", "send_value");

	cr_assert_gt(bytes, 0);
	cr_assert_eq(bytes_of(TEST_DATA_DIR "/fake_core_calls.stripped.so", "send_value"), 0);
	cr_assert_eq(bytes_of(TEST_DATA_DIR "/fake_core_calls.minidebug.so", "send_value"), bytes);
}

/* A copy of the fixture, with another byte in the packed part. */
static void damage(const char *path, size_t at)
{
	static const uint8_t magic[] = { 0xfd, '7', 'z', 'X', 'Z', 0 };
	_cleanup_fd_ int from = open(TEST_DATA_DIR "/fake_core_calls.minidebug.so", O_RDONLY);
	_cleanup_fd_ int to = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	static uint8_t bytes[256 << 10];
	uint8_t *packed;
	const ssize_t n = read(from, bytes, sizeof(bytes));

	cr_assert(n > 0 && (size_t)n < sizeof(bytes));
	packed = memmem(bytes, (size_t)n, magic, sizeof(magic));
	cr_assert_not_null(packed);
	packed[at] ^= 0x55;
	cr_assert_eq(write(to, bytes, (size_t)n), n);
}

Test(elfsym, damaged_packed_symbols_are_none)
{
	char path[] = "/tmp/loopstall-minidebug-XXXXXX";

	close(mkstemp(path));
	for (size_t at = 0; at < 200; at += 3) {
		damage(path, at);
		cr_assert_eq(bytes_of(path, "send_value"), 0, "byte %zu", at);
	}
	unlink(path);
}

Test(execmap, keeps_what_is_executable)
{
	struct execmap map =
		parse("1000-2000 r--p 00000000 08:01 77 /usr/lib/a.so\n"
		      "2000-4000 r-xp 00001000 08:01 77 /usr/lib/a.so\n"
		      "4000-5000 rw-p 00003000 08:01 77 /usr/lib/a.so\n"
		      "8000-9000 rwxp 00000000 00:00 0 \n"
		      "9000-a000 r-xp 00000000 fe:1f 12345678901 /a b/\xc3\xa4.so (deleted)\n"
		      "7ffc000-7ffd000 r-xp 00000000 00:00 0                          [vdso]\n");

	cr_assert_eq(map.n, 4);
	cr_assert_str_eq(map.ranges[0].path, "/usr/lib/a.so");
	cr_assert_eq(map.ranges[0].offset, 0x1000);
	cr_assert_eq(map.ranges[0].inode, 77);
	cr_assert_str_eq(map.ranges[1].path, "");
	cr_assert_str_eq(map.ranges[2].path, "/a b/\xc3\xa4.so (deleted)");
	cr_assert_eq(map.ranges[2].dev_major, 0xfe);
	cr_assert_eq(map.ranges[2].dev_minor, 0x1f);
	cr_assert_eq(map.ranges[2].inode, 12345678901);
	cr_assert_str_eq(map.ranges[3].path, "[vdso]");
	cr_assert_null(execmap__find(&map, 0x1fff));
	cr_assert_eq(execmap__find(&map, 0x2000), &map.ranges[0]);
	cr_assert_eq(execmap__find(&map, 0x3fff), &map.ranges[0]);
	cr_assert_null(execmap__find(&map, 0x4000));
	cr_assert_eq(execmap__find(&map, 0x8fff), &map.ranges[1]);
	cr_assert_eq(execmap__find(&map, 0x9000), &map.ranges[2]);
	cr_assert_null(execmap__find(&map, UINT64_MAX));
	execmap__done(&map);
}

Test(execmap, leaves_out_what_it_does_not_understand)
{
	struct execmap map = parse("\nnonsense\n2000-1000 r-xp 0 0:0 0 /backwards\n1000-2000 r-xp\n"
				   "zz-2000 r-xp 0 0:0 1 /x\n1000-2000 r-xp 0 0:0 1 /last");

	cr_assert_eq(map.n, 1);
	cr_assert_str_eq(map.ranges[0].path, "/last");
	execmap__done(&map);
	cr_assert_null(execmap__find(&map, 0x1000));
}

Test(elfsym, the_nicer_name)
{
	cr_assert(elfsym__is_nicer("clock_nanosleep", 0, "__clock_nanosleep_2", 0));
	cr_assert(elfsym__is_nicer("select", 0, "__select", 0));
	cr_assert(elfsym__is_nicer("__select", 0, "select", 1));
	cr_assert(elfsym__is_nicer("poll", 0, "pollute", 0));
	cr_assert(elfsym__is_nicer("aa", 0, "ab", 0));
	cr_assert_not(elfsym__is_nicer("read", 0, "read", 0));
}

static int find_in(int fd, uint64_t file_offset, char *name, size_t size)
{
	_cleanup_(elfsym__freep) struct elfsym *s = NULL;
	uint64_t vaddr;
	int r = elfsym__new(&s, fd);

	if (r >= 0)
		r = elfsym__vaddr(s, file_offset, &vaddr);
	return r < 0 ? r : elfsym__name(s, vaddr, name, size);
}

Test(elfsym, not_an_elf_file)
{
	_cleanup_fd_ int fd = memfd_create("text", MFD_CLOEXEC);
	char name[64];

	cr_assert_geq(fd, 0);
	cr_assert_eq(find_in(fd, 0, name, sizeof(name)), -ENOEXEC);
	cr_assert_eq(write(fd,
			   "\x7f"
			   "ELF\x02\x01\x01",
			   7),
		     7);
	cr_assert_eq(find_in(fd, 0, name, sizeof(name)), -ENOEXEC);
}

/* Bytes of this program turned over at random: no crash, and text or an error. */
Test(elfsym, hostile_files)
{
	_cleanup_fd_ int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	_cleanup_fd_ int fd = memfd_create("elf", MFD_CLOEXEC);
	static uint8_t original[1 << 16];
	unsigned int seed = 17;
	char name[64];
	ssize_t size;
	size_t at;
	int round, r;

	size = read(self, original, sizeof(original));
	cr_assert_gt(size, 4096);
	for (round = 0; round < 500; round++) {
		at = (size_t)rand_r(&seed) % (round < 250 ? 64 : 1024);
		cr_assert_eq(pwrite(fd, original, (size_t)size, 0), size);
		cr_assert_eq(pwrite(fd, &round, 1, (off_t)at), 1);
		r = find_in(fd, 0x1000, name, sizeof(name));
		cr_assert(r <= 0);
	}
}

struct fixture {
	struct strings *strings;
	struct native *native;
	struct native_maps maps;
};

static void fixture__init(struct fixture *x)
{
	*x = (struct fixture){ 0 };
	cr_assert_eq(strings__new(&x->strings, 1 << 16), 0);
	cr_assert_eq(native__new(&x->native, x->strings), 0);
}

static void fixture__done(struct fixture *x)
{
	native_maps__done(&x->maps);
	native__free(x->native);
	strings__free(x->strings);
}

static const char *name_of(struct fixture *x, const void *ip)
{
	return native__name(x->native, &x->maps, getpid(), (uint64_t)(uintptr_t)ip, 1);
}

Test(native, functions_of_this_process)
{
	struct fixture x;
	const char *name;

	fixture__init(&x);
	name = name_of(&x, (const char *)(uintptr_t)getppid + 1);
	cr_assert_str_eq(name, "libc.so.6:getppid");
	cr_assert_eq(name_of(&x, (const char *)(uintptr_t)getppid + 1), name);
	cr_assert_null(name_of(&x, (const void *)8));
	cr_assert_null(name_of(&x, &x));
	fixture__done(&x);
}

Test(native, code_without_a_file)
{
	struct fixture x;
	void *code;

	code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(code, MAP_FAILED);
	fixture__init(&x);
	cr_assert_null(name_of(&x, code));
	fixture__done(&x);
}

/*
 * A deleted file that is no ELF file: the module's name and the offset in it are all that can be
 * said.
 */
Test(native, code_without_a_symbol)
{
	_cleanup_fd_ int fd = memfd_create("mo\ndule.so", MFD_CLOEXEC);
	struct fixture x;
	char *code;

	cr_assert_geq(fd, 0);
	cr_assert_eq(ftruncate(fd, 8192), 0);
	code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 4096);
	cr_assert_neq(code, MAP_FAILED);
	fixture__init(&x);
	cr_assert_str_eq(name_of(&x, code + 0x234), "memfd:mo\\012dule.so+0x1234");
	fixture__done(&x);
}
