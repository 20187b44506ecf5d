/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_oid without libFuzzer, for `make test`: every seed given as it is, then a fixed number of inputs mutated from
 * them by a fixed generator. oid_inputs COUNT SEED_FILE…
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_SEEDS 64u
#define MAX_INPUT 16384u

static struct {
	uint8_t data[MAX_INPUT];
	size_t size;
} seed[MAX_SEEDS];
static unsigned seeds;

static uint64_t state = 0x9E3779B97F4A7C15u;

static uint32_t random_below(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 33) % n;
}

static size_t mutate(uint8_t *to)
{
	static const uint8_t interesting[] = { 0, 1, 2, 0x7F, 0x80, 0xFF, 0x10, 0x40 };
	unsigned from = random_below(seeds), changes = 1 + random_below(12);
	size_t n = seed[from].size;

	memcpy(to, seed[from].data, n);
	/* behind it, now and then, another one's records */
	if (random_below(3) == 0) {
		unsigned other = random_below(seeds);
		size_t cut = seed[other].size ? random_below((uint32_t)seed[other].size) : 0,
		       more = seed[other].size - cut;

		if (n + more <= MAX_INPUT) {
			memcpy(to + n, seed[other].data + cut, more);
			n += more;
		}
	}
	while (n && changes--) {
		uint32_t at = random_below((uint32_t)n);

		switch (random_below(4)) {
		case 0:
			to[at] = (uint8_t)random_below(256);
			break;
		case 1:
			to[at] ^= (uint8_t)(1u << random_below(8));
			break;
		case 2:
			to[at] = interesting[random_below(sizeof interesting)];
			break;
		default:
			memmove(to + at, to + at + 1, n - at - 1);
			n--;
			break;
		}
	}
	return n;
}

int main(int argc, char **argv)
{
	static uint8_t input[MAX_INPUT];
	long count = argc > 1 ? atol(argv[1]) : 0;

	for (int i = 2; i < argc && seeds < MAX_SEEDS; i++) {
		FILE *f = fopen(argv[i], "rb");

		if (!f) {
			(void)fprintf(stderr, "%s: cannot be read\n", argv[i]);
			return 2;
		}
		seed[seeds].size = fread(seed[seeds].data, 1, MAX_INPUT, f);
		(void)fclose(f);
		(void)LLVMFuzzerTestOneInput(seed[seeds].data, seed[seeds].size);
		seeds++;
	}
	if (!seeds || count <= 0) {
		(void)fprintf(stderr, "usage: oid_inputs COUNT SEED_FILE…\n");
		return 2;
	}
	for (long i = 0; i < count; i++) {
		/* each input alone in memory, so that the sanitizers see its ends */
		size_t n = mutate(input);
		uint8_t *copy = malloc(n ? n : 1);

		if (!copy)
			return 2;
		memcpy(copy, input, n);
		(void)LLVMFuzzerTestOneInput(copy, n);
		free(copy);
	}
	(void)printf("%u seeds and %ld mutated inputs\n", seeds, count);
	return 0;
}
