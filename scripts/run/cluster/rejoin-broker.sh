#!/usr/bin/env bash
# Restarts this node's broker when it was cut off from the others, or stood still, and is back: else it stays outside.
#
#   rejoin-broker.sh RANK PID_FILE ADDRESS PORT PEERS... -- COMMAND...
#
# RANK      of this node, from 0: two nodes with the same findings act one after the other
# PID_FILE  of the broker, which somebody starts again when it ends
# ADDRESS   of the broker, with its PORT, which the PEERS have, too
# COMMAND   prints [] when the broker sees no partition
#
# RabbitMQ's own ways, seen with 3.10: `pause_minority` stops all three when one cable between two is cut, and leaves a node that was
# frozen outside for good (rabbitmq-server#17319); `autoheal` restarts nodes of the majority, two at a time, or waits for a minute.
# A quorum queue needs none of them: it works where the majority is.
set -euo pipefail

rank=$1 pid_file=$2 address=$3 port=$4
shift 4
peers=()
while [[ $1 != -- ]]; do
  peers+=("$1")
  shift
done
shift

alone_limit=${ALONE_LIMIT:-5}      # seconds; RabbitMQ takes a node for lost after 6 to 10 (net_ticktime)
settle_time=${SETTLE_TIME:-20}     # seconds until a partition that is still there stays
deaf_limit=${DEAF_LIMIT:-90}       # seconds that a broker may take to come up

# 0: it accepts. 1: nothing listens, but its node is there. 2: its node is not to be reached.
knock() {
  local said
  if said=$(timeout 1 bash -c "exec 3<>/dev/tcp/$1/$port" 2>&1); then return 0; fi
  [[ $said == *refused* ]] && return 1
  return 2
}

restart() {
  local pid
  pid=$(cat "$pid_file" 2>/dev/null) || return 0
  echo "$(date --iso-8601=seconds) the broker (process $pid) starts anew: $1"
  kill "$pid" 2>/dev/null || return 0
  for _ in {1..20}; do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.5
  done
  kill -9 "$pid" 2>/dev/null || true
}

away() {
  local status=0
  knock "$1" || status=$?
  ((status == 2))
}

now=$(date +%s) alone_since=0 deaf_since=0 check_at=0 met=false all=${#peers[@]} were_missing=0
while sleep 2; do
  before=$now now=$(date +%s)
  missing=0
  for peer in "${peers[@]}"; do
    if away "$peer"; then missing=$((missing + 1)); fi
  done
  now=$(date +%s)
  stood_still=$((now - before))

  if ((missing == all)); then
    if $met && ((alone_since == 0)); then alone_since=$now; fi
  else
    if ((alone_since > 0 && now - alone_since >= alone_limit)); then
      restart 'no other node was to be reached, and one is back'
    elif $met && ((stood_still > alone_limit + all + 3)); then
      restart "this node stood still for $stood_still seconds"
    fi
    alone_since=0
    if ((missing == 0)); then met=true; fi
  fi
  if ((missing < were_missing)); then check_at=$((now + settle_time + 10 * rank)); fi
  were_missing=$missing

  if ((check_at > 0 && now >= check_at)); then
    check_at=0
    partitions=$("$@" 2>/dev/null) || partitions='[]'
    if [[ $partitions != '[]' ]]; then
      restart "it sees a partition: $partitions"
      check_at=$((now + settle_time + 10 * rank)) # another one may have to
    fi
  fi

  if knock "$address"; then deaf_since=0; elif ((deaf_since == 0)); then deaf_since=$now; fi
  if ((deaf_since > 0 && now - deaf_since > deaf_limit)); then
    restart "it took no connection for $deaf_limit seconds"
    deaf_since=0
  fi
  now=$(date +%s) # a restart took its time
done
