#!/usr/bin/env bash
# Does:  makes the services' roles and the databases that they own, on the primary, wherever it is.
# Why:   the tables come later, by the services' migrations (prisma.sh). It changes nothing when another node has done it.
# Needs: patroni.sh, haproxy.sh; as arguments the prefixes of the keys; and of .env: NODE_IP, PREFIX_PORT, PREFIX_NAME, PREFIX_USER,
#        PREFIX_PASSWORD, MOVIES_DB_NAME, POSTGRES_SUPERUSER_PASSWORD.
set -euo pipefail
# shellcheck source=prelude.sh
. "$(dirname "$0")/prelude.sh"
load_settings

# Of the session: nodes that do this at the same time do it one after the other.
LOCK='SELECT pg_advisory_lock(5201314) \g /dev/null'

# On the primary, through HAProxy. Passwords are variables of the environment, because a command line can be seen by everybody.
primary() {
  PGPASSWORD=$(setting POSTGRES_SUPERUSER_PASSWORD) PGCONNECT_TIMEOUT=20 timeout 300 psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 \
    --host "$(setting NODE_IP)" --port "$(setting MOVIES_DB_PORT)" --username postgres --dbname postgres
}
wait_for 600 'PostgreSQL has a primary' primary <<<'SELECT 1'

roles_and_databases() {
  local prefix
  for prefix in "$@"; do
    role=$(setting "${prefix}_USER") password=$(setting "${prefix}_PASSWORD") database=$(setting "${prefix}_NAME") ctype=C.UTF-8 \
      primary >/dev/null <<SQL || return
$LOCK
\\getenv role role
\\getenv password password
\\getenv database database
\\getenv ctype ctype
\\ir $source/scripts/run/servers/postgres/create-database.sql
\\connect :"database"
$LOCK
\\ir $source/scripts/run/servers/postgres/adopt-tables.sql
SQL
  done
}

# As scripts/run/cluster/start.ts: a former primary compares its files over a session there, and a film is answered as written when
# the standby that films are read from has it, too.
settings_of_the_cluster() {
  movies=$(setting MOVIES_DB_NAME) primary >/dev/null <<SQL
$LOCK
\\getenv movies movies
GRANT CONNECT ON DATABASE postgres TO rewind;
ALTER DATABASE :"movies" SET synchronous_commit = remote_apply;
SQL
}

# Again when another PostgreSQL has become the primary meanwhile: what is there already stays as it is.
wait_for 60 'roles and databases are made' roles_and_databases "$@"
wait_for 60 'the rest is set' settings_of_the_cluster
say 'roles and databases are there'
