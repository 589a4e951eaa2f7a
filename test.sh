#!/bin/sh
# Installs what the tests need, builds, runs every suite and closes with one line:
#   N passed, N failed, N skipped
# usage: ./test.sh [--all]     --all adds the thread sanitizer and clang-tidy
set -u
cd "$(dirname "$0")" || exit 2
. tools/packages.sh
# shellcheck disable=SC2086  # one word each
install_packages $build_packages $run_packages $test_packages || exit 1

build=build/test
thread_build=build/thread
results=$PWD/build/results
rm -rf "$results"
mkdir -p "$results"
passed=0 failed=0 skipped=0

# check NAME COMMAND...: a check without GoogleTest counts as one test.
check() {
  name=$1
  shift
  if "$@" >"$results/$name.log" 2>&1; then
    passed=$((passed + 1))
    echo "ok      $name"
  else
    failed=$((failed + 1))
    echo "FAILED  $name"
    tail -n 40 "$results/$name.log"
  fi
}

# suite BUILD CTEST-OPTIONS...: runs ctest and adds its test programs' own counts.
suite() {
  where=$1
  shift
  reports=$results/$(basename "$where")
  mkdir -p "$reports"
  GTEST_OUTPUT="xml:$reports/" ctest --test-dir "$where" --output-on-failure \
    --output-junit "$reports.junit" "$@" | grep -v '^test \|^ *Start'
  counts=$(tools/count-results "$reports.junit" "$reports")
  echo "$counts" | sed -n '2,$p'
  # shellcheck disable=SC2046  # three numbers
  set -- $(echo "$counts" | head -n 1)
  passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

configure() {
  cmake -G Ninja -S . -B "$@" >/dev/null && ninja -C "$1" >"$results/build.log" 2>&1 && return 0
  tail -n 60 "$results/build.log"
  echo "the build failed: $1"
  echo "$passed passed, $((failed + 1)) failed, $skipped skipped"
  exit 1
}

echo "checking the sources"
check format tools/check-format
check layers tools/check-layers
check sizes tools/check-sizes

echo "building with address and undefined-behaviour sanitizers"
configure $build -DVIREO_SANITIZE=address,undefined
suite $build
if [ "${1:-}" = --all ]; then
  echo "building api, control and store with the thread sanitizer"
  configure $thread_build -DVIREO_SANITIZE=thread "-DVIREO_TEST_FOLDERS=api;control;sqlite;contract"
  suite $thread_build -LE privileged
  echo "tidying the files of the last commits"
  check tidy tools/check-tidy $build
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
