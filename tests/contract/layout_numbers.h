/* SPDX-License-Identifier: BSD-3-Clause */
/* The numbers of layout_shared.h as one array, in its order; the same text for both compilers. */
#include "layout_shared.h"

struct layout_number {
	uint64_t first, second; /* structure: size, alignment; member: offset, size; constant: 32-bit value, 0 */
};

#define LAYOUT_S(s)    {sizeof(s), _Alignof(s)},
#define LAYOUT_M(s, m) {offsetof(s, m), sizeof(((s *)0)->m)},
#define LAYOUT_C(c)    {(uint32_t)(c), 0},

/* the last one marks the end */
#define LAYOUT_NUMBERS {LAYOUT_STRUCTURES(LAYOUT_S) LAYOUT_MEMBERS(LAYOUT_M) LAYOUT_CONSTANTS(LAYOUT_C){UINT64_MAX, 0}}
