/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Baselines. One that is read can be written, and is read again then.
 */
#include "check/baseline.h"
#include "tests/fuzz/fuzz.h"

static void write_and_read(const struct baseline *b)
{
	char path[] = "/tmp/loopstall-fuzz-XXXXXX";
	struct baseline again = {};
	struct err err = {};
	const int fd = mkstemp(path);

	fuzz_check(fd >= 0);
	close(fd);
	fuzz_check(!baseline__write(b, path, &err));
	fuzz_check(!baseline__read(&again, path, &err));
	fuzz_check(again.n == b->n);
	baseline__done(&again);
	unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct baseline b = {};
	struct err err = {};
	char path[32];

	fuzz_file(data, size, path);
	if (!baseline__read(&b, path, &err))
		write_and_read(&b);
	else
		fuzz_check(err.what[0]);
	baseline__done(&b);
	return 0;
}
