#!/usr/bin/env bash
# Does:  takes this node out of the others' way, before something of it stops: the gateway goes on serving until every HAProxy
#        knows that it is about to stop, the clients' address goes to another node, and another PostgreSQL leads.
# Why:   what stops without it breaks off the requests that it has. Other scripts call it before they restart a server; by hand it
#        belongs before `apt-get upgrade` and a reboot. `vagrant provision`, or the reboot, brings the node back.
# Needs: what to move: `address`, `gateway`, `primary`, or nothing for all three; and of .env: NODE, NODE_IP, PATRONI_PORT.
set -euo pipefail
# shellcheck source=prelude.sh
. "$(dirname "$0")/prelude.sh"
load_settings
(($#)) || set -- gateway address primary # HAProxy starts anew for the address: nothing here needs it by then

# is NODE ROLE: whether its Patroni says so (https://patroni.readthedocs.io/en/latest/rest_api.html). Each is asked itself: one that was
# killed is in etcd for another 20 s.
is() { curl --silent --fail --max-time 10 --output /dev/null "http://$(address_of "$1"):$(setting PATRONI_PORT)/$2"; }
another_is() {
  local one
  for one in $(others); do ! is "$one" "$1" || return 0; done
  return 1
}
node=$(setting NODE)

# Before anything is taken away.
if [[ " $* " == *' primary '* ]] && is "$node" primary && ! another_is sync; then
  fail 'this PostgreSQL leads, and no other one has every commit: patronictl -c /etc/patroni/config.yml list says what is missing'
fi

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
      # It hands the primary over when it stops (scripts/run/cluster/stop-patroni.sh). Not a switchover: films wait longer for that
      # (scripts/run/cluster/rolling.ts).
      if is "$node" primary; then
        say 'another PostgreSQL is to lead'
        systemctl stop patroni
        (wait_for 120 'another PostgreSQL leads' another_is primary) || {
          systemctl start patroni
          fail 'this one leads again: patronictl -c /etc/patroni/config.yml list says what is missing'
        }
      fi
      ;;
    *) fail "what is '$what'? address, gateway or primary" ;;
  esac
done
