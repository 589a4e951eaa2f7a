#!/bin/bash
# Shows Vireo end to end: builds, plans, runs, breaks, heals, switches, measures, cleans up. The daemon, its
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

# Why this host does not run a technology; empty when it does.
why_not() {
  vireo host --output json | python3 -c '
import json, sys
found = [one for one in json.load(sys.stdin)["technologies"] if one["name"] == sys.argv[1]]
if not found: print("this daemon was built without it")
elif found[0]["possible"] is not True: print("; ".join(found[0]["missing"]))' "$1"
}
# FUNCTION TECHNOLOGY: one word of the mixed chain, with a ping every two milliseconds through it.
switch_under_ping() {
  echo "--- $1 becomes $2, with 500 pings a second through the chain"
  ping -q -i 0.002 -c 500 10.10.0.80 >"$work/ping" &
  pinging=$!
  sleep 0.2
  sed -i "s/^\(  $1: .*technology: \)[a-z.]*/\1$2/" "$work/mixed.yaml"
  vireo run "$work/mixed.yaml"
  wait "$pinging"
  tail -n +4 "$work/ping"
}
# TECHNOLOGY: starts, size, memory and round trip of one responder, as columns.
side() {
  cat >"$work/side.yaml" <<END
vireo: 1
service: side
functions:
  echo: { image: vireo/responder, technology: $1, ports: [ { link: lan, address: 10.30.0.2 } ] }
links:
  lan: { subnet: 10.30.0.0/24, host: 10.30.0.1 }
END
  for i in 1 2 3 4 5; do
    vireo run "$work/side.yaml" --output json >"$work/start-$i.json"
    vireo rm side >/dev/null
    sleep 0.1  # the pool is filled again
  done
  vireo run "$work/side.yaml" >/dev/null
  ping -q -i 0.002 -c 300 10.30.0.2 >"$work/ping"
  sleep 1.2  # figures are read once a second
  vireo inspect side/echo --output json >"$work/echo"
  vireo rm side >/dev/null
  python3 - "$1" "$work" "$bin/functions/responder" <<'END'
import glob, json, os, re, statistics, sys
technology, work, program = sys.argv[1:]
runs = [json.load(open(path)) for path in glob.glob(work + "/start-*.json")]
starts = [step["duration_ms"] for run in runs for step in run["steps"] if step["id"].startswith("start ")]
image = os.path.getsize(program + (".elf" if technology.startswith("unikernel") else ""))
memory = json.load(open(work + "/echo"))["memory_bytes"]
rtt = [float(each) for each in re.search(r"= ([\d.]+)/([\d.]+)/", open(work + "/ping").read()).groups()]
print(f"{technology:<22} {statistics.median(starts):>8.2f} ms {image / 1024:>8.0f} KiB "
      f"{memory / 1048576:>8.2f} MiB {rtt[0] * 1000:>8.0f} us {rtt[1] * 1000:>8.0f} us")
END
}
side_by_side() {
  echo "TECHNOLOGY                  START    PROGRAM       MEMORY  RTT LEAST   RTT MEAN"
  side container
  [ -n "$unikernels" ] && echo "unikernel.vireo.kvm    not run: $unikernels" || side unikernel.vireo.kvm
}

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

step "5. A chain of containers and unikernels; a hop becomes the other kind while traffic goes"
vireo rm branch-office >/dev/null
unikernels=$(why_not unikernel.vireo.kvm)
if [ -n "$unikernels" ]; then
  echo "not run: $unikernels"
else
  # The server is nginx here, so that there is a page to fetch.
  cp examples/nginx.conf "$work"
  page='files: { /etc/nginx/nginx.conf: { from: nginx.conf }, /srv/index.html: "Hello from the WAN.\\n" }'
  sed "s|image: vireo/responder, config: { tcp: accept }|image: demo/web, $page|" \
    examples/mixed-chain.yaml >"$work/mixed.yaml"
  vireo run "$work/mixed.yaml"
  vireo wait mixed-chain --for ready --timeout 20s
  vireo ps
  ip route replace 10.10.0.0/24 via 10.20.0.1
  curl -sS --max-time 5 http://10.10.0.80/
  switch_under_ping nat container
  switch_under_ping fw unikernel.vireo.kvm
  switch_under_ping nat unikernel.vireo.kvm
  curl -sS --max-time 5 http://10.10.0.80/
  vireo rm mixed-chain >/dev/null
fi

step "6. The same function as a container and as a unikernel"
side_by_side

step "7. The draft's five tables, measured here (quick)"
"$bin/vireo" bench --quick --peer-dir "$build/peers/bin" --report vireo-report.html

step "8. Remove everything, and count what is left"
vireo rm --all
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
