#!/bin/sh
# Stops a PostgreSQL that leads, and says `stopped`. One that does not lead is left alone. Whoever calls it ends Patroni then, and gives
# its lease back: by itself Patroni asks this PostgreSQL once more, for up to a second (STOP_POLLING_INTERVAL in its postgresql/__init__.py).
# Whoever is writing a film finishes; whoever comes then waits for the lock, and is told that nothing was written (57P01).
#
#   hand-over.sh DATA    its folder. How it is reached is in the environment (https://www.postgresql.org/docs/current/libpq-envars.html)
data=$1

said=$(
  PGCONNECT_TIMEOUT=5 psql --no-psqlrc --quiet --no-align --tuples-only 2>/dev/null <<SQL
SELECT pg_is_in_recovery() AS follows, pg_backend_pid() AS own \gset
\if :follows
\quit
\endif
SET statement_timeout = '20s';
CHECKPOINT; -- while it still serves: the one at its end is short then
SET deadlock_timeout = '50ms'; -- after which an autovacuum makes room
SET lock_timeout = '1s';
BEGIN;
LOCK TABLE movies IN SHARE ROW EXCLUSIVE MODE;
-- This session is held still meanwhile: it keeps the lock until those who wait for it have been told.
\set said \`kill -STOP :own; kill -INT "\$(head -n 1 '$data/postmaster.pid')" && echo stops; sleep 0.05; kill -CONT :own\`
\echo :said
SQL
)
[ "$said" = stops ] || exit 0
looks=0
while [ -e "$data/postmaster.pid" ] && [ $looks -lt 1500 ]; do
  sleep 0.02
  looks=$((looks + 1))
done
[ -e "$data/postmaster.pid" ] || echo stopped
