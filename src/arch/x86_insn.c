/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decodes instructions of x86-64 as far as spots need it: length, branches, and whether the
 * registers of a result (rax) and of a first argument (rdi) change. Sources: Intel SDM volume 2,
 * chapter 2 (prefixes, ModRM, VEX, EVEX) and appendix A (opcode maps); AMD APM volume 3 (XOP).
 * tests/unit/arch/x86/test_insn.c compares it with another decoder.
 */
#include <string.h>

#include "arch/arch.h"

#define MAX_BYTES 15
#define RAX 0
#define RDI 7

enum map { MAP_ONE, MAP_0F, MAP_0F38, MAP_0F3A, MAP_FP16, MAP_XOP };

struct decoding {
	const uint8_t *code;
	size_t size, pos;
	bool has_66, has_67, has_rex, is_wide, is_vector; /* vector: VEX, EVEX or XOP */
	uint8_t repeat; /* f2 or f3 */
	uint8_t reg_bit, rm_bit; /* 8 where the prefix extends ModRM's reg or rm */
	uint8_t vvvv;
	enum map map;
	uint8_t opcode, modrm;
	uint64_t distance; /* of a direct branch */
	bool has_distance;
};

/*
 * What follows an opcode, in rows of 16:
 *   .  no instruction in 64-bit mode    p  a legacy prefix     r  REX
 *   -  nothing                          m  ModRM               E  an escape: 0f, VEX, EVEX
 *   b  1 byte                           B  ModRM, 1 byte       w  2 bytes      e  3 bytes
 *   z  4 bytes (2 with 66)              Z  ModRM, z            v  z, or 8 bytes with REX.W
 *   o  an address                       j  1 byte, relative    J  4 bytes, relative
 *   t  ModRM, and 1 byte for test       T  ModRM, and z for test
 */
static const char one_forms[] = "mmmmbz..mmmmbz.E"
				"mmmmbz..mmmmbz.."
				"mmmmbzp.mmmmbzp."
				"mmmmbzp.mmmmbzp."
				"rrrrrrrrrrrrrrrr" /* 40 */
				"----------------"
				"..EmppppzZbB----"
				"jjjjjjjjjjjjjjjj"
				"BZ.Bmmmmmmmmmmmm" /* 80 */
				"----------.-----"
				"oooo----bz------"
				"bbbbbbbbvvvvvvvv"
				"BBw-EEBZe-w--b.-" /* c0 */
				"mmmm...-mmmmmmmm"
				"jjjjbbbbJJ.j----"
				"p-pp--tT------mm";
static const char two_forms[] = "mmmm.-----.-.m-B"
				"mmmmmmmmmmmmmmmm"
				"mmmm....mmmmmmmm"
				"------.-E.E....."
				"mmmmmmmmmmmmmmmm" /* 40 */
				"mmmmmmmmmmmmmmmm"
				"mmmmmmmmmmmmmmmm"
				"BBBBmmm-mm..mmmm"
				"JJJJJJJJJJJJJJJJ" /* 80 */
				"mmmmmmmmmmmmmmmm"
				"---mBmmm---mBmmm"
				"mmmmmmmmmmBmmmmm"
				"mmBmBBBm--------" /* c0 */
				"mmmmmmmmmmmmmmmm"
				"mmmmmmmmmmmmmmmm"
				"mmmmmmmmmmmmmmmm";

/*
 * What an opcode writes, as far as it can be rax or rdi:
 *   -  neither        m  ModRM's rm     r  ModRM's reg    x  both of these
 *   o  the register in the opcode       a  rax            d  rdi
 *   A  rax and the opcode's register    c  rax and rm     s  see one_effect() and two_effect()
 *   *  not known: taken as both
 */
static const char one_effects[] = "mmrraa--mmrraa--"
				  "mmrraa--mmrraa--"
				  "mmrraa--mmrraa--"
				  "mmrraa----------"
				  "----------------" /* 40 */
				  "--------oooooooo"
				  "---r-----r-rdd--"
				  "----------------"
				  "ss-s--xxmmrrmr-m" /* 80 */
				  "sAAAAAAAa------a"
				  "aa--dddd--ddaadd"
				  "oooooooooooooooo"
				  "mm----ss--------" /* c0 */
				  "mmmm---a-------s"
				  "----aa------aa--"
				  "------ss------ss";
static const char two_effects[] = "ssrr------------"
				  "--------------s-"
				  "mm----------ss--"
				  "-aaa---a--------"
				  "rrrrrrrrrrrrrrrr" /* 40 */
				  "r---------------"
				  "----------------"
				  "--------m-----s-"
				  "----------------" /* 80 */
				  "mmmmmmmmmmmmmmmm"
				  "--a-mm**---mmmsr"
				  "ccrmrrrrr-smrrrr"
				  "xx---r-soooooooo" /* c0 */
				  "-------r--------"
				  "----------------"
				  "----------------";

_Static_assert(sizeof(one_forms) == 257 && sizeof(two_forms) == 257, "a row is not 16 opcodes");
_Static_assert(sizeof(one_effects) == 257 && sizeof(two_effects) == 257, "a row is not 16 opcodes");

static uint8_t reg_of(const struct decoding *d)
{
	return d->modrm >> 3 & 7;
}

static bool is_register_form(const struct decoding *d)
{
	return d->modrm >> 6 == 3;
}

static bool next(struct decoding *d, uint8_t *ret_byte)
{
	if (d->pos >= d->size)
		return false;
	*ret_byte = d->code[d->pos++];
	return true;
}

static bool skip(struct decoding *d, size_t bytes)
{
	if (d->size - d->pos < bytes)
		return false;
	d->pos += bytes;
	return true;
}

static bool read_distance(struct decoding *d, size_t bytes)
{
	int8_t distance8;
	int32_t distance32;

	if (!skip(d, bytes))
		return false;
	memcpy(&distance8, d->code + d->pos - bytes, sizeof(distance8));
	if (bytes == sizeof(distance32))
		memcpy(&distance32, d->code + d->pos - bytes, sizeof(distance32));
	else
		distance32 = distance8;
	d->distance = (uint64_t)(int64_t)distance32;
	d->has_distance = true;
	return true;
}

static bool read_modrm(struct decoding *d)
{
	uint8_t mod, rm, base;

	if (!next(d, &d->modrm))
		return false;
	mod = d->modrm >> 6;
	rm = d->modrm & 7;
	/* Control and debug registers have no memory form, whatever mod says. */
	if (mod == 3 || (d->map == MAP_0F && d->opcode >= 0x20 && d->opcode <= 0x23))
		return true;
	if (rm == 4) {
		if (!next(d, &base))
			return false;
		rm = base & 7;
	}
	if (mod == 0)
		return rm != 5 || skip(d, 4);
	return skip(d, mod == 1 ? 1 : 4);
}

static void note_prefix(struct decoding *d, uint8_t prefix)
{
	if (prefix == 0x66)
		d->has_66 = true;
	else if (prefix == 0x67)
		d->has_67 = true;
	else if (prefix == 0xf2 || prefix == 0xf3)
		d->repeat = prefix;
}

/* Legacy prefixes, then REX: one that another prefix follows has no effect. */
static bool read_prefixes(struct decoding *d)
{
	uint8_t rex = 0;

	for (;;) {
		if (!next(d, &d->opcode))
			return false;
		if (one_forms[d->opcode] == 'p') {
			note_prefix(d, d->opcode);
			rex = 0;
		} else if (one_forms[d->opcode] == 'r') {
			rex = d->opcode;
		} else {
			break;
		}
	}
	d->has_rex = rex;
	d->is_wide = rex & 8;
	d->reg_bit = (uint8_t)((rex & 4) << 1);
	d->rm_bit = (uint8_t)((rex & 1) << 3);
	return true;
}

/* The byte of VEX, EVEX and XOP with W, vvvv (inverted) and what stands for 66, f3, f2. */
static void note_vector_byte(struct decoding *d, uint8_t byte)
{
	static const uint8_t repeats[] = { 0, 0, 0xf3, 0xf2 };

	d->vvvv = (uint8_t)~byte >> 3 & 15;
	d->has_66 = (byte & 3) == 1;
	d->repeat = repeats[byte & 3];
}

/* The maps of EVEX; false if there is none of that number. */
static bool choose_map(struct decoding *d, uint8_t number)
{
	static const enum map maps[] = { [1] = MAP_0F,	 [2] = MAP_0F38, [3] = MAP_0F3A,
					 [5] = MAP_FP16, [6] = MAP_FP16, [7] = MAP_ONE };

	d->map = maps[number & 7];
	return d->map != MAP_ONE;
}

static bool read_vex2(struct decoding *d)
{
	uint8_t byte;

	if (!next(d, &byte))
		return false;
	d->reg_bit = byte & 0x80 ? 0 : 8;
	note_vector_byte(d, byte);
	return choose_map(d, 1);
}

/* VEX of three bytes, XOP and EVEX begin alike. */
static bool read_vex3(struct decoding *d, uint8_t escape)
{
	uint8_t first, second, third;

	if (!next(d, &first) || !next(d, &second))
		return false;
	d->reg_bit = first & 0x80 ? 0 : 8;
	d->rm_bit = first & 0x20 ? 0 : 8;
	note_vector_byte(d, second);
	if (escape == 0x62)
		return !(first & 8) && (second & 4) && next(d, &third) && choose_map(d, first);
	if (escape == 0xc4)
		return (first & 0x1f) <= 3 && choose_map(d, first);
	d->map = MAP_XOP;
	d->vvvv = first & 0x1f; /* The map, for read_vector_rest(). */
	return d->vvvv >= 8 && d->vvvv <= 10;
}

static size_t vector_immediate(const struct decoding *d)
{
	static const uint8_t xop[] = { 1, 0, 4 };

	if (d->map == MAP_XOP)
		return xop[d->vvvv - 8];
	return d->map == MAP_0F3A || (d->map == MAP_0F && two_forms[d->opcode] == 'B');
}

static bool read_vector(struct decoding *d, uint8_t escape)
{
	if (d->has_rex || d->has_66 || d->repeat)
		return false;
	d->is_vector = true;
	if (!(escape == 0xc5 ? read_vex2(d) : read_vex3(d, escape)) || !next(d, &d->opcode))
		return false;
	/* vzeroupper */
	if (d->map == MAP_0F && d->opcode == 0x77)
		return true;
	return read_modrm(d) && skip(d, vector_immediate(d));
}

static size_t operand_bytes(const struct decoding *d)
{
	return d->has_66 && !d->is_wide ? 2 : 4;
}

/* With ModRM or without. */
static bool read_immediate(struct decoding *d, char form)
{
	switch (form) {
	case 'b':
	case 'B':
		return skip(d, 1);
	case 'w':
		return skip(d, 2);
	case 'e':
		return skip(d, 3);
	case 'z':
	case 'Z':
		return skip(d, operand_bytes(d));
	case 'v':
		return skip(d, d->is_wide ? 8 : operand_bytes(d));
	case 'o':
		return skip(d, d->has_67 ? 4 : 8);
	case 't':
		return skip(d, reg_of(d) < 2 ? 1 : 0);
	case 'T':
		return skip(d, reg_of(d) < 2 ? operand_bytes(d) : 0);
	case 'j':
		return read_distance(d, 1);
	case 'J':
		return read_distance(d, 4);
	default:
		return form == '-' || form == 'm';
	}
}

static bool read_rest(struct decoding *d, char form)
{
	return (!strchr("mBZtT", form) || read_modrm(d)) && read_immediate(d, form);
}

static bool read_two(struct decoding *d)
{
	if (!next(d, &d->opcode))
		return false;
	d->map = MAP_0F;
	/* extrq and insertq of SSE4a have other lengths than vmread. */
	if (d->opcode == 0x78 && (d->has_66 || d->repeat))
		return false;
	if (two_forms[d->opcode] != 'E')
		return read_rest(d, two_forms[d->opcode]);
	d->map = d->opcode == 0x38 ? MAP_0F38 : MAP_0F3A;
	return next(d, &d->opcode) && read_rest(d, d->map == MAP_0F38 ? 'm' : 'B');
}

static bool read_insn(struct decoding *d)
{
	if (!read_prefixes(d))
		return false;
	if (d->opcode == 0x0f)
		return read_two(d);
	/* 8f is pop, or XOP: then what would be the reg field of ModRM is not 0. */
	if (d->opcode == 0x8f && d->pos < d->size && (d->code[d->pos] & 0x38))
		return read_vector(d, d->opcode);
	if (one_forms[d->opcode] == 'E')
		return read_vector(d, d->opcode);
	return read_rest(d, one_forms[d->opcode]);
}

static char one_effect(const struct decoding *d)
{
	const uint8_t reg = reg_of(d);

	switch (d->opcode) {
	case 0x90: /* nop, or xchg with r8 */
		return d->rm_bit ? 'a' : '-';
	case 0xc6: /* mov; xabort, xbegin */
	case 0xc7:
		return reg ? '*' : 'm';
	case 0xdf: /* fnstsw ax */
		return d->modrm == 0xe0 ? 'a' : '-';
	case 0xf6: /* test, not, neg; mul, div */
	case 0xf7:
		return reg < 2 ? '-' : reg < 4 ? 'm' : 'a';
	case 0xfe: /* inc, dec; call, jmp, push */
	case 0xff:
		return reg < 2 ? 'm' : '-';
	default: /* all but cmp */
		return reg == 7 ? '-' : 'm';
	}
}

static char two_effect(const struct decoding *d)
{
	const uint8_t reg = reg_of(d);
	const bool is_f3_register = d->repeat == 0xf3 && is_register_form(d);

	switch (d->opcode) {
	case 0x00: /* sldt, str */
		return reg < 2 ? 'm' : '-';
	case 0x01: /* xgetbv, rdtscp and more than twenty others */
		return is_register_form(d) ? '*' : '-';
	case 0x1e: /* rdssp */
		return is_f3_register && reg == 1 ? 'm' : '-';
	case 0x2c: /* cvttss2si, cvtss2si; with mmx without a prefix */
	case 0x2d:
		return d->repeat ? 'r' : '-';
	case 0x7e: /* movd; movq between xmm */
		return d->repeat ? '-' : 'm';
	case 0xae: /* rdfsbase, rdgsbase */
		return is_f3_register && reg < 2 ? 'm' : '-';
	case 0xba: /* all but bt */
		return reg == 4 ? '-' : 'm';
	default: /* c7: cmpxchg8b; rdrand, rdseed */
		return reg == 1 ? 'a' : 'm';
	}
}

static char map_0f38_effect(const struct decoding *d)
{
	switch (d->opcode) {
	case 0xf0: /* movbe, crc32 */
		return 'r';
	case 0xf1:
		return d->repeat == 0xf2 ? 'r' : 'm';
	case 0xf6: /* adcx, adox; wrss */
		return d->has_66 || d->repeat ? 'r' : '-';
	case 0xfa: /* encodekey */
	case 0xfb:
		return '*';
	default:
		return '-';
	}
}

/* vvvv names the register that mulx and blsr write, so they are taken as unknown. */
static char vector_effect(const struct decoding *d)
{
	switch (d->map) {
	case MAP_0F: /* movmsk, kmov, pextrw, pmovmskb; cvt..2si; movd */
		if (d->opcode == 0x50 || d->opcode == 0x93 || d->opcode == 0xc5 ||
		    d->opcode == 0xd7)
			return 'r';
		if (d->opcode == 0x2c || d->opcode == 0x2d || d->opcode == 0x78 ||
		    d->opcode == 0x79)
			return d->repeat ? 'r' : '-';
		return d->opcode == 0x7e && d->has_66 ? 'm' : '-';
	case MAP_0F38: /* andn, bzhi, pext, pdep, bextr, shifts; blsr, mulx, cmpccxadd */
		if (d->opcode == 0xf2 || d->opcode == 0xf5 || d->opcode == 0xf7)
			return 'r';
		return d->opcode >= 0xe0 ? '*' : '-';
	case MAP_0F3A: /* pextr, rorx */
		return d->opcode == 0xf0 ? 'r' : d->opcode >= 0x14 && d->opcode <= 0x17 ? 'm' : '-';
	default:
		return '*';
	}
}

static char effect_of(const struct decoding *d)
{
	char effect;

	if (d->is_vector)
		return vector_effect(d);
	switch (d->map) {
	case MAP_ONE:
		effect = one_effects[d->opcode];
		return effect == 's' ? one_effect(d) : effect;
	case MAP_0F:
		effect = two_effects[d->opcode];
		return effect == 's' ? two_effect(d) : effect;
	case MAP_0F38:
		return map_0f38_effect(d);
	default: /* pextrb to extractps */
		return d->opcode >= 0x14 && d->opcode <= 0x17 ? 'm' : '-';
	}
}

static bool has_byte_operand(const struct decoding *d)
{
	if (d->map == MAP_ONE && d->opcode >= 0xb0 && d->opcode <= 0xbf)
		return d->opcode <= 0xb7;
	if (d->map == MAP_ONE) /* not pop, mov from a segment register, xchg */
		return !(d->opcode & 1) && (d->opcode < 0x40 || d->opcode >= 0x80) &&
			d->opcode != 0x8c && (d->opcode < 0x90 || d->opcode > 0x97);
	return (d->opcode >= 0x90 && d->opcode <= 0x9f) || d->opcode == 0xb0 || d->opcode == 0xc0;
}

/* Without REX, 4 to 7 are ah, ch, dh and bh. */
static void note_write(const struct decoding *d, struct arch_insn *insn, uint8_t reg)
{
	if (!d->is_vector && !d->has_rex && has_byte_operand(d))
		reg &= 3;
	insn->writes_result |= reg == RAX;
	insn->writes_argument |= reg == RDI;
}

static void note_writes(const struct decoding *d, struct arch_insn *insn)
{
	const char effect = effect_of(d);

	if (strchr("aAc*", effect))
		insn->writes_result = true;
	if (strchr("d*", effect))
		insn->writes_argument = true;
	if (strchr("mxc", effect) && is_register_form(d))
		note_write(d, insn, d->rm_bit | (d->modrm & 7));
	if (strchr("rx", effect))
		note_write(d, insn, d->reg_bit | reg_of(d));
	if (strchr("oA", effect))
		note_write(d, insn, d->rm_bit | (d->opcode & 7));
}

static bool is_call(const struct decoding *d)
{
	return d->map == MAP_ONE &&
		(d->opcode == 0xe8 || (d->opcode == 0xff && (reg_of(d) == 2 || reg_of(d) == 3)));
}

/* Jumps, returns, interrupts, system calls, and what is no instruction on purpose. */
static bool is_branch(const struct decoding *d)
{
	if (d->has_distance)
		return true;
	if (d->map == MAP_ONE && d->opcode == 0xff)
		return reg_of(d) >= 2 && reg_of(d) <= 5;
	if (d->map == MAP_ONE && d->opcode == 0xc7)
		return d->modrm == 0xf8;
	if (d->map == MAP_ONE)
		return d->opcode && strchr("\xc2\xc3\xca\xcb\xcc\xcd\xcf\xf1\xf4", d->opcode);
	if (d->map == MAP_0F && !d->is_vector)
		return d->opcode && strchr("\x05\x07\x0b\x34\x35\xb9\xff", d->opcode);
	return false;
}

bool arch_decode(struct arch_cursor *cursor, struct arch_insn *ret_insn)
{
	struct decoding d = {
		.code = cursor->code,
		.size = cursor->size < MAX_BYTES ? cursor->size : MAX_BYTES,
	};

	if (!read_insn(&d))
		return false;
	*ret_insn = (struct arch_insn){
		.vaddr = cursor->vaddr,
		.size = (uint8_t)d.pos,
		.is_emulable = arch_is_emulable(cursor->code, d.pos),
		.is_call = is_call(&d),
		.is_branch = is_branch(&d),
	};
	note_writes(&d, ret_insn);
	cursor->code += d.pos;
	cursor->size -= d.pos;
	cursor->vaddr += d.pos;
	if (d.has_distance)
		ret_insn->branch_target = cursor->vaddr + d.distance;
	return true;
}
