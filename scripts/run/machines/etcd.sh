#!/usr/bin/env bash
# Does:  installs etcd, and makes this node a member of the cluster's; one that has lost its data takes the place of its former self.
# Why:   Patroni keeps there who leads. What each setting is for: scripts/run/cluster/node-files.ts, which has the same for one computer.
# Needs: of .env: NODE, NODE_IP, NODE_{1,2,3}_IP; and CLUSTER_BEGIN=yes, from the Vagrantfile, on the first machine that ever was.
#        Every other one joins whoever answers: it never begins a second cluster beside the first.
set -euo pipefail
# shellcheck source=prelude.sh
. "$(dirname "$0")/prelude.sh"
load_settings
node=$(setting NODE)
address=$(setting NODE_IP)
data=/var/lib/etcd/crud-master # not the package's, which begins a cluster of its own there
peer=http://$address:2380
first=/run/crud-master/etcd # for the first start only: with these, one that has lost its data would begin anew

all=''
for one in node-1 node-2 node-3; do all+="${all:+,}$one=http://$(address_of "$one"):2380"; done
neighbours=$(others | while IFS= read -r one; do printf ',http://%s:2379' "$(address_of "$one")"; done)
neighbours=${neighbours#,}

changed=false
write_file /etc/default/etcd 644 <<CONF && changed=true
ETCD_NAME=$node
ETCD_DATA_DIR=$data
ETCD_LISTEN_CLIENT_URLS=http://$address:2379
ETCD_ADVERTISE_CLIENT_URLS=http://$address:2379
ETCD_LISTEN_PEER_URLS=$peer
ETCD_INITIAL_ADVERTISE_PEER_URLS=$peer
ETCD_INITIAL_CLUSTER=$all
ETCD_INITIAL_CLUSTER_STATE=existing
ETCD_PRE_VOTE=true
ETCD_AUTO_COMPACTION_RETENTION=1
GOGC=25
CONF
write_file /etc/systemd/system/etcd.service.d/crud-master.conf 644 <<UNIT && systemctl daemon-reload
# Without a limit: it starts again and again while its disk is full, and works when there is room. Without data and without $first
# not at all, neither when its package is installed nor at a boot: it would be its former self again, with an empty log.
[Unit]
StartLimitIntervalSec=0
ConditionPathExists=|$data/member/wal
ConditionPathExists=|$first

[Service]
EnvironmentFile=-$first
Restart=always
RestartSec=1
TimeoutStartSec=10min
UNIT
install_packages etcd-server etcd-client

ask() { etcdctl --endpoints "$neighbours" --command-timeout 10s "$@"; }
own() { etcdctl --endpoints "http://$address:2379" --command-timeout 10s "$@"; }

# Also when they have no majority, and can tell no members.
one_answers() {
  local one
  for one in ${neighbours//,/ }; do ! curl --silent --max-time 5 --output /dev/null "$one/version" || return 0; done
  return 1
}

# As a learner, which has no vote: one that does not come up blocks nobody
# (https://etcd.io/docs/v3.5/op-guide/runtime-configuration/#add-a-new-member-as-learner).
take_place() {
  local members former answer
  members=$(ask member list)
  former=$(awk -F ', ' -v peer="$peer" '$4 == peer { print $1 }' <<<"$members")
  [[ -z $former ]] || ask member remove "$former"
  answer=$(ask member add "$node" --learner --peer-urls "$peer") || return
  grep '^ETCD_INITIAL_CLUSTER' <<<"$answer" | write_file "$first" 644 || true
}

promote() {
  local id
  id=$(ask member list | awk -F ', ' -v peer="$peer" '$4 == peer { print $1 }')
  [[ -n $id ]] && ask member promote "$id"
}

if [[ ! -d $data/member/wal ]]; then
  systemctl stop etcd
  rm -rf "$data/member" # of one that found nobody
  if [[ ${CLUSTER_BEGIN:-} == yes ]] && ! one_answers; then # where Vagrant has lost its notes, there is a cluster all the same
    say 'beginning a cluster'
    install --directory "${data%/*}" && touch "$data.began" # broker.sh asks
    printf 'ETCD_INITIAL_CLUSTER=%s=%s\nETCD_INITIAL_CLUSTER_STATE=new\n' "$node" "$peer" | write_file "$first" 644 || true
  else
    say 'joining the cluster'
    wait_for 1800 "no majority of etcd answers at $neighbours. If there is no cluster yet: CLUSTER_BEGIN=yes vagrant provision node-1-vm" take_place
  fi
elif $changed; then
  systemctl stop etcd
fi
systemctl --quiet enable etcd
systemctl start --no-block etcd
[[ ${CLUSTER_BEGIN:-} == yes ]] || ! is_alone || fail 'both other nodes are down: bring one of them up first'
answers() { own endpoint status --write-out json; }
wait_for_unit 600 etcd /var/lib/etcd answers
if [[ $(answers) == *'"isLearner":true'* ]]; then wait_for 600 'etcd takes up what the others have' promote; fi
rm -f "$first"
wait_for_unit 600 etcd /var/lib/etcd own endpoint health
say "etcd is ready on $address:2379"
