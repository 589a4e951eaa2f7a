#!/bin/bash
# Shows Vireo end to end: builds, plans, runs, breaks, heals, measures, cleans up. The daemon, its
# state and all traffic live in network and mount namespaces of their own and in a temporary folder.
# usage: ./demo.sh
set -euo pipefail
cd "$(dirname "$0")"
. tools/packages.sh
build=$PWD/build/release
bin=$build/bin

step() { printf '\n== %s\n' "$*"; }

prepare() {
  step "Installing from Debian what is missing, and building (Release)"
  # shellcheck disable=SC2086  # one word each
  install_packages $build_packages $run_packages
  cmake -G Ninja -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DVIREO_TESTS=OFF >/dev/null
  ninja -C "$build" | tail -n 1
  step "Packing Debian's nginx as an image, and fetching the peers to measure against"
  [ -e "$build/web.tar.gz" ] || tools/pack-root --output "$build/web.tar.gz" nginx --entry-point \
    /usr/sbin/nginx
  tools/fetch-peers "$build/peers"
}

if [ "${1:-}" != inside ]; then
  prepare
  run=""
  [ "$(id -u)" = 0 ] || run="sudo"
  exec $run unshare --net --mount --propagation private bash "$PWD/demo.sh" inside
fi

work=$(mktemp -d /tmp/vireo-demo-XXXXXX)
export VIREO_SOCKET=$work/vireod.sock
daemon=
# Ends what the demo started, whatever happens.
leave() {
  code=$?
  if [ -n "$daemon" ]; then
    kill "$daemon" 2>/dev/null || true
    wait "$daemon" 2>/dev/null || true
  fi
  [ "$code" = 0 ] || { echo "the demo failed; the daemon's log:"; tail -n 20 "$work/log"; }
  rm -rf "$work"
  exit "$code"
}
trap leave EXIT
vireo() { "$bin/vireo" "$@"; }
pid_of() { vireo inspect "branch-office/$1" --output json | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p'; }
groups() { find /sys/fs/cgroup -type d -path '*vireo-*' 2>/dev/null | sort; }

before=$(groups)
ip link set lo up
echo reno >/proc/sys/net/ipv4/tcp_congestion_control  # the host's default may pace
"$bin/vireod" --ephemeral --state-dir "$work/state" --runtime-dir "$work/run" \
  --socket "$VIREO_SOCKET" 2>"$work/log" &
daemon=$!
for _ in $(seq 200); do [ -S "$VIREO_SOCKET" ] && break; sleep 0.05; done

step "A private daemon is up; images: our own functions, and nginx"
vireo image build all
vireo image import "$build/web.tar.gz" --name demo/web
vireo image ls

step "1. What would happen (vireo plan)"
vireo plan examples/branch-office.yaml || [ $? = 3 ]

step "2. Make it so (vireo run): the time of each phase"
vireo run examples/branch-office.yaml
vireo wait branch-office --for ready --timeout 20s
vireo ps

step "3. A client on the LAN fetches a page through NAT and firewall"
nat=$(vireo inspect branch-office/nat --output json |
  python3 -c 'import json,sys; print([a.split("/")[0] for p in json.load(sys.stdin)["ports"] for a in p["addresses"] if a.startswith("10.20.")][0])')
ip route add 10.10.0.0/24 via "$nat"
curl -sS --max-time 5 http://10.10.0.80/
echo "The server saw the NAT's address, not 10.20.0.100:"
vireo logs branch-office/web --tail 1
echo "A port that the firewall forbids is refused, and counted by its rule:"
curl -sS --max-time 5 http://10.10.0.80:23/ && exit 1 || true
sleep 1.2  # figures are read once a second
vireo inspect branch-office/fw | grep -E '^ +"?(rules\[|rejected|accepted)'

step "4. Kill the NAT; Vireo heals it"
kill -9 "$(pid_of nat)"
for _ in $(seq 200); do
  vireo ps --output json | grep -q '"healed_ms": *[0-9]' && break
  sleep 0.01
done
vireo ps
curl -sS --max-time 5 http://10.10.0.80/

step "5. The draft's five tables, measured here (quick)"
"$bin/vireo" bench --quick --peer-dir "$build/peers/bin" --report vireo-report.html

step "6. Remove everything, and count what is left"
vireo rm branch-office
kill "$daemon"
wait "$daemon" || true
daemon=
for _ in $(seq 100); do
  pgrep -f "$work/" >/dev/null || { [ "$(groups)" = "$before" ] && break; }
  sleep 0.1
done
left_links=$(ip -o link | grep -vc ' lo:' || true)
left_groups=$(comm -13 <(echo "$before") <(groups) | grep -c . || true)
left_processes=$(pgrep -fc "$work/" || true)
left_mounts=$(grep -c "$work" /proc/self/mounts || true)
echo "left: $left_links links, $left_groups control groups, $left_processes processes, $left_mounts mounts"
[ "$left_links$left_groups$left_processes$left_mounts" = 0000 ]
