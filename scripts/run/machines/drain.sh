#!/usr/bin/env bash
# Does:  takes this node out of the others' way, before something of it stops: the clients' address goes to another node, the gateway
#        goes on serving until every HAProxy knows that it is about to stop, and another PostgreSQL leads.
# Why:   what stops without it breaks off the requests that it has. Other scripts call it before they restart a server; by hand it
#        belongs before `apt-get upgrade` and a reboot. `vagrant provision`, or the reboot, brings the node back.
# Needs: what to move: `address`, `gateway`, `primary`, or nothing for all three; and of .env: NODE, NODE_IP, PATRONI_PORT.
set -euo pipefail
# shellcheck source=prelude.sh
. "$(dirname "$0")/prelude.sh"
load_settings
(($#)) || set -- address gateway primary

role_is() { [[ $(curl --silent --max-time 10 --output /dev/null --write-out '%{http_code}' "http://$(setting NODE_IP):$(setting PATRONI_PORT)/$1") == 200 ]]; }

for what in "$@"; do
  case $what in
    address)
      systemctl stop keepalived
      say "the clients' address is left to the others"
      ;;
    gateway)
      if [[ -e /usr/local/bin/pm2 && $(pm2 jlist | status_in api_gateway /dev/stdin) == online ]]; then
        # It waits for GATEWAY_DRAIN_TIME, and for what the gateway still has. Not `stop`: the next `pm2 save` would note that, and
        # service.sh leaves alone what somebody has stopped.
        pm2 delete api_gateway >/dev/null
        say 'the gateway has stopped'
      fi
      ;;
    primary)
      if role_is primary; then
        say 'another PostgreSQL is to lead'
        runuser --user postgres -- patronictl --config-file /etc/patroni/config.yml switchover --force --leader "$(setting NODE)" crud-master
        wait_for 300 'another PostgreSQL leads' role_is replica
      fi
      ;;
    *) fail "what is '$what'? address, gateway or primary" ;;
  esac
done
