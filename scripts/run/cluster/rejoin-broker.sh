#!/usr/bin/env bash
# Restarts this node's broker when it was cut off from the others, or stood still, and is back: else it stays outside. And when it has
# ended its copies of queues because its disk was full, and there is room again: nobody misses such a broker, so it does not wait for its turn.
#
#   rejoin-broker.sh RANK OTHERS LOG PID_FILE ADDRESS PORT NODE -- RABBITMQCTL...
#
# RANK         of this node, from 0: two nodes with the same findings act one after the other
# OTHERS       how many other nodes there are
# LOG          of the broker, which says when it sees a partition of the network, with all others or with some, and when its disk is full
# PID_FILE     of the broker, which somebody starts again when it ends
# ADDRESS      of the broker, with its PORT, and its name as a NODE of Erlang
# RABBITMQCTL  how that program is called for this broker
#
# RabbitMQ's own ways, seen with 3.10: `pause_minority` stops all three when one cable between two is cut, and leaves a node that was
# frozen outside for good (rabbitmq-server#17319); `autoheal` restarts nodes of the majority, two at a time, or waits for a minute.
# A quorum queue needs none of them: it works where the majority is.
set -euo pipefail

rank=$1 others=$2 log=$3 pid_file=$4 address=$5 port=$6 node=$7
shift 8

settle=${SETTLE:-5}        # seconds from a partition's end, or since there is room, until it acts
other_way=${OTHER_WAY:-20} # seconds for another node, which may have been the one that was away, to act
deaf=${DEAF:-90}           # seconds that a broker may take to come up; twice as many after each time that it was too slow

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

# From whom it is parted, as it says itself or as they say: one whose packets got lost may know of one only, or of nobody.
parted_from='
  Views = rabbit_node_monitor:partitions([node() | nodes()]),
  lists:usort(lists:append([Parted || {Node, Parted} <- Views, Node =:= node()]) ++ [Node || {Node, Parted} <- Views, lists:member(node(), Parted)]).'

# Into the log of each of them: one whose packets got lost may have noticed nothing, and be the one that has to start anew.
tell() { printf '[rpc:cast(Other, logger, error, ["~s is parted from this broker", [node()]]) || Other <- %s].' "$1"; }

# In megabytes, disk_free_limit: with less no broker takes orders.
has_room() { ((10#0$(df --output=avail --block-size=1M "${pid_file%/*}" 2>/dev/null | tail -n 1 | tr --delete ' ') >= 200)); }

# The queues of which this broker has a copy that does not work (https://www.rabbitmq.com/docs/man/rabbitmqctl.8#list_queues).
ended_copies() {
  local vhosts vhost
  vhosts=$("$@" list_vhosts --no-table-headers name) || return
  for vhost in $vhosts; do
    "$@" list_queues --no-table-headers --vhost "$vhost" name members online |
      awk -F '\t' -v node="$node" 'index($2, node) && !index($3, node) { print $1 }' || return
  done
}

size() { stat --format %s "$log" 2>/dev/null || echo 0; }

seen=$(size) check_at=-1 waited=false full=false failed=false lacked=false deaf_since=-1 patience=$deaf
echo "reads $log"
while sleep "${LOOK:-2}"; do
  end=$(size)
  if ((end < seen)); then seen=0; fi # another file
  if ((end > seen)); then
    new=$(tail -c "+$((seen + 1))" "$log" | tr --delete '\0') || new=''
    if [[ $new == *inconsistent_database* ]]; then check_at=$((SECONDS + settle)) waited=false; fi
    if [[ $new == *' is parted from this broker'* ]] && ((check_at < 0)); then check_at=$((SECONDS + settle)) waited=false; fi
    if [[ $new == *enospc* || $new == *'disk resource limit alarm'* ]]; then full=true full_until=$SECONDS; fi
    # What has ended or gone wrong stays so: the log of its queues, the log of its definitions. Another broker's error may be told, too.
    if [[ $new == *enospc* ]]; then failed=true; fi
  fi
  seen=$end

  if $full; then
    if ! has_room; then
      full_until=$SECONDS lacked=true
    elif ((SECONDS >= full_until + settle)); then
      if $failed && $lacked; then
        restart 'its disk was full'
        full=false
      elif ended=$(ended_copies "$@" 2>/dev/null); then
        [[ -z $ended ]] || restart "its disk was full, and its copies have ended of: ${ended//$'\n'/, }"
        full=false
      else
        full_until=$SECONDS # it is asked again, too
      fi
      if ! $full; then failed=false lacked=false; fi
    fi
  fi

  if ((check_at >= 0 && SECONDS >= check_at)); then
    check_at=-1
    # Without an answer it is asked again: nothing else would bring it back.
    parted=$("$@" eval "$parted_from" 2>/dev/null) || check_at=$((SECONDS + settle))
    count=$(tr --delete --complement @ <<<"$parted" | wc --bytes)
    if ((count >= others)); then
      restart "it is parted from all others: $parted"
    elif ((count > 0)) && $waited; then
      restart "it is still parted: $parted"
    elif ((count > 0)); then
      "$@" eval "$(tell "$parted")" >/dev/null 2>&1 || true
      check_at=$((SECONDS + other_way + 10 * rank)) waited=true
    fi
  fi

  if (exec 3<>"/dev/tcp/$address/$port") 2>/dev/null; then
    deaf_since=-1 patience=$deaf
  elif ((deaf_since < 0)); then
    deaf_since=$SECONDS
  elif ((SECONDS - deaf_since > patience)); then
    restart "it took no connection for $patience seconds"
    deaf_since=-1 patience=$((2 * patience))
  fi
done
