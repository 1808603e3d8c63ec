#!/usr/bin/env bash
# Does:  installs RabbitMQ as a member of the cluster's; imports users, permissions, queues and policies. One that has lost its data
#        takes the place of its former self, with a copy of each queue.
# Why:   orders are on three disks. What each setting is for: scripts/run/cluster/node-files.ts, which has the same for one computer.
#        rabbitmq.sh is for the one broker of TOPOLOGY=single.
# Needs: node.sh; patroni.sh, for an address that may come up after the servers at boot; and of .env: NODE, NODE_IP, NODE_{1,2,3}_IP, ERLANG_COOKIE, ERLANG_PORT, RABBITMQ_PORT, RABBITMQ_VHOST, BILLING_QUEUE,
#        BILLING_DEAD_LETTER_QUEUE, RABBITMQ_{GATEWAY,BILLING,ADMIN}_{USER,PASSWORD}; CLUSTER_BEGIN as for etcd.sh.
set -euo pipefail
# shellcheck source=prelude.sh
. "$(dirname "$0")/prelude.sh"
load_settings
node=$(setting NODE)
address=$(setting NODE_IP)
port=$(setting RABBITMQ_PORT)
self=$(broker_of "$node")
home=/var/lib/rabbitmq
joined=$home/.member # lost with the disk, as the membership is
outdated=$home/.outdated # the broker runs with files that have changed since

changed=false
write_file /etc/rabbitmq/rabbitmq-env.conf 644 <<CONF && changed=true
NODENAME=$self
USE_LONGNAME=true
DIST_PORT=$(setting ERLANG_PORT)
SERVER_ADDITIONAL_ERL_ARGS="-kernel net_ticktime 8"
CONF
write_file /etc/rabbitmq/rabbitmq.conf 644 <<CONF && changed=true
listeners.tcp.loopback = 127.0.0.1:$port
listeners.tcp.private  = $address:$port
distribution.listener.interface = $address
cluster_partition_handling = ignore
disk_free_limit.absolute = 200MB
log.file = rabbitmq.log
log.file.level = warning
CONF
write_file /etc/rabbitmq/advanced.config 644 <<'CONF' && changed=true
[{aten, [{poll_interval, 1000}]}].
CONF
write_file /etc/systemd/system/rabbitmq-server.service.d/crud-master.conf 644 <<'UNIT' && systemctl daemon-reload
[Unit]
StartLimitIntervalSec=0

# Also after an end without an error: rejoin-broker.sh asks for one.
[Service]
Restart=always
RestartSec=2
UNIT
install_packages rabbitmq-server
[[ -d $home/mnesia/$self ]] || rm -f "$joined" # put aside, as what was damaged is
cookie=$(setting ERLANG_COOKIE) # not in a pipe, where a failure of either would be none, and the good cookie gone
write_file "$home/.erlang.cookie" 400 < <(printf %s "$cookie") && changed=true
chown rabbitmq:rabbitmq "$home/.erlang.cookie"

if $changed; then touch "$outdated"; fi # a provisioning that ends before the restart leaves it to the next one

# from NODE PROGRAM ARGUMENTS...: RabbitMQ's tool, at another node's broker.
from() { "$2" --quiet --node "$(broker_of "$1")" "${@:3}"; }

# A neighbour that is a member, and not one that is itself about to join: it has the virtual host.
neighbour=''
find_neighbour() {
  local one
  while IFS= read -r one; do
    if from "$one" rabbitmqctl list_vhosts --no-table-headers </dev/null | grep --line-regexp --fixed-strings -- "$(setting RABBITMQ_VHOST)"; then
      neighbour=$one
      return
    fi
  done < <(others)
  printf 'no broker answers that has the virtual host\n'
  return 1
}

forget_former_self() {
  from "$neighbour" rabbitmqctl cluster_status --formatter json | grep --fixed-strings "\"$self\"" >/dev/null || return 0
  say 'its former self is forgotten'
  from "$neighbour" rabbitmq-queues shrink "$self"
  from "$neighbour" rabbitmqctl forget_cluster_node "$self"
}

# With etcd, or not at all: where Vagrant has lost its notes, there is a cluster all the same.
begins=false
if [[ ! -e $joined && ${CLUSTER_BEGIN:-} == yes && -e /var/lib/etcd/crud-master.began ]] && ! find_neighbour >/dev/null 2>&1; then begins=true; fi

if [[ ! -e $joined ]] && ! $begins; then
  systemctl stop rabbitmq-server
  wait_for 1800 "no broker of the cluster answers. If there is no cluster yet: CLUSTER_BEGIN=yes vagrant provision node-1-vm" find_neighbour
  forget_former_self
  rm -rf "$home/mnesia"
elif [[ -e $outdated ]] && systemctl --quiet is-active rabbitmq-server; then
  if [[ -e $joined ]]; then
    wait_for 120 'orders would stop without this broker: another one is missing, bring it up first. rabbitmqctl cluster_status says which' \
      rabbitmq-upgrade --quiet await_online_quorum_plus_one --timeout 30
    bash "$(dirname "$0")/drain.sh" gateway
    rabbitmq-upgrade --quiet drain || true # lets another one lead the queues; a broker of the package's own making cannot
  fi
  systemctl stop rabbitmq-server epmd.service
fi
install --directory --owner rabbitmq --group rabbitmq --mode 750 "$home/mnesia"
systemctl --quiet enable rabbitmq-server
systemctl start epmd.socket
systemctl start --no-block rabbitmq-server # which would wait as long for one that never comes
wait_for_unit 900 rabbitmq-server "$home" rabbitmqctl await_startup --timeout 30
rm -f "$outdated"

if [[ ! -e $joined ]] && ! $begins; then
  say "joining the broker of $neighbour"
  for step in stop_app reset "join_cluster $(broker_of "$neighbour")" start_app; do
    # shellcheck disable=SC2086 # words
    rabbitmqctl --quiet $step
  done
  wait_for_unit 900 rabbitmq-server "$home" rabbitmqctl await_startup --timeout 30
fi
# Each time: it tells of a copy that could not be made by a line, and ends well. Where there is one, nothing happens.
$begins || rabbitmq-queues --quiet grow "$self" all

bash "$(dirname "$0")/definitions.sh"
touch "$joined"

# A broker that was cut off, or stood still, joins again when it starts anew; one whose disk was full has its copies of queues again.
install --directory /usr/local/lib/crud-master
restart=false
write_file /usr/local/lib/crud-master/rejoin-broker.sh 755 <"$source/scripts/run/cluster/rejoin-broker.sh" && restart=true
write_file /etc/systemd/system/rejoin-broker.service 644 <<UNIT && restart=true
[Unit]
Description=Restarts a broker that stays outside its cluster, or whose disk was full
After=rabbitmq-server.service

[Service]
ExecStart=/usr/local/lib/crud-master/rejoin-broker.sh $((${node#node-} - 1)) 2 /var/log/rabbitmq/rabbitmq.log $home/mnesia/$self.pid $address $port $self -- /usr/sbin/rabbitmqctl --quiet
Restart=always

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl --quiet enable rejoin-broker
if $restart; then systemctl restart rejoin-broker; else systemctl start rejoin-broker; fi
say "RabbitMQ is ready as $self"
