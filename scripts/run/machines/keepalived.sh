#!/usr/bin/env bash
# Does:  installs keepalived, which gives the clients' address to one node whose HAProxy works; and drains the gateway at a shutdown.
# Why:   clients know one address. It stays where it is when another node comes back: each move costs some of them a second.
# Needs: haproxy.sh, pm2.sh; and of .env: NODE, NODE_IP, NODE_{1,2,3}_IP, CLUSTER_IP, CLIENTS_PORT.
set -euo pipefail
# shellcheck source=prelude.sh
. "$(dirname "$0")/prelude.sh"
load_settings
node=$(setting NODE)
address=$(setting NODE_IP)
read -r interface network < <(ip -4 -oneline address show to "$address" | awk '{ print $2, $4 }') || fail "no interface has the address $address"
peers=''
while IFS= read -r one; do peers+="    $(address_of "$one")"$'\n'; done < <(others)

install_packages keepalived
# At a shutdown units end in the opposite order: the gateway, which needs inventory until then; keepalived, whose HAProxy sends nothing
# here any longer; then all of PM2, and HAProxy.
write_file /etc/systemd/system/drain-gateway.service 644 <<'UNIT' && {
[Unit]
Description=Lets the gateway finish before what it needs ends
After=pm2-root.service keepalived.service

[Service]
Type=oneshot
RemainAfterExit=true
ExecStart=/usr/bin/true
Environment=HOME=/root PATH=/usr/local/bin:/usr/bin:/bin
ExecStop=-/usr/local/bin/pm2 stop api_gateway
TimeoutStopSec=1min

[Install]
WantedBy=multi-user.target
UNIT
  systemctl daemon-reload
}
systemctl --quiet enable --now drain-gateway
# Clients leave before their address does. Where keepalived ends by itself there is no MAINPID, and nobody to wait for. The rules of the
# firewall stay until its next start, or a boot: who comes then finds another node. Without an answer of nft it does not start: clients
# would find nobody here.
rules=leaving
write_file /usr/local/lib/crud-master/leave-address.sh 755 <"$source/scripts/run/cluster/leave-address.sh" || true
write_file /etc/systemd/system/keepalived.service.d/crud-master.conf 644 <<UNIT && systemctl daemon-reload
[Unit]
After=nftables.service haproxy.service pm2-root.service
StartLimitIntervalSec=0

[Service]
Restart=always
RestartSec=1
ExecStartPre=/usr/sbin/nft 'add table inet $rules; delete table inet $rules'
ExecStop=-/bin/sh -c 'kill -0 \$MAINPID && exec /usr/local/lib/crud-master/leave-address.sh $(setting CLUSTER_IP) $(setting CLIENTS_PORT) $rules'
TimeoutStopSec=30s
UNIT

changed=false
# Any answer will do: it comes from HAProxy, and who is behind it is the same for all nodes.
write_file /usr/local/lib/crud-master/haproxy-answers 755 <<CHECK && changed=true
#!/bin/sh
exec curl --silent --output /dev/null --max-time 2 http://127.0.0.1:$(setting CLIENTS_PORT)/livez
CHECK
# Version 3 may say more often than once a second that it is there: three times without a word, and another one has the address. The
# higher a priority, the sooner it is taken when it is given away: priorities far apart, or two take it in the same millisecond.
write_file /etc/keepalived/keepalived.conf 644 <<CONF && changed=true
global_defs {
  router_id $node
  script_user root
  enable_script_security
  vrrp_version 3
  vrrp_garp_master_refresh 10
}
vrrp_script haproxy {
  script /usr/local/lib/crud-master/haproxy-answers
  interval 2
  timeout 3
  fall 2
  rise 1
}
vrrp_instance clients {
  interface $interface
  state BACKUP
  nopreempt
  virtual_router_id 52
  priority $((304 - 50 * ${node#node-}))
  advert_int 0.4
  unicast_src_ip $address
  unicast_peer {
$peers  }
  virtual_ipaddress {
    $(setting CLUSTER_IP)/${network#*/} dev $interface
  }
  track_script {
    haproxy
  }
}
CONF
systemctl --quiet enable keepalived
if $changed && systemctl --quiet is-active keepalived; then systemctl reload keepalived; fi
systemctl start keepalived
say "the clients' address is $(setting CLUSTER_IP), on the node that can serve it"
