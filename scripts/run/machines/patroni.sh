#!/usr/bin/env bash
# Does:  installs PostgreSQL and Patroni, which makes this node's the primary or a standby. From the second node on, a commit waits
#        for a second PostgreSQL, whatever happens.
# Why:   one of several leads, and another one takes its place. What each setting is for: scripts/run/cluster/node-files.ts, which has
#        the same for one computer. `sudo -i -u postgres psql` works without a password; on a standby, for reading.
# Needs: etcd.sh; and of .env: NODE, NODE_IP, NODE_{1,2,3}_IP, POSTGRES_PORT, PATRONI_PORT, MOVIES_DB_NAME, POSTGRES_{SUPERUSER,REPLICATION,REWIND}_PASSWORD
#        (these are of the cluster's beginning: a change has to be made in the database, too); CLUSTER_BEGIN as for etcd.sh.
set -euo pipefail
# shellcheck source=prelude.sh
. "$(dirname "$0")/prelude.sh"
load_settings
node=$(setting NODE)
address=$(setting NODE_IP)
port=$(setting POSTGRES_PORT)
api_port=$(setting PATRONI_PORT)
api=http://$address:$api_port
movies=$(setting MOVIES_DB_NAME)

install_packages postgresql patroni python3-etcd
version=$(find /usr/lib/postgresql -mindepth 1 -maxdepth 1 -printf '%f\n' | sort --version-sort | tail -n 1)
# The package's own database: nobody uses it, and it would take the port.
systemctl --quiet disable postgresql
systemctl stop postgresql "postgresql@$version-main"
[[ ! -e /etc/postgresql/$version/main/start.conf ]] || printf 'disabled\n' >"/etc/postgresql/$version/main/start.conf"
# The private address may come up after these servers at boot.
if write_file /etc/sysctl.d/60-crud-master.conf 644 <<<'net.ipv4.ip_nonlocal_bind = 1'; then
  sysctl --quiet --load /etc/sysctl.d/60-crud-master.conf
fi

# A password as YAML has it: JSON is YAML.
password() {
  setting "$1" >/dev/null
  node -p 'JSON.stringify(process.env[process.argv[1]])' "$1"
}
hosts='' clients='' endpoints='' others=''
for one in node-1 node-2 node-3; do
  hosts+="    - $(address_of "$one"):2379"$'\n'
  endpoints+=${endpoints:+,}http://$(address_of "$one"):2379
  [[ $one == "$node" ]] || others+="http://$(address_of "$one"):$api_port "
  clients+="    - host replication replication $(address_of "$one")/32 scram-sha-256"$'\n'
  clients+="    - host all all $(address_of "$one")/32 scram-sha-256"$'\n'
done
superuser=$(password POSTGRES_SUPERUSER_PASSWORD)
replication=$(password POSTGRES_REPLICATION_PASSWORD)
rewind=$(password POSTGRES_REWIND_PASSWORD)

changed=false
install --directory --owner postgres --group postgres --mode 700 /var/lib/postgresql/crud-master
write_file /etc/patroni/config.yml 600 <<CONF && changed=true
scope: crud-master
name: $node
restapi:
  listen: $address:$api_port
  connect_address: $address:$api_port
etcd3:
  hosts:
${hosts}bootstrap:
  dcs:
    ttl: 20
    loop_wait: 1
    retry_timeout: 5
    primary_start_timeout: 0
    maximum_lag_on_failover: 1048576
    synchronous_mode: true
    synchronous_mode_strict: false # below: true, when there is a second node
    postgresql:
      use_pg_rewind: true
      parameters: { wal_level: replica, hot_standby: 'on', wal_log_hints: 'on', max_connections: 100, wal_keep_size: 1GB }
  initdb:
    - encoding: UTF8
    - locale: C.UTF-8
    - data-checksums
postgresql:
  listen: $address:$port
  connect_address: $address:$port
  use_unix_socket: true
  data_dir: /var/lib/postgresql/crud-master/$version
  bin_dir: /usr/lib/postgresql/$version/bin
  pgpass: /var/lib/postgresql/crud-master/pgpass
  basebackup:
    - checkpoint: fast
  authentication:
    superuser: { username: postgres, password: $superuser }
    replication: { username: replication, password: $replication }
    rewind: { username: rewind, password: $rewind }
  pg_hba:
    - local all all peer
${clients}  parameters:
    unix_socket_directories: /var/run/postgresql
    jit: 'off'
    password_encryption: scram-sha-256
    wal_retrieve_retry_interval: 200ms
    wal_sender_timeout: 3s
    wal_receiver_timeout: 3s
CONF
chown postgres:postgres /etc/patroni/config.yml
# Who stops Patroni hands the primary over. Where it ends by itself there is no MAINPID, PostgreSQL goes on, and systemd starts it again.
for script in discard-half-copy hand-over stop-patroni; do
  write_file "/usr/local/lib/crud-master/$script.sh" 755 <"$source/scripts/run/cluster/$script.sh" || true
done
write_file /etc/systemd/system/patroni.service.d/crud-master.conf 644 <<UNIT && systemctl daemon-reload
[Unit]
After=etcd.service
StartLimitIntervalSec=0

[Service]
Environment=MALLOC_ARENA_MAX=1
ExecStartPre=/usr/local/lib/crud-master/discard-half-copy.sh /var/lib/postgresql/crud-master/$version
ExecStop=-/usr/bin/env PGPORT=$port PGDATABASE=$movies /usr/local/lib/crud-master/stop-patroni.sh \${MAINPID} $node /var/lib/postgresql/crud-master/$version $endpoints $api $others
SuccessExitStatus=SIGKILL
Restart=always
RestartSec=1
TimeoutStopSec=2min
UNIT

question() { curl --silent --show-error --max-time 10 "$api/$1"; }
field() { node -e 'const value = JSON.parse(require("node:fs").readFileSync(0, "utf8"))[process.argv[1]]; console.log(value ?? "")' "$1"; }
works() { curl --silent --show-error --fail --max-time 10 --output /dev/null "$api/health"; }

# Patroni has read its file again when it has been at etcd since.
read_since() { (($(question patroni | field dcs_last_seen) > $1)); }

systemctl --quiet enable patroni
if $changed && systemctl --quiet is-active patroni; then
  say 'taking over the changed settings'
  now=$(date +%s)
  systemctl reload patroni
  wait_for_unit 300 patroni /var/lib/postgresql read_since "$((now + 2))"
fi
systemctl start patroni
wait_for_unit 1800 patroni /var/lib/postgresql works
if [[ $(question patroni | field pending_restart) == true ]]; then
  bash "$(dirname "$0")/drain.sh" primary
  if systemctl --quiet is-active patroni; then
    runuser --user postgres -- patronictl --config-file /etc/patroni/config.yml restart --force crud-master "$node"
  fi
  systemctl start patroni
  wait_for_unit 1800 patroni /var/lib/postgresql works
fi

streams() { [[ $(question patroni | field replication_state) == streaming || $(question patroni | field role) == primary ]]; }
wait_for_unit 900 patroni /var/lib/postgresql streams
# A change of what the cluster began with, which is in etcd.
change() { curl --silent --show-error --fail --max-time 20 --output /dev/null --request PATCH --data "$1" "$api/config"; }
[[ $(question config) == *wal_keep_size* ]] || change '{"postgresql": {"parameters": {"wal_keep_size": "1GB"}}}'
# By a standby: then there are two. A first node would wait for nobody.
if [[ $(question patroni | field role) != primary && $(question config | field synchronous_mode_strict) != true ]]; then
  change '{"synchronous_mode_strict": true}'
  say 'from now on a commit waits for a second PostgreSQL'
fi
say "PostgreSQL $version is ready: $(question patroni | field role)"
