#!/bin/bash
# Builds bpf/*.bpf.c into bpf/objects/, and docs/examples/*.bpf.c beside themselves, stripped of DWARF. With --check,
# builds elsewhere and compares with the committed objects: the same compiler (Debian 12's clang 14) must give the
# same bytes.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

for tool in clang llvm-strip; do
  command -v "$tool" >/dev/null || { echo "build-bpf: $tool is missing: apt-get install clang llvm libbpf-dev" >&2; exit 1; }
done

if [ "${1:-}" = --check ]; then
  built=$(mktemp -d)
  trap 'rm -rf "$built"' EXIT
fi

status=0
for source in bpf/*.bpf.c docs/examples/*.bpf.c; do
  object=${source%.c}.o
  case $source in bpf/*) object=bpf/objects/${object#bpf/} ;; esac
  out=$object
  [ "${1:-}" = --check ] && out=$built/$(basename "$object")
  # Relative source, mapped prefix: no path of the building machine in the object.
  clang -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -fdebug-prefix-map="$PWD"=. \
    -idirafter "/usr/include/$(uname -m)-linux-gnu" -c "$source" -o "$out"
  llvm-strip -g "$out"
  if [ "${1:-}" = --check ] && ! cmp "$out" "$object"; then
    echo "build-bpf: $object is not what $source compiles to: run scripts/build-bpf.sh and commit it" >&2
    status=1
  fi
done
exit $status
