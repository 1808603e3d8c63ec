#!/bin/sh
# Stops a PostgreSQL that leads. Called before its Patroni is stopped, which then gives its lease back at once: by itself it looks once
# a second whether PostgreSQL has ended (STOP_POLLING_INTERVAL in its postgresql/__init__.py). One that does not lead is left alone.
# Whoever is writing a film finishes; whoever comes then waits for the lock, and is told that nothing was written (57P01).
#
#   hand-over.sh DATA    its folder. How it is reached is in the environment (https://www.postgresql.org/docs/current/libpq-envars.html)
data=$1

said=$(
  PGCONNECT_TIMEOUT=5 psql --no-psqlrc --quiet --no-align --tuples-only 2>/dev/null <<SQL
SELECT pg_is_in_recovery() AS follows \gset
\if :follows
\quit
\endif
CHECKPOINT; -- while it still serves: the one at its end is short then
SET lock_timeout = '1s';
BEGIN;
LOCK TABLE movies IN SHARE ROW EXCLUSIVE MODE;
\! kill -INT "\$(head -n 1 '$data/postmaster.pid')" && echo stops
SELECT pg_sleep(60); -- keeps the lock until this session ends with the server
SQL
)
[ "$said" = stops ] || exit 0
looks=0
while [ -e "$data/postmaster.pid" ] && [ $looks -lt 1500 ]; do
  sleep 0.02
  looks=$((looks + 1))
done
