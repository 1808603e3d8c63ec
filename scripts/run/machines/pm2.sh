#!/usr/bin/env bash
# Does:  installs PM2, in the version that package.json names, for root; has systemd start it; rotates its logs.
# Why:   `sudo pm2 list` must show the service, and a reboot must bring back what `pm2 save` noted.
# Needs: of .env: NODE_IP, on one of three nodes.
set -euo pipefail
# shellcheck source=prelude.sh
. "$(dirname "$0")/prelude.sh"

version=$(node -p "require('$source/package.json').dependencies.pm2")
installed=$(cat "$tools/.pm2" 2>/dev/null || true)
if [[ $installed != "$version" ]]; then
  say "installing PM2 $version"
  rm -rf "$tools.next"
  npm install --global --prefix "$tools.next" "pm2@$version"
  put_in_place pm2
fi
ln -sfn "$tools/bin/pm2" /usr/local/bin/pm2

# Ordered after the database and the broker, and what leads to them, so that at shutdown the service ends before them.
# The limits: PM2 gives a service 30 s to finish (kill_timeout), and an emulated machine is slow.
if write_file /etc/systemd/system/pm2-root.service.d/crud-master.conf 644 <<'UNIT'; then
[Unit]
After=network-online.target postgresql.service rabbitmq-server.service patroni.service haproxy.service etcd.service
Wants=network-online.target

[Service]
# What runs in cluster mode takes its connections itself, and not from PM2's daemon.
Environment=NODE_CLUSTER_SCHED_POLICY=none
TimeoutStartSec=10min
TimeoutStopSec=2min
UNIT
  systemctl daemon-reload
fi
if ! systemctl --quiet is-enabled pm2-root 2>/dev/null || [[ $installed != "$version" ]]; then
  env --ignore-environment PATH="$PATH" HOME=/root pm2 startup systemd -u root --hp /root >/dev/null
  systemctl daemon-reload
fi
# PM2's daemon belongs to systemd from the start, not to the session of this provisioning.
[[ -e /root/.pm2/dump.pm2 ]] || write_file /root/.pm2/dump.pm2 600 <<<'[]'
if [[ -n $installed && $installed != "$version" ]]; then
  # Of several nodes: what is under way at the gateway needs inventory, which would end beside it.
  [[ ! -e $release/.env ]] || load_settings
  [[ -z ${NODE_IP:-} ]] || bash "$(dirname "$0")/drain.sh" gateway
  systemctl restart pm2-root
else
  systemctl start pm2-root
fi
printf '%s\n' "$version" >"$tools/.pm2" # only now: what was killed in the middle starts over

install_packages logrotate
write_file /etc/logrotate.d/pm2 644 <<'ROTATE' || true
# The services' logs. They notice it by themselves (plumbing/log-file.ts); PM2, for what Node itself says, when asked to.
/root/.pm2/logs/*.log {
  maxsize 20M
  weekly
  rotate 5
  compress
  delaycompress
  missingok
  notifempty
  sharedscripts
  postrotate
    /usr/local/bin/pm2 reloadLogs >/dev/null
  endscript
}

# PM2's own log, which it does not reopen.
/root/.pm2/pm2.log {
  maxsize 5M
  weekly
  rotate 2
  compress
  missingok
  notifempty
  copytruncate
}
ROTATE
# Hourly instead of daily, for `maxsize` to mean something.
if write_file /etc/systemd/system/logrotate.timer.d/crud-master.conf 644 <<'TIMER'; then
[Timer]
OnCalendar=
OnCalendar=hourly
TIMER
  systemctl daemon-reload
  systemctl restart logrotate.timer
fi
systemctl --quiet enable --now logrotate.timer
say "PM2 $version runs under systemd"
