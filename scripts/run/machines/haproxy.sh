#!/usr/bin/env bash
# Does:  installs HAProxy: clients to a gateway that works, services to the primary, film reads to whoever has every film.
# Why:   the services know one address. What each setting is for: scripts/run/cluster/node-files.ts, which has the same for one computer.
# Needs: of .env: NODE_IP, NODE_{1,2,3}_IP, CLIENTS_PORT, API_GATEWAY_PORT, POSTGRES_PORT, PATRONI_PORT, MOVIES_DB_PORT (the primary's
#        here) and MOVIES_DB_READ_PORT.
set -euo pipefail
# shellcheck source=prelude.sh
. "$(dirname "$0")/prelude.sh"
load_settings
address=$(setting NODE_IP)

gateways='' databases=''
for one in node-1 node-2 node-3; do
  gateways+="  server $one $(address_of "$one"):$(setting API_GATEWAY_PORT) check"$'\n'
  databases+="  server $one $(address_of "$one"):$(setting POSTGRES_PORT) check port $(setting PATRONI_PORT)"$'\n'
done

write_file /etc/haproxy/haproxy.cfg 644 <<CONF || true
global
  user haproxy
  group haproxy
  maxconn 5500
  hard-stop-after 1m
  stats socket /run/haproxy/admin.sock mode 600 level user
  log /dev/log local0 warning

defaults clients
  mode http
  log global
  timeout connect 500ms
  timeout client 60s
  timeout server 35s
  timeout check 500ms
  timeout http-request 15s
  balance roundrobin
  retries 3
  retry-on conn-failure empty-response
  option redispatch 1
  option forwardfor
$(<"$source/scripts/run/cluster/haproxy-answers.cfg")
  default-server inter 500ms fastinter 250ms downinter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
frontend clients
  bind :$(setting CLIENTS_PORT)
  http-request disable-l7-retry unless METH_GET
  http-after-response set-header Connection close if { dst -f virt@leaving }
  use_backend live if { path_beg /api/billing }
  use_backend live if { nbsrv(ready) lt 1 }
  default_backend ready
backend ready
  option httpchk GET /readyz
  http-check disable-on-404
  http-check expect status 200
${gateways}backend live
  default-server rise 5
  option httpchk GET /livez
  http-check disable-on-404
  http-check expect status 200
${gateways}
defaults databases
  mode tcp
  log global
  timeout connect 500ms
  timeout client 1h
  timeout server 1h
  timeout check 500ms
  balance leastconn
  option redispatch 1
  default-server inter 500ms fastinter 250ms downinter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
listen primary
  bind $address:$(setting MOVIES_DB_PORT)
  option httpchk OPTIONS /primary
  http-check expect status 200
${databases}listen readers
  bind $address:$(setting MOVIES_DB_READ_PORT)
  default-server rise 7
  option httpchk OPTIONS /read-only-sync
  http-check expect status 200
${databases}
CONF
# It finishes what it has, and gives up after a while: the services end before it, keepalived too.
write_file /etc/systemd/system/haproxy.service.d/crud-master.conf 644 <<'UNIT' && systemctl daemon-reload
[Service]
KillSignal=SIGUSR1
TimeoutStopSec=10s
UNIT
install_packages haproxy

# ask COMMAND: what the HAProxy that takes connections now says of itself.
ask() {
  timeout 10 node -e '
    const socket = require("node:net").connect("/run/haproxy/admin.sock", () => socket.write(process.argv[1] + "\n"));
    socket.on("error", ({ message }) => console.log(message)).pipe(process.stdout);' "$1"
}

# Until it has looked twice, HAProxy takes every server for one that works: a session with a standby would be refused to write, and one
# with a node that is away may hang (seen with 3.0).
has_looked() {
  ask 'show stat' | node -e '
    const [names, ...lines] = require("node:fs").readFileSync(0, "utf8").trim().split("\n").map((line) => line.split(","));
    const of = (name) => (line) => line[names.indexOf(name)];
    const servers = lines.filter((line) => of("check_status")(line));
    const open = servers.filter((line) => of("check_status")(line) === "INI" || /\d\/\d/.test(of("status")(line)));
    for (const line of open) console.log(of("# pxname")(line), of("svname")(line), of("status")(line));
    if (servers.length === 0) console.log(names.join());
    process.exit(servers.length > 0 && open.length === 0 ? 0 : 1);'
}

# What it has taken over: a run that broke off before the reload is made up for by the next one.
taken=/etc/haproxy/taken-over.cfg
if ! cmp --silent /etc/haproxy/haproxy.cfg "$taken"; then
  haproxy -c -q -f /etc/haproxy/haproxy.cfg || fail 'HAProxy does not take /etc/haproxy/haproxy.cfg'
  process() { ask 'show info' | grep '^Pid:'; }
  before=$(process || true)
  systemctl reload-or-restart haproxy # new connections go to the new process, the others stay
  is_another() {
    local now
    now=$(process) && [[ $now != "$before" ]]
  }
  wait_for 60 'HAProxy takes over its file (journalctl -u haproxy says why not)' is_another
  cp /etc/haproxy/haproxy.cfg "$taken"
fi
systemctl --quiet enable haproxy
systemctl start haproxy
wait_for 120 'HAProxy knows who works (journalctl -u haproxy)' has_looked
say "HAProxy is ready for clients on port $(setting CLIENTS_PORT)"
