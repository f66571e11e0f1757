import koffi, { type KoffiFunc } from 'koffi';

/**
 * Declarations of libbpf functions that exist in 1.1.2 and in 1.4.6 alike. `bpf_*` calls with an int result return a
 * negative errno on failure. Buffers are passed by address: keep them alive until an `.async` call has called back.
 */
const libbpf = koffi.load('libbpf.so.1');

/** A pointer returned by libbpf; null on failure, with the reason in `errno()`. */
export type LibbpfPointer = bigint | null;
type Address = Buffer | ArrayBufferView | bigint | null;

// <bpf/libbpf.h>
export const libbpf_version_string: KoffiFunc<() => string> = libbpf.func(
  'const char *libbpf_version_string()',
);
export const libbpf_num_possible_cpus: KoffiFunc<() => number> = libbpf.func(
  'int libbpf_num_possible_cpus()',
);
export const libbpf_set_print: KoffiFunc<(print: null) => LibbpfPointer> = libbpf.func(
  'void *libbpf_set_print(void *print)',
);
export const bpf_object__open_mem: KoffiFunc<
  (image: Buffer, bytes: number, options: Buffer) => LibbpfPointer
> = libbpf.func('void *bpf_object__open_mem(void *image, size_t bytes, void *options)');
export const bpf_object__load: KoffiFunc<(object: LibbpfPointer) => number> = libbpf.func(
  'int bpf_object__load(void *object)',
);
export const bpf_object__close: KoffiFunc<(object: LibbpfPointer) => void> = libbpf.func(
  'void bpf_object__close(void *object)',
);
export const bpf_object__next_program: KoffiFunc<
  (object: LibbpfPointer, program: LibbpfPointer) => LibbpfPointer
> = libbpf.func('void *bpf_object__next_program(void *object, void *program)');
export const bpf_object__next_map: KoffiFunc<(object: LibbpfPointer, map: LibbpfPointer) => LibbpfPointer> =
  libbpf.func('void *bpf_object__next_map(void *object, void *map)');
export const bpf_program__name: KoffiFunc<(program: LibbpfPointer) => string> = libbpf.func(
  'const char *bpf_program__name(void *program)',
);
export const bpf_program__fd: KoffiFunc<(program: LibbpfPointer) => number> = libbpf.func(
  'int bpf_program__fd(void *program)',
);
export const bpf_program__section_name: KoffiFunc<(program: LibbpfPointer) => string> = libbpf.func(
  'const char *bpf_program__section_name(void *program)',
);
/** Returns the type of a BPF program (enum bpf_prog_type); 0 for a section that this libbpf does not know. */
export const bpf_program__type: KoffiFunc<(program: LibbpfPointer) => number> = libbpf.func(
  'int bpf_program__type(void *program)',
);
export const bpf_program__set_type: KoffiFunc<(program: LibbpfPointer, type: number) => number> = libbpf.func(
  'int bpf_program__set_type(void *program, int type)',
);
export const bpf_program__set_expected_attach_type: KoffiFunc<
  (program: LibbpfPointer, type: number) => number
> = libbpf.func('int bpf_program__set_expected_attach_type(void *program, int type)');
export const bpf_program__set_autoload: KoffiFunc<(program: LibbpfPointer, autoload: boolean) => number> =
  libbpf.func('int bpf_program__set_autoload(void *program, bool autoload)');
export const bpf_program__set_log_buf: KoffiFunc<
  (program: LibbpfPointer, log: Buffer, bytes: number) => number
> = libbpf.func('int bpf_program__set_log_buf(void *program, void *log, size_t bytes)');
export const bpf_map__name: KoffiFunc<(map: LibbpfPointer) => string> = libbpf.func(
  'const char *bpf_map__name(void *map)',
);
export const bpf_map__fd: KoffiFunc<(map: LibbpfPointer) => number> = libbpf.func(
  'int bpf_map__fd(void *map)',
);
export const bpf_map__type: KoffiFunc<(map: LibbpfPointer) => number> = libbpf.func(
  'int bpf_map__type(void *map)',
);
export const bpf_map__key_size: KoffiFunc<(map: LibbpfPointer) => number> = libbpf.func(
  'uint32_t bpf_map__key_size(void *map)',
);
export const bpf_map__value_size: KoffiFunc<(map: LibbpfPointer) => number> = libbpf.func(
  'uint32_t bpf_map__value_size(void *map)',
);
export const bpf_map__max_entries: KoffiFunc<(map: LibbpfPointer) => number> = libbpf.func(
  'uint32_t bpf_map__max_entries(void *map)',
);
export const bpf_map__map_flags: KoffiFunc<(map: LibbpfPointer) => number> = libbpf.func(
  'uint32_t bpf_map__map_flags(void *map)',
);
/** Sets the path at which a map is pinned; null disables pinning, even if the object file declares it. */
export const bpf_map__set_pin_path: KoffiFunc<(map: LibbpfPointer, path: string | null) => number> =
  libbpf.func('int bpf_map__set_pin_path(void *map, const char *path)');
export const bpf_map__set_max_entries: KoffiFunc<(map: LibbpfPointer, entries: number) => number> =
  libbpf.func('int bpf_map__set_max_entries(void *map, uint32_t entries)');
export const bpf_map__reuse_fd: KoffiFunc<(map: LibbpfPointer, fd: number) => number> = libbpf.func(
  'int bpf_map__reuse_fd(void *map, int fd)',
);
/** Returns the content of a data section, writable before the load, and its length in `bytes` (u64). */
export const bpf_map__initial_value: KoffiFunc<(map: LibbpfPointer, bytes: Buffer) => LibbpfPointer> =
  libbpf.func('void *bpf_map__initial_value(void *map, void *bytes)');

// <bpf/bpf.h>
export const bpf_map_create: KoffiFunc<
  (
    type: number,
    name: string,
    keyBytes: number,
    valueBytes: number,
    entries: number,
    options: Address,
  ) => number
> = libbpf.func(
  'int bpf_map_create(int type, const char *name, uint32_t key_bytes, uint32_t value_bytes, uint32_t entries, void *options)',
);
export const bpf_map_lookup_elem: KoffiFunc<(fd: number, key: Buffer, value: Buffer) => number> = libbpf.func(
  'int bpf_map_lookup_elem(int fd, void *key, void *value)',
);
export const bpf_map_update_elem: KoffiFunc<
  (fd: number, key: Buffer, value: Buffer, flags: number | bigint) => number
> = libbpf.func('int bpf_map_update_elem(int fd, void *key, void *value, uint64_t flags)');
export const bpf_map_delete_elem: KoffiFunc<(fd: number, key: Buffer) => number> = libbpf.func(
  'int bpf_map_delete_elem(int fd, void *key)',
);
/**
 * Reads a batch of map entries. `count` (u32) is the capacity before the call and the number read afterwards; -ENOENT
 * marks the last batch.
 */
export const bpf_map_lookup_batch: KoffiFunc<
  (
    fd: number,
    from: Address,
    next: Buffer,
    keys: Buffer,
    values: Buffer,
    count: Buffer,
    options: Address,
  ) => number
> = libbpf.func(
  'int bpf_map_lookup_batch(int fd, void *from, void *next, void *keys, void *values, void *count, void *options)',
);
/**
 * Writes a batch of map entries. `count` (u32) is their number before the call and the number written afterwards.
 * `options` is a struct bpf_map_batch_opts.
 */
export const bpf_map_update_batch: KoffiFunc<
  (fd: number, keys: Buffer, values: Buffer, count: Buffer, options: Buffer) => number
> = libbpf.func('int bpf_map_update_batch(int fd, void *keys, void *values, void *count, void *options)');
export const bpf_map_delete_batch: KoffiFunc<
  (fd: number, keys: Buffer, count: Buffer, options: Buffer) => number
> = libbpf.func('int bpf_map_delete_batch(int fd, void *keys, void *count, void *options)');
/** Runs a BPF program on a test packet; `options` is a struct bpf_test_run_opts. */
export const bpf_prog_test_run_opts: KoffiFunc<(program: number, options: Buffer) => number> = libbpf.func(
  'int bpf_prog_test_run_opts(int program, void *options)',
);
/** Attaches a program to a raw tracepoint by name; null selects the tracepoint that the program was loaded for. */
export const bpf_raw_tracepoint_open: KoffiFunc<(name: string | null, program: number) => number> =
  libbpf.func('int bpf_raw_tracepoint_open(const char *name, int program)');
export const bpf_link_update: KoffiFunc<(link: number, program: number, options: Address) => number> =
  libbpf.func('int bpf_link_update(int link, int program, void *options)');
export const bpf_link_detach: KoffiFunc<(link: number) => number> = libbpf.func(
  'int bpf_link_detach(int link)',
);
export const bpf_obj_pin: KoffiFunc<(fd: number, path: string) => number> = libbpf.func(
  'int bpf_obj_pin(int fd, const char *path)',
);
export const bpf_obj_get: KoffiFunc<(path: string) => number> = libbpf.func(
  'int bpf_obj_get(const char *path)',
);
/**
 * Reads the kernel info of a BPF object. `bytes` (u32) is the size of `info` before the call and the size filled in
 * afterwards.
 */
export const bpf_obj_get_info_by_fd: KoffiFunc<(fd: number, info: Buffer, bytes: Buffer) => number> =
  libbpf.func('int bpf_obj_get_info_by_fd(int fd, void *info, void *bytes)');
export const bpf_prog_get_fd_by_id: KoffiFunc<(id: number) => number> = libbpf.func(
  'int bpf_prog_get_fd_by_id(uint32_t id)',
);
export const bpf_map_get_fd_by_id: KoffiFunc<(id: number) => number> = libbpf.func(
  'int bpf_map_get_fd_by_id(uint32_t id)',
);
export const bpf_link_get_fd_by_id: KoffiFunc<(id: number) => number> = libbpf.func(
  'int bpf_link_get_fd_by_id(uint32_t id)',
);
export const bpf_btf_get_fd_by_id: KoffiFunc<(id: number) => number> = libbpf.func(
  'int bpf_btf_get_fd_by_id(uint32_t id)',
);
export const bpf_map_get_next_key: KoffiFunc<(fd: number, key: Address, next: Buffer) => number> =
  libbpf.func('int bpf_map_get_next_key(int fd, void *key, void *next)');
export const bpf_enable_stats: KoffiFunc<(type: number) => number> = libbpf.func(
  'int bpf_enable_stats(int type)',
);

// libbpf prints every failure to stderr. Errors of the agent contain the same and more.
libbpf_set_print(null);
