#!/usr/bin/env bash
# Does:  closes this machine's ports, except SSH and those that it serves.
# Why:   the services already listen no wider than they must; the firewall says so once more.
# Needs: for each open port the key of .env, then `from` and either `anywhere` or the key with an address that may use it,
#        or `nodes`, which are the three of TOPOLOGY=cluster:
#          nftables.sh RABBITMQ_PORT from GATEWAY_VM_IP
#        `VRRP` is a protocol, that of keepalived. Ports of metrics are as many as a service can have processes, those of RabbitMQ's
#        tools eleven: brokers answer there what rabbitmqctl asks of all of them (https://www.rabbitmq.com/docs/networking#ports).
set -euo pipefail
# shellcheck source=prelude.sh
. "$(dirname "$0")/prelude.sh"
load_settings

# Of the metrics, the port may be empty, and whose address may read them: they are closed then.
value() {
  if [[ $1 == *_METRICS_PORT || $1 == PROMETHEUS_IP ]]; then printf %s "${!1:-}"; else setting "$1"; fi
}

rules=''
opened=''
while (($# >= 3)); do
  port=VRRP what='meta l4proto 112'
  if [[ $1 != VRRP ]]; then
    port=$(value "$1")
    [[ $1 == *_METRICS_PORT && -n $port ]] && port=$port-$((port + 63))
    [[ $1 == RABBITMQ_TOOLS_PORT ]] && port=$port-$((port + 10))
    what="tcp dport $port"
  fi
  whose=''
  address=anywhere
  if [[ $3 == nodes ]]; then
    address="{ $(setting NODE_1_IP), $(setting NODE_2_IP), $(setting NODE_3_IP) }"
  elif [[ $3 != anywhere ]]; then
    address=$(value "$3")
  fi
  [[ $3 == anywhere ]] || whose="ip saddr $address "
  if [[ -n $port && -n $address ]]; then
    rules+="    $whose$what accept"$'\n'
    [[ $3 != nodes ]] || address='the nodes'
    opened+=", $port from $address"
  fi
  shift 3
done

install_packages nftables
write_file /etc/nftables.conf 644 <<RULES || true
#!/usr/sbin/nft -f
# Written by scripts/run/machines/nftables.sh
flush ruleset

table inet filter {
  chain input {
    type filter hook input priority filter; policy drop;
    iifname "lo" accept
    ct state established,related accept
    ct state invalid drop
    meta l4proto { icmp, ipv6-icmp } accept
    udp sport 67 udp dport 68 accept
    tcp dport 22 accept
${rules}    reject with icmpx admin-prohibited
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
  }
}
RULES
nft --file /etc/nftables.conf # all at once, or nothing of it
systemctl --quiet enable nftables
say "open: ${opened#, }"
