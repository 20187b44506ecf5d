/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BPF instructions for programs that are built here, without a compiler at run time. One macro an instruction, named as in
 * the kernel's documentation of the instruction set (standardization/instruction-set); jumps say how many instructions
 * they skip, which for those of 64 bits (LOAD_…) are two.
 */
#ifndef VMQ_PORT_BPF_INSN_H
#define VMQ_PORT_BPF_INSN_H

#include <linux/bpf.h>

enum { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10 };

/* clang-format off */
/* LOAD: dst = *(size *)(src + off); STORE: *(size *)(dst + off) = src. */
#define INSN(c, d, s, o, i) { .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) }
#define MOV(dst, src)              INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define MOV_IMM(dst, imm)          INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm)
#define ADD(dst, src)              INSN(BPF_ALU64 | BPF_ADD | BPF_X, dst, src, 0, 0)
#define ADD_IMM(dst, imm)          INSN(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, imm)
#define MUL_IMM(dst, imm)          INSN(BPF_ALU64 | BPF_MUL | BPF_K, dst, 0, 0, imm)
#define TO_BE16(dst)               INSN(BPF_ALU | BPF_END | BPF_TO_BE, dst, 0, 0, 16)
#define LOAD(size, dst, src, off)  INSN(BPF_LDX | BPF_MEM | (size), dst, src, off, 0)
#define STORE(size, dst, off, src) INSN(BPF_STX | BPF_MEM | (size), dst, src, off, 0)
#define STORE0(size, dst, off)     INSN(BPF_ST | BPF_MEM | (size), dst, 0, off, 0)
#define JUMP(n)                    INSN(BPF_JMP | BPF_JA, 0, 0, n, 0)
#define JUMP_EQ(dst, src, n)       INSN(BPF_JMP | BPF_JEQ | BPF_X, dst, src, n, 0)
#define JUMP_EQ0(dst, n)           INSN(BPF_JMP | BPF_JEQ | BPF_K, dst, 0, n, 0)
#define JUMP_NE(dst, src, n)       INSN(BPF_JMP | BPF_JNE | BPF_X, dst, src, n, 0)
#define JUMP_NE0(dst, n)           INSN(BPF_JMP | BPF_JNE | BPF_K, dst, 0, n, 0)
#define JUMP_LE(dst, src, n)       INSN(BPF_JMP | BPF_JLE | BPF_X, dst, src, n, 0)
#define JUMP_GE(dst, src, n)       INSN(BPF_JMP | BPF_JGE | BPF_X, dst, src, n, 0)
#define JUMP_GE_IMM(dst, imm, n)   INSN(BPF_JMP | BPF_JGE | BPF_K, dst, 0, n, imm)
#define JUMP_GT_IMM(dst, imm, n)   INSN(BPF_JMP | BPF_JGT | BPF_K, dst, 0, n, imm)
#define JUMP_LT_IMM(dst, imm, n)   INSN(BPF_JMP | BPF_JLT | BPF_K, dst, 0, n, imm)
#define CALL(helper)               INSN(BPF_JMP | BPF_CALL, 0, 0, 0, helper)
#define CALL_KERNEL(id)            INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, id)
#define LOAD_IMM64(dst, v)         INSN(BPF_LD | BPF_DW | BPF_IMM, dst, 0, 0, (__s32)(__u32)(v)), INSN(0, 0, 0, 0, (__s32)((v) >> 32))
#define LOAD_MAP(dst, fd)          INSN(BPF_LD | BPF_DW | BPF_IMM, dst, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)
/* The address of the value of an array map with one element. */
#define LOAD_MAP_VALUE(dst, fd)    INSN(BPF_LD | BPF_DW | BPF_IMM, dst, BPF_PSEUDO_MAP_VALUE, 0, fd), INSN(0, 0, 0, 0, 0)
#define EXIT()                     INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
/* clang-format on */

#endif
