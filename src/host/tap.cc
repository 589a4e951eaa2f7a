// SPDX-License-Identifier: Apache-2.0
#include "host/tap.h"

#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include "host/files.h"

namespace vireo {
namespace {

constexpr unsigned segmentation = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
constexpr unsigned udp_segmentation = 0x20 | 0x40;  // TUN_F_USO4, TUN_F_USO6: from kernel 6.2

}  // namespace

Result<Fd> make_tap(const std::string& name, int index) {
  Fd tap = TRY(open_path("/dev/net/tun", O_RDWR | O_NONBLOCK));
  if (::ioctl(tap.get(), TUNSETIFINDEX, &index) != 0)
    return system_error("cannot choose the index of a tap");
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if (::ioctl(tap.get(), TUNSETIFF, &request) != 0) return system_error("cannot make tap " + name);
  if (::ioctl(tap.get(), TUNSETOFFLOAD, segmentation | udp_segmentation) != 0 &&
      ::ioctl(tap.get(), TUNSETOFFLOAD, segmentation) != 0)
    return system_error("cannot keep segmentation on tap " + name);
  return tap;
}

}  // namespace vireo
