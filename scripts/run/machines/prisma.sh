#!/usr/bin/env bash
# Does:  makes the database's tables: Prisma generates the client for the prepared code, and applies the migrations not yet applied.
# Why:   before the switch to the new code, which needs them. Prisma's engine is the one in schema-engine/: nothing is downloaded.
# Needs: the service's folder as its argument, and of .env: its database (MOVIES_DB_* or ORDERS_DB_*).
set -euo pipefail
# shellcheck source=prelude.sh
. "$(dirname "$0")/prelude.sh"

[[ -e $next/.digest ]] || next=$release # nothing new to deploy
[[ $next == "$release" ]] || install --mode 600 "$release/.env" "$next/.env"
chmod +x "$next/schema-engine/schema-engine" # a Windows host has no such bit to copy
cd "$next/$1"

prisma() { CHECKPOINT_DISABLE=1 PRISMA_HIDE_UPDATE_MESSAGE=1 node "$next/node_modules/prisma/build/index.js" "$@"; }
# Prisma writes its files all at once, and refuses a folder that has some of them: half a client is none.
# What runs already has a whole one.
if [[ ! -e app/generated/.complete && ! ($next == "$release" && -e app/generated/client.ts) ]]; then
  rm -rf app/generated
  prisma generate
  touch app/generated/.complete
fi

# Again when the connection breaks, as it does when another PostgreSQL becomes the primary, and while another node has Prisma's lock.
# What was applied stays applied.
broken='onnection (terminated|ended)|terminating connection|shutting down|starting up|read-only transaction|ECONNRE|P1001|P1002|P1008|P1017'
attempts=20
until output=$(prisma migrate deploy 2>&1); do
  printf '%s\n' "$output"
  ((attempts -= 1)) || fail "the database does not stay: the migrations of $1 are not applied. Run 'vagrant provision'"
  [[ $output =~ $broken ]] || fail "the migrations of $1 are not applied"
  say 'again: the connection broke, or another node has the lock'
  sleep 1
done
printf '%s\n' "$output"
