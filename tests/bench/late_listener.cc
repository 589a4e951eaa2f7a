// SPDX-License-Identifier: Apache-2.0
// An entry point that sleeps 200 ms before it becomes the bench's own listener: what a start costs
// at least is then known.
#include <unistd.h>

int main() {
  ::usleep(200'000);
  ::execl("/real", "/real", static_cast<char*>(nullptr));
  return 1;
}
