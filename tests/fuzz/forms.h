/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an input of fuzz_player is, by its first byte.
 */
#ifndef TESTS_FUZZ_FORMS_H
#define TESTS_FUZZ_FORMS_H

enum form {
	FORM_FILE, /* a whole file */
	FORM_BODY, /* the body of a file's head */
	FORM_CHUNKS, /* what is in its chunks, with FORM_SEPARATOR between two */
	FORM_MAX
};

#define FORM_SEPARATOR "\xff\xfe\xfd"
#define FORM_SEPARATOR_BYTES 3

#endif
