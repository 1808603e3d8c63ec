#!/usr/bin/env bash
# Does:  installs PostgreSQL, on loopback only, and makes the service's role and the database that it owns.
# Why:   the tables come later, by the service's migrations (prisma.sh). `sudo -i -u postgres psql` works without a password.
# Needs: the prefix of the keys as its argument (MOVIES_DB or ORDERS_DB), and of .env: PREFIX_PORT, PREFIX_NAME, PREFIX_USER,
#        PREFIX_PASSWORD.
set -euo pipefail
# shellcheck source=prelude.sh
. "$(dirname "$0")/prelude.sh"
load_settings

port=$(setting "$1_PORT")
role=$(setting "$1_USER")
password=$(setting "$1_PASSWORD")
database=$(setting "$1_NAME")

install_packages postgresql
version=$(pg_lsclusters --no-header | awk '$2 == "main" { print $1 }' | sort --version-sort | tail -n 1)
[[ -n $version ]] || fail "there is no cluster 'main'. Run: pg_createcluster VERSION main"
cluster="postgresql@$version-main"

set_option() {
  [[ $(pg_conftool --short "$version" main show "$1" 2>/dev/null) == "$2" ]] && return
  pg_conftool "$version" main set "$1" "$2"
  changed=true
}
changed=false
set_option listen_addresses localhost # a word: pg_conftool writes an address without its quotes
set_option port "$port"
systemctl --quiet enable postgresql
if $changed; then
  say "listening on localhost:$port"
  systemctl stop "$cluster" # waits: the old server must not be taken for the new one
fi
systemctl start --no-block "$cluster"
wait_for_unit 600 "$cluster" /var/lib/postgresql pg_isready --quiet --host 127.0.0.1 --port "$port"

# Passed as variables of the environment, because a command line can be seen by everybody.
# Read here, as root: postgres may not read the files of a checkout that only its owner may.
statements() {
  printf '\\getenv %s %s\n' role role password password database database ctype ctype
  cat "$source/scripts/run/servers/postgres/create-database.sql"
  printf '\\connect :"database"\n'
  cat "$source/scripts/run/servers/postgres/adopt-tables.sql"
}
statements | role=$role password=$password database=$database ctype=C.UTF-8 \
  runuser --user postgres -- psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --port "$port" >/dev/null
say "PostgreSQL $version is ready, with the database $database"
