#!/usr/bin/env bash
# Does:  switches to the prepared code, (re)starts the service under PM2 when its code or its settings have changed, waits
#        until it works, and saves PM2's list for the next boot.
# Why:   the old process finishes what it holds before it ends; orders wait in the queue meanwhile. It runs after each boot
#        too, so that `vagrant up` and `vagrant reload` end when the service is there.
#        A service that `pm2 save` noted as stopped stays stopped.
# Needs: the service's folder as its argument, and of .env: the service's own keys.
set -euo pipefail
# shellcheck source=prelude.sh
. "$(dirname "$0")/prelude.sh"
service=$1

# PM2 keeps the environment that it is called with: it must not be this one.
pm2() { env --ignore-environment PATH="$PATH" HOME=/root LANG=C.UTF-8 /usr/local/bin/pm2 "$@"; }
# status_in FILE: this app's status in a list of PM2's, or nothing.
status_in() {
  node -e "
    const text = require('node:fs').readFileSync(process.argv[2], 'utf8');
    const apps = JSON.parse(text.slice(text.search(/^\\[[\\]{\\n]/m))); // PM2 may have said something before
    const found = apps.find(({ name }) => name === process.argv[1]);
    console.log(found ? (found.pm2_env ?? found).status : '');" "$app" "$1"
}

works() {
  [[ $(pm2 jlist | status_in /dev/stdin) == online ]] || return
  case $service in
    # Any answer will do: inventory may be away.
    api-gateway) curl --silent --show-error --max-time 20 --output /dev/null "http://127.0.0.1:$API_GATEWAY_PORT/api/movies/1" ;;
    inventory-app) [[ $(curl --silent --show-error --max-time 20 --output /dev/null --write-out '%{http_code}' \
      "http://127.0.0.1:$INVENTORY_PORT/api/movies/1") =~ ^(200|404)$ ]] ;;
    billing-app) rabbitmqctl --quiet list_queues --vhost "$RABBITMQ_VHOST" --no-table-headers name consumers |
      grep --perl-regexp "^\Q$BILLING_QUEUE\E\t[1-9]" >/dev/null ;; # not --quiet, which would break the pipe
  esac
}

prepared=$release
[[ -e $next/.digest ]] && prepared=$next
[[ -e $prepared/$service/ecosystem.config.cjs ]] || fail "there is no code of $service: run 'vagrant provision'"
app=$(node -p "require('$prepared/$service/ecosystem.config.cjs').apps[0].name")
systemctl start pm2-root # after a boot: waits until systemd has brought back what runs under PM2
fingerprint=$(cat "$prepared/.digest" "$release/.env" | sha256sum)
running=$(pm2 jlist | status_in /dev/stdin)

switch_release() {
  [[ $prepared == "$next" ]] || return 0
  install --mode 600 "$release/.env" "$next/.env"
  rm -rf "$release.old"
  mv "$release" "$release.old"
  mv "$next" "$release"
  rm -rf "$release.old"
}

if [[ $(status_in /root/.pm2/dump.pm2) == stopped && $running == stopped ]]; then
  switch_release
  say "$app stays stopped, as saved. To start it: sudo pm2 start $app && sudo pm2 save"
  exit
fi
if [[ $running == online && $(cat "$release/.started" 2>/dev/null) == "$fingerprint" ]]; then
  say "$app runs, with this code and these settings"
  exit
fi

if [[ -n $running ]]; then
  say "stopping $app"
  pm2 delete "$app" >/dev/null # and not `restart`, which would keep the old description of the app
fi
switch_release
load_settings
say "starting $app"
pm2 start "$release/$service/ecosystem.config.cjs" >/dev/null
limit=$((SECONDS + 900))
until works; do
  ((SECONDS < limit)) || {
    pm2 logs "$app" --nostream --lines 30 >&2
    fail "$app does not work. The last lines of its log are above."
  }
  sleep 1
done
pm2 save >/dev/null
(umask 077 && printf '%s\n' "$fingerprint" >"$release/.started")
pm2 list
