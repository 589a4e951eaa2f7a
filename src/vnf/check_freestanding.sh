#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check_freestanding.sh COMPILER OBJECT...: a function's objects, linked together without a library,
# leave nothing undefined but the four memory functions, and construct nothing at the start.
set -eu
compiler=$1
shift
linked=$(mktemp)
trap 'rm -f "$linked"' EXIT
"$compiler" -nostdlib -r -o "$linked" "$@"
missing=$(nm --undefined-only --demangle "$linked" | sed 's/^ *[Uw] //' |
  grep -vxE 'memcpy|memmove|memset|memcmp' || true)
if [ -n "$missing" ]; then
  echo "needs a library: $missing"
  exit 1
fi
if readelf -SW "$linked" | grep -E '\.(init|fini)_array|\.ctors|\.tdata|\.tbss|gcc_except_table'; then
  echo "runs constructors, or has thread-local data"
  exit 1
fi
