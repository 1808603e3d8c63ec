#!/usr/bin/env bash
# Restarts this node's broker when it was cut off from the others, or stood still, and is back: else it stays outside.
#
#   rejoin-broker.sh RANK OTHERS LOG PID_FILE ADDRESS PORT -- COMMAND...
#
# RANK      of this node, from 0: two nodes with the same findings act one after the other
# OTHERS    how many other nodes there are
# LOG       of the broker, which says when it sees a partition of the network, with all others or with some
# PID_FILE  of the broker, which somebody starts again when it ends
# ADDRESS   of the broker, with its PORT
# COMMAND   prints the list of the nodes from which the broker is parted, [] for none
#
# RabbitMQ's own ways, seen with 3.10: `pause_minority` stops all three when one cable between two is cut, and leaves a node that was
# frozen outside for good (rabbitmq-server#17319); `autoheal` restarts nodes of the majority, two at a time, or waits for a minute.
# A quorum queue needs none of them: it works where the majority is.
set -euo pipefail

rank=$1 others=$2 log=$3 pid_file=$4 address=$5 port=$6
shift 7

settle=${SETTLE:-5}        # seconds from a partition's end until the broker is asked
other_way=${OTHER_WAY:-20} # seconds for another node, which may have been the one that was away, to act
deaf=${DEAF:-90}           # seconds that a broker may take to come up

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

size() { stat --format %s "$log" 2>/dev/null || echo 0; }

seen=$(size) check_at=-1 waited=false deaf_since=-1
echo "reads $log"
while sleep "${LOOK:-2}"; do
  end=$(size)
  if ((end < seen)); then seen=0; fi # another file
  # No pipe: grep leaves at the first line that it finds, and `pipefail` would take tail's end for "not found".
  if ((end > seen)) && grep --quiet inconsistent_database < <(tail -c "+$((seen + 1))" "$log"); then
    check_at=$((SECONDS + settle)) waited=false
  fi
  seen=$end

  if ((check_at >= 0 && SECONDS >= check_at)); then
    check_at=-1
    parted=$("$@" 2>/dev/null) || check_at=$((SECONDS + settle)) # it is asked again: nothing else would bring it back
    count=$(tr --delete --complement @ <<<"$parted" | wc --bytes)
    if ((count >= others)); then
      restart "it is parted from all others: $parted"
    elif ((count > 0)) && $waited; then
      restart "it is still parted: $parted"
    elif ((count > 0)); then
      check_at=$((SECONDS + other_way + 10 * rank)) waited=true
    fi
  fi

  if (exec 3<>"/dev/tcp/$address/$port") 2>/dev/null; then
    deaf_since=-1
  elif ((deaf_since < 0)); then
    deaf_since=$SECONDS
  elif ((SECONDS - deaf_since > deaf)); then
    restart "it took no connection for $deaf seconds"
    deaf_since=-1
  fi
done
