#!/bin/sh
# Hands the primary over before its Patroni is stopped, by systemd: in the order of rolling.ts, which does the same on one computer.
# Not while Patroni is paused: then it leaves PostgreSQL alone.
#
#   stop-patroni.sh PID NODE DATA ETCDS API OTHER...
#
# PID    of Patroni, empty where it has ended by itself
# NODE   its name
# DATA   the folder of its PostgreSQL
# ETCDS  URLs of etcd, with commas
# API    URL of its REST API; each OTHER is that of another node
pid=$1 node=$2 data=$3 etcds=$4 api=$5
shift 5

kill -0 "$pid" 2>/dev/null || exit 0
curl --silent --max-time 5 "$api/patroni" | grep --quiet 'pause.: *true' && exit 0
[ "$("$(dirname "$0")/hand-over.sh" "$data")" = stopped ] || exit 0
kill -KILL "$pid"

# Unless another one has it: a comparison, what is done when it holds, and when not (etcdctl txn --help).
give_lease_back() {
  etcdctl --endpoints="$etcds" --command-timeout=5s txn >/dev/null <<TXN
value("/service/crud-master/leader") = "$node"

del /service/crud-master/leader


TXN
}
give_lease_back || give_lease_back || give_lease_back || {
  echo 'etcd did not take the lease back: another PostgreSQL leads when it is over, 20 s after its last renewal'
  exit 0
}

# This node's etcd ends next, and the others may be talking to it: they would have to find out first.
until=$(($(date +%s) + 10))
another_leads() {
  for other in "$@"; do
    curl --silent --fail --max-time 1 --output /dev/null "$other/primary" && return
  done
  return 1
}
until another_leads "$@" || [ "$(date +%s)" -ge $until ]; do sleep 0.1; done
