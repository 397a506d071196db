/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules of one frame, and the stack machine of DWARF expressions (DWARF 4, 2.5).
 */
#include "symbol/unwind.h"

#include <dwarf.h>
#include <errno.h>
#include <string.h>

#include "symbol/bytes.h"

#define MAX_DEPTH 16 /* of the stack machine */
#define MAX_OPERATIONS 200 /* loops are possible */

struct machine {
	const struct unwind_stack *stack;
	const struct unwind_regs *regs;
	uint64_t values[MAX_DEPTH];
	size_t n;
	bool is_bad;
};

static bool read_stack(const struct unwind_stack *stack, uint64_t addr, size_t size,
		       uint64_t *ret_value)
{
	*ret_value = 0;
	if (size > sizeof(*ret_value) || addr < stack->start || size > stack->n ||
	    addr - stack->start > stack->n - size)
		return false;
	memcpy(ret_value, stack->bytes + (addr - stack->start), size);
	return true;
}

static bool read_reg(const struct unwind_regs *regs, uint64_t reg, uint64_t *ret_value)
{
	if (reg >= LS_COPY_REGS || (regs->unknown >> reg & 1))
		return false;
	*ret_value = regs->values[reg];
	return true;
}

static void push(struct machine *m, uint64_t value)
{
	if (m->n < MAX_DEPTH)
		m->values[m->n++] = value;
	else
		m->is_bad = true;
}

static uint64_t pop(struct machine *m)
{
	if (m->n)
		return m->values[--m->n];
	m->is_bad = true;
	return 0;
}

static void push_reg(struct machine *m, uint64_t reg, int64_t offset)
{
	uint64_t value = 0;

	m->is_bad |= !read_reg(m->regs, reg, &value);
	push(m, value + (uint64_t)offset);
}

static void push_memory(struct machine *m, size_t size)
{
	uint64_t value = 0;

	m->is_bad |= !read_stack(m->stack, pop(m), size, &value);
	push(m, value);
}

static void push_copy(struct machine *m, uint64_t index)
{
	if (index < m->n)
		push(m, m->values[m->n - 1 - index]);
	else
		m->is_bad = true;
}

static bool push_constant(struct machine *m, uint8_t op, struct bytes *b)
{
	static const uint8_t sizes[] = { 1, 1, 2, 2, 4, 4, 8, 8 };
	uint64_t value;
	uint8_t size;

	if (op >= DW_OP_lit0 && op <= DW_OP_lit31) {
		push(m, op - DW_OP_lit0);
		return true;
	}
	if (op == DW_OP_constu || op == DW_OP_consts) {
		push(m, op == DW_OP_constu ? bytes__uleb(b) : (uint64_t)bytes__sleb(b));
		return true;
	}
	if (op < DW_OP_const1u || op > DW_OP_const8s)
		return false;
	size = sizes[op - DW_OP_const1u];
	value = bytes__fixed(b, size);
	/* The signed ones have odd numbers. */
	if ((op & 1) && size < 8 && value >> (8 * size - 1))
		value |= ~0ULL << (8 * size);
	push(m, value);
	return true;
}

static bool push_value(struct machine *m, uint8_t op, struct bytes *b)
{
	uint64_t reg;

	if (op >= DW_OP_breg0 && op <= DW_OP_breg31) {
		push_reg(m, op - DW_OP_breg0, bytes__sleb(b));
		return true;
	}
	switch (op) {
	case DW_OP_bregx:
		reg = bytes__uleb(b);
		push_reg(m, reg, bytes__sleb(b));
		return true;
	case DW_OP_deref:
		push_memory(m, 8);
		return true;
	case DW_OP_deref_size:
		push_memory(m, bytes__fixed(b, 1));
		return true;
	case DW_OP_dup:
		push_copy(m, 0);
		return true;
	case DW_OP_over:
		push_copy(m, 1);
		return true;
	case DW_OP_pick:
		push_copy(m, bytes__fixed(b, 1));
		return true;
	case DW_OP_drop:
		pop(m);
		return true;
	default:
		return push_constant(m, op, b);
	}
}

static bool compute_one(struct machine *m, uint8_t op, struct bytes *b)
{
	uint64_t top;

	switch (op) {
	case DW_OP_plus_uconst:
		top = pop(m);
		push(m, top + bytes__uleb(b));
		return true;
	case DW_OP_neg:
		push(m, -pop(m));
		return true;
	case DW_OP_not:
		push(m, ~pop(m));
		return true;
	default:
		return false;
	}
}

static uint64_t shift(uint8_t op, uint64_t value, uint64_t by)
{
	const uint64_t sign = op == DW_OP_shra && value >> 63 ? ~0ULL : 0;

	if (by >= 64)
		return sign;
	if (op == DW_OP_shl)
		return value << by;
	return value >> by | (by ? sign << (64 - by) : 0);
}

static bool compare(uint8_t op, uint64_t a, uint64_t b, uint64_t *ret_result)
{
	switch (op) {
	case DW_OP_eq:
		*ret_result = a == b;
		return true;
	case DW_OP_ne:
		*ret_result = a != b;
		return true;
	case DW_OP_lt:
		*ret_result = (int64_t)a < (int64_t)b;
		return true;
	case DW_OP_le:
		*ret_result = (int64_t)a <= (int64_t)b;
		return true;
	case DW_OP_gt:
		*ret_result = (int64_t)a > (int64_t)b;
		return true;
	case DW_OP_ge:
		*ret_result = (int64_t)a >= (int64_t)b;
		return true;
	default:
		return false;
	}
}

static bool calculate(uint8_t op, uint64_t a, uint64_t b, uint64_t *ret_result)
{
	switch (op) {
	case DW_OP_plus:
		*ret_result = a + b;
		return true;
	case DW_OP_minus:
		*ret_result = a - b;
		return true;
	case DW_OP_mul:
		*ret_result = a * b;
		return true;
	case DW_OP_and:
		*ret_result = a & b;
		return true;
	case DW_OP_or:
		*ret_result = a | b;
		return true;
	case DW_OP_xor:
		*ret_result = a ^ b;
		return true;
	case DW_OP_shl:
	case DW_OP_shr:
	case DW_OP_shra:
		*ret_result = shift(op, a, b);
		return true;
	default:
		return compare(op, a, b, ret_result);
	}
}

static bool compute_two(struct machine *m, uint8_t op)
{
	const struct machine before = *m;
	const uint64_t b = pop(m), a = pop(m);
	uint64_t result;

	if (op == DW_OP_swap) {
		push(m, b);
		push(m, a);
		return true;
	}
	if (!calculate(op, a, b, &result)) {
		*m = before;
		return false;
	}
	push(m, result);
	return true;
}

static bool compute(const struct cfi_rule *rule, const uint64_t *cfa,
		    const struct unwind_stack *stack, const struct unwind_regs *regs,
		    uint64_t *ret_value)
{
	struct bytes b = { rule->expression, rule->expression + rule->bytes, false };
	struct machine m = { .stack = stack, .regs = regs };

	if (cfa)
		push(&m, *cfa);
	for (int i = 0; b.p < b.end; i++) {
		const uint8_t op = (uint8_t)bytes__fixed(&b, 1);

		if (i == MAX_OPERATIONS ||
		    (op != DW_OP_nop && !push_value(&m, op, &b) && !compute_one(&m, op, &b) &&
		     !compute_two(&m, op)) ||
		    b.is_bad || m.is_bad)
			return false;
	}
	*ret_value = pop(&m);
	return !m.is_bad;
}

static bool find_cfa(const struct cfi_rule *rule, const struct unwind_stack *stack,
		     const struct unwind_regs *regs, uint64_t *ret_cfa)
{
	if (rule->kind == CFI_IS_EXPRESSION)
		return compute(rule, NULL, stack, regs, ret_cfa);
	if (rule->kind != CFI_IS_OFFSET || !read_reg(regs, rule->reg, ret_cfa))
		return false;
	*ret_cfa += (uint64_t)rule->value;
	return true;
}

/* The caller's value of register `reg`. False: it is lost. */
static bool apply(const struct cfi_rule *rule, unsigned int reg, uint64_t cfa,
		  const struct unwind_stack *stack, const struct unwind_regs *regs,
		  uint64_t *ret_value)
{
	switch (rule->kind) {
	case CFI_SAME:
		return read_reg(regs, reg, ret_value);
	case CFI_REGISTER:
		return read_reg(regs, rule->reg, ret_value);
	case CFI_AT_OFFSET:
		return read_stack(stack, cfa + (uint64_t)rule->value, 8, ret_value);
	case CFI_IS_OFFSET:
		*ret_value = cfa + (uint64_t)rule->value;
		return true;
	case CFI_AT_EXPRESSION:
		return compute(rule, &cfa, stack, regs, ret_value) &&
			read_stack(stack, *ret_value, 8, ret_value);
	case CFI_IS_EXPRESSION:
		return compute(rule, &cfa, stack, regs, ret_value);
	case CFI_UNDEFINED:
		break;
	}
	return false;
}

/*
 * A function whose return address is still in a register may have nothing on the stack; any other
 * has at least that address there.
 */
static bool is_further_up(uint64_t sp, uint64_t from, bool is_in_register)
{
	return is_in_register ? sp >= from : sp > from;
}

int unwind__step(const struct cfi_row *row, const struct unwind_stack *stack, unsigned int sp_reg,
		 struct unwind_regs *regs, uint64_t *ip)
{
	const struct cfi_rule *back = &row->regs[row->return_reg];
	const bool is_in_register = back->kind == CFI_SAME;
	const uint64_t sp = regs->values[sp_reg];
	struct unwind_regs caller = { .unknown = 0 };
	uint64_t cfa, ret;

	if (back->kind == CFI_UNDEFINED)
		return -ENOENT;
	if (!find_cfa(&row->cfa, stack, regs, &cfa) || !is_further_up(cfa, sp, is_in_register) ||
	    !apply(back, row->return_reg, cfa, stack, regs, &ret))
		return -EBADMSG;
	for (unsigned int i = 0; i < LS_COPY_REGS; i++)
		if (!apply(&row->regs[i], i, cfa, stack, regs, &caller.values[i]))
			caller.unknown |= 1ULL << i;
	if (row->regs[sp_reg].kind == CFI_SAME) {
		caller.values[sp_reg] = cfa;
		caller.unknown &= ~(1ULL << sp_reg);
	}
	/* The call overwrote it: the caller, too, has its own on the stack. */
	if (is_in_register)
		caller.unknown |= 1ULL << row->return_reg;
	if ((caller.unknown >> sp_reg & 1) ||
	    !is_further_up(caller.values[sp_reg], sp, is_in_register))
		return -EBADMSG;
	ret &= ~row->signature;
	if (!ret)
		return -ENOENT;
	*regs = caller;
	*ip = ret;
	return 0;
}
