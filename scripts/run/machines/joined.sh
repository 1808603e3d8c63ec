#!/usr/bin/env bash
# Does:  waits until this node carries its part of the cluster: its etcd has a majority, its PostgreSQL leads or follows, its broker has
#        its copy of each queue; changes nothing.
# Why:   `vagrant provision` and `vagrant reload` take one machine after the other: the next one may stop when this one is back.
# Needs: of .env: NODE, NODE_IP, PATRONI_PORT, RABBITMQ_VHOST.
set -euo pipefail
# shellcheck source=prelude.sh
. "$(dirname "$0")/prelude.sh"
load_settings
address=$(setting NODE_IP)
self=$(broker_of "$(setting NODE)")

has_majority() { etcdctl --endpoints "http://$address:2379" --command-timeout 10s endpoint health; }

# A primary that has standbys has one that it waits for; a standby lags by less than a segment of the log.
follows() {
  curl --silent --show-error --fail --max-time 10 "http://$address:$(setting PATRONI_PORT)/cluster" | node -e '
    const { members } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
    const own = members.find(({ name }) => name === process.argv[1]);
    const ready = own?.role === "leader"
      ? members.length === 1 || members.some(({ role }) => role === "sync_standby")
      : own?.state === "streaming" && own.lag < 16 * 1024 * 1024;
    if (!ready) console.log(JSON.stringify(members));
    process.exit(ready ? 0 : 1);' "$(setting NODE)"
}

has_its_copies() {
  timeout 300 rabbitmqctl --quiet list_queues --vhost "$(setting RABBITMQ_VHOST)" --formatter json name online | node -e '
    const queues = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
    const ready = queues.length > 0 && queues.every(({ online }) => online.includes(process.argv[1]));
    if (!ready) console.log(JSON.stringify(queues));
    process.exit(ready ? 0 : 1);' "$self"
}

if [[ ${CLUSTER_BEGIN:-} != yes ]] && is_alone; then
  say 'both other nodes are down: this one works when one of them is up'
  exit
fi
wait_for_unit 900 etcd /var/lib/etcd has_majority
wait_for_unit 900 patroni /var/lib/postgresql follows
wait_for_unit 900 rabbitmq-server /var/lib/rabbitmq has_its_copies
say 'this node carries its part'
