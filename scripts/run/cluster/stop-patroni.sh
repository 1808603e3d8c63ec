#!/bin/sh
# Hands the primary over before its Patroni is stopped, by systemd: in the order of rolling.ts, which does the same on one computer.
# Not while Patroni is paused: then it leaves PostgreSQL alone.
#
#   stop-patroni.sh PID NODE DATA ETCDS API OTHER...
#
# PID    of Patroni; empty where it has ended by itself
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
# The lease is given back, unless another one has it: a comparison, what is done when it holds, and when not (etcdctl txn --help).
etcdctl --endpoints="$etcds" --command-timeout=5s txn >/dev/null <<TXN
value("/service/crud-master/leader") = "$node"

del /service/crud-master/leader


TXN

# This node's etcd ends next. The others may be talking to it: they would have to find out first.
another_leads() {
  for other in "$@"; do
    curl --silent --fail --max-time 1 --output /dev/null "$other/primary" && return
  done
  return 1
}
looks=0
until another_leads "$@" || [ $looks -ge 100 ]; do
  sleep 0.1
  looks=$((looks + 1))
done
