#!/usr/bin/env bash
# Does:  switches to the prepared code, (re)starts the service under PM2 when its code or its settings have changed, waits
#        until it works, and saves PM2's list for the next boot.
# Why:   the old process finishes what it holds before it ends. Gateway's and inventory's ends when the new one is ready;
#        billing's before it starts, and orders wait in the queue meanwhile.
#        A service that `pm2 save` noted as stopped stays stopped.
# Needs: the service's folder as its argument, and of .env: the service's own keys.
set -euo pipefail
# shellcheck source=prelude.sh
. "$(dirname "$0")/prelude.sh"
service=$1

prepared=$release
[[ -e $next/.digest ]] && prepared=$next
[[ -e $prepared/$service/ecosystem.config.cjs ]] || fail "there is no code of $service: run 'vagrant provision'"
app=$(node -p "require('$prepared/$service/ecosystem.config.cjs').apps[0].name")
fingerprint=$(cat "$prepared/.digest" "$release/.env" | sha256sum)
mode=$(node -p "require('$prepared/$service/ecosystem.config.cjs').apps[0].exec_mode")
running=$(pm2 jlist | status_in "$app" /dev/stdin)
running_mode=$(pm2 jlist | status_in "$app" /dev/stdin exec_mode)

switch_release() {
  [[ $prepared == "$next" ]] || return 0
  install --mode 600 "$release/.env" "$next/.env"
  rm -rf "$release.old"
  mv "$release" "$release.old"
  mv "$next" "$release"
}

if [[ $(status_in "$app" /root/.pm2/dump.pm2) == stopped && $running == stopped ]]; then
  switch_release
  rm -rf "$release.old"
  say "$app stays stopped, as saved. To start it: sudo pm2 start $app && sudo pm2 save"
  exit
fi
if [[ $running == online && $(cat "$release/.started-$service" 2>/dev/null) == "$fingerprint" ]]; then
  say "$app runs, with this code and these settings"
  exit
fi

if [[ $running == online && $running_mode == cluster_mode && $mode == cluster ]]; then
  switch_release
  say "starting $app beside the one that runs"
  pm2 reload "$release/$service/ecosystem.config.cjs" >/dev/null
  instances=$(node -p "require('$release/$service/ecosystem.config.cjs').apps[0].instances")
  [[ $(pm2 pid "$app" | grep --count '^[0-9]') == "$instances" ]] || pm2 scale "$app" "$instances" >/dev/null
else
  if [[ -n $running ]]; then
    say "stopping $app"
    pm2 delete "$app" >/dev/null # and not `restart`, which would keep the old description of the app
  fi
  switch_release
  say "starting $app"
  pm2 start "$release/$service/ecosystem.config.cjs" >/dev/null
fi
rm -rf "$release.old" # only now: what ran was made of it
bash "$(dirname "$0")/ready.sh" "$service"
# Not while the gateway is away that the last list has, between drain.sh and its own turn here: a boot would forget it.
[[ -n $(status_in api_gateway /root/.pm2/dump.pm2) && -z $(pm2 jlist | status_in api_gateway /dev/stdin) ]] || pm2 save >/dev/null
(umask 077 && printf '%s\n' "$fingerprint" >"$release/.started-$service")
pm2 list
