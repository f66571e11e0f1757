// The peers of bench/counters.ts: sweep the counters of N devices with bpf_map_lookup_batch, summed over the CPUs.
//
//   counters DEVICES CPUS hash|array   descriptor 3: the mmapable array that ours reads, index cpu * DEVICES + device
//
// The same entries are copied into a per-CPU map first. A hash keyed by ifindex is what counting by device takes
// where nobody chooses the indexes; an array by slot, as ours, is the fastest map to sweep in batches.
// For every byte on standard input it sweeps once and prints the milliseconds and the sum of all that was read.
#include <bpf/bpf.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WORDS = 8, BYTES = WORDS * 8, CHUNK = 4096, SOURCE = 3, IFINDEX_BASE = 1048576 };

static unsigned devices, cpus;
static uint64_t *out;

static void check(int failed, const char *tried)
{
	if (failed) {
		perror(tried);
		exit(1);
	}
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static int copy_source(enum bpf_map_type type, unsigned base)
{
	int fd = bpf_map_create(type, "bench_peer", 4, BYTES, devices, NULL);
	check(fd < 0, "bpf_map_create");
	uint64_t *value = malloc((size_t)BYTES * cpus);
	for (unsigned device = 0; device < devices; device++) {
		for (unsigned cpu = 0; cpu < cpus; cpu++) {
			unsigned index = cpu * devices + device;
			check(bpf_map_lookup_elem(SOURCE, &index, value + cpu * WORDS), "bpf_map_lookup_elem");
		}
		unsigned key = base + 2 * device;
		check(bpf_map_update_elem(fd, base ? &key : &device, value, 0), "bpf_map_update_elem");
	}
	free(value);
	return fd;
}

static void sweep(int fd, unsigned base, unsigned *keys, uint64_t *values)
{
	unsigned in, next, *position = NULL, seen = 0;
	int end;

	do {
		unsigned count = CHUNK;
		end = bpf_map_lookup_batch(fd, position, &next, keys, values, &count, NULL);
		check(end && errno != ENOENT, "bpf_map_lookup_batch");
		for (unsigned i = 0; i < count; i++) {
			const uint64_t *value = values + (size_t)i * cpus * WORDS;
			unsigned device = base ? (keys[i] - base) / 2 : keys[i];
			uint64_t *sums = out + (size_t)device * WORDS;
			memcpy(sums, value, BYTES);
			for (unsigned cpu = 1; cpu < cpus; cpu++)
				for (int j = 0; j < WORDS; j++)
					sums[j] += value[cpu * WORDS + j];
		}
		seen += count;
		in = next;
		position = &in;
	} while (!end);
	check(seen != devices, "a sweep that misses entries");
}

int main(int count, char **words)
{
	if (count != 4)
		return 2;
	devices = atoi(words[1]);
	cpus = atoi(words[2]);
	int hash = !strcmp(words[3], "hash");
	unsigned base = hash ? IFINDEX_BASE : 0;
	int fd = copy_source(hash ? BPF_MAP_TYPE_PERCPU_HASH : BPF_MAP_TYPE_PERCPU_ARRAY, base);
	unsigned *keys = malloc(CHUNK * sizeof(*keys));
	uint64_t *values = malloc((size_t)CHUNK * BYTES * cpus);
	out = malloc((size_t)devices * BYTES);
	char byte;

	while (read(0, &byte, 1) == 1) {
		double start = now();
		sweep(fd, base, keys, values);
		double ms = now() - start;
		uint64_t sum = 0;
		for (size_t i = 0; i < (size_t)devices * WORDS; i++)
			sum += out[i];
		printf("%f %llu\n", ms, (unsigned long long)sum);
		fflush(stdout);
	}
	return 0;
}
