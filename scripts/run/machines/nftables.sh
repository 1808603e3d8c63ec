#!/usr/bin/env bash
# Does:  closes this machine's ports, except SSH and the one that it serves.
# Why:   the services already listen no wider than they must; the firewall says so once more.
# Needs: the key of .env with the open port, then `from` and either `anywhere` or the key with the only address that may use it:
#          nftables.sh RABBITMQ_PORT from GATEWAY_VM_IP
set -euo pipefail
# shellcheck source=prelude.sh
. "$(dirname "$0")/prelude.sh"
load_settings

port=$(setting "$1")
whose=''
if [[ $3 != anywhere ]]; then
  address=$(setting "$3")
  whose="ip saddr $address "
fi

install_packages nftables
if write_file /etc/nftables.conf 644 <<RULES
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
    ${whose}tcp dport $port accept
    reject with icmpx admin-prohibited
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
  }
}
RULES
then
  chmod +x /etc/nftables.conf
  nft --file /etc/nftables.conf
fi
systemctl --quiet enable nftables
nft list table inet filter >/dev/null 2>&1 || nft --file /etc/nftables.conf
say "port $port is open ${3/#/from }"
