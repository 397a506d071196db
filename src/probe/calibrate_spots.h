/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instructions that are probed to learn what that costs, each twice: one gets the probe, its twin does not. x86-64: a call and a
 * conditional jump, as spots in targets are (src/target/spots.c). And code that is run between two hits.
 */
#ifndef LOOPSTALL_PROBE_CALIBRATE_SPOTS_H
#define LOOPSTALL_PROBE_CALIBRATE_SPOTS_H

#ifdef __x86_64__

#define CALIBRATE_HAS_SPOTS 1

/* calibrate_NAME() runs `before` and then the one instruction calibrate_NAME_spot. */
#define CALIBRATE_SPOT(name, before, instruction)                                                  \
	__asm__(".pushsection .text\n"                                                             \
		".balign 64\n"                                                                     \
		".type calibrate_" name ", @function\n"                                            \
		"calibrate_" name ":\n"                                                            \
		"\t" before "\n"                                                                   \
		"calibrate_" name "_spot:\n"                                                       \
		"\t" instruction "\n"                                                              \
		"\tret\n"                                                                          \
		"1:\tret\n"                                                                        \
		".size calibrate_" name ", . - calibrate_" name "\n"                               \
		".popsection\n")

/*
 * `lines` cache lines, a jump in each to the one `stride` lines on, round and round until each was there once.
 * The last one of that walk is the one from which the next jump would lead to the first.
 */
#define CALIBRATE_CODE(lines, stride)                                                              \
	__asm__(".pushsection .text\n"                                                             \
		".balign 64\n"                                                                     \
		".type calibrate_code, @function\n"                                                \
		"calibrate_code:\n"                                                                \
		".rept " #lines " - " #stride "\n"                                                 \
		".balign 64\n"                                                                     \
		"\tjmp . + " #stride " * 64\n"                                                     \
		".endr\n"                                                                          \
		".balign 64\n"                                                                     \
		"\tret\n"                                                                          \
		".rept " #stride " - 1\n"                                                          \
		".balign 64\n"                                                                     \
		"\tjmp . - (" #lines " - " #stride ") * 64\n"                                      \
		".endr\n"                                                                          \
		".balign 64\n"                                                                     \
		".size calibrate_code, . - calibrate_code\n"                                       \
		".popsection\n")

CALIBRATE_CODE(1024, 37);
CALIBRATE_SPOT("call", "", "call 1f");
CALIBRATE_SPOT("call_twin", "", "call 1f");
CALIBRATE_SPOT("jump", "test %rsp, %rsp", "je 1f");
CALIBRATE_SPOT("jump_twin", "test %rsp, %rsp", "je 1f");

#else

#define CALIBRATE_HAS_SPOTS 0

static inline void calibrate_code(void) {}
static inline void calibrate_call(void) {}
static inline void calibrate_call_twin(void) {}
static inline void calibrate_jump(void) {}
static inline void calibrate_jump_twin(void) {}
static const char calibrate_call_spot[1], calibrate_jump_spot[1];

#endif

#endif
