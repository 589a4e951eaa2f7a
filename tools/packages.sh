# Debian packages that Vireo needs: sourced by demo.sh and test.sh, which install what is missing.
build_packages="g++ cmake ninja-build pkg-config libfmt-dev libspdlog-dev libcli11-dev
  nlohmann-json3-dev libyaml-dev libsqlite3-dev libboost-dev libarchive-dev libnl-3-dev
  libnl-route-3-dev libseccomp-dev prometheus-cpp-dev libssl-dev libbpf-dev clang"
run_packages="iproute2 iputils-ping iperf curl ca-certificates"
test_packages="libgtest-dev clang-format clang-tidy nftables python3 binutils buildah
  qemu-system-x86 e2fsprogs tcpdump"

# install_packages NAME...: installs the missing ones, as root or by sudo.
install_packages() {
  missing=""
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
      missing="$missing $package"
  done
  [ -z "$missing" ] && return 0
  echo "installing from Debian:$missing"
  run=""
  [ "$(id -u)" = 0 ] || run="sudo"
  $run apt-get update -qq
  # shellcheck disable=SC2086  # one word each
  DEBIAN_FRONTEND=noninteractive $run apt-get install -y -qq --no-install-recommends $missing \
    >/dev/null
}
