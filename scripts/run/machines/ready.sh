#!/usr/bin/env bash
# Does:  waits until the service works; changes nothing.
# Why:   a service is deployed when it works. It runs after each boot too, so that `vagrant up` and `vagrant reload` end when
#        the service that systemd brings back is there.
# Needs: the service's folder as its argument, and of .env: the service's own keys.
set -euo pipefail
# shellcheck source=prelude.sh
. "$(dirname "$0")/prelude.sh"
service=$1
[[ -e $release/$service/ecosystem.config.cjs ]] || fail "$service is not deployed yet: run 'vagrant provision'"
load_settings
app=$(node -p "require('$release/$service/ecosystem.config.cjs').apps[0].name")

# What costs little first: PM2's list takes two processes of Node.
works() {
  answers && [[ $(pm2 jlist | status_in "$app" /dev/stdin) == online ]]
}

answers() {
  case $service in
    # Any answer will do: inventory may be away.
    api-gateway) curl --silent --show-error --max-time 20 --output /dev/null "http://127.0.0.1:$API_GATEWAY_PORT/api/movies/1" ;;
    inventory-app) [[ $(curl --silent --show-error --max-time 20 --output /dev/null --write-out '%{http_code}' \
      "http://127.0.0.1:$INVENTORY_PORT/api/movies/1") =~ ^(200|404)$ ]] ;;
    billing-app) works_billing ;;
  esac
}

# On one of three nodes the queue has consumers of the others, too: there it is asked itself, where it says how it is.
works_billing() {
  if [[ -n ${NODE_IP:-} && -n ${BILLING_METRICS_PORT:-} ]]; then
    curl --silent --show-error --fail --max-time 20 --output /dev/null "http://127.0.0.1:$BILLING_METRICS_PORT/readyz"
  else
    timeout 300 rabbitmqctl --quiet list_queues --vhost "$RABBITMQ_VHOST" --no-table-headers name consumers |
      grep --perl-regexp "^\Q$BILLING_QUEUE\E\t[1-9]" >/dev/null # not --quiet, which would break the pipe
  fi
}

# What the service needs in this machine. A service waits patiently for it, also when it never comes.
trouble() {
  local cluster
  if [[ $service == billing-app ]]; then trouble_of rabbitmq-server /var/lib/rabbitmq; fi
  if [[ $service != api-gateway ]]; then
    for cluster in $(systemctl list-units --all --plain --no-legend 'postgresql@*' | awk '{ print $1 }'); do
      trouble_of "$cluster" /var/lib/postgresql
    done
  fi
}

if [[ ${CLUSTER_BEGIN:-} != yes ]] && is_alone; then
  say 'both other nodes are down: this one works when one of them is up'
  exit
fi
systemctl start pm2-root # waits while systemd brings back what ran under PM2, behind etcd, which needs a majority
if [[ $(pm2 jlist | status_in "$app" /dev/stdin) == stopped ]]; then
  say "$app is stopped. To start it: sudo pm2 start $app && sudo pm2 save"
  exit
fi
limit=$((SECONDS + 900)) look_at=0
until said=$(works 2>&1); do
  if ((SECONDS >= look_at)); then
    reason=$(trouble)
    [[ -z $reason ]] || fail "$app cannot work. $reason"
    look_at=$((SECONDS + 10))
  fi
  ((SECONDS < limit)) || {
    pm2 logs "$app" --nostream --lines 30 >&2
    fail "$app does not work${said:+ ($said)}. The last lines of its log are above."
  }
  sleep 1
done
say "$app works"
