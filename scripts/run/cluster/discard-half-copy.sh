#!/bin/sh
# Deletes a copy of the primary's database that was ended in its middle, by a power cut for one; then becomes COMMAND, Patroni, which
# copies anew. Patroni itself waits for somebody then, for ever: the folder is not empty, and its "system ID is invalid".
#
#   discard-half-copy.sh DATA [COMMAND...]
#
# A copy has backup_label first, and pg_control last (PostgreSQL's src/backend/backup/basebackup.c). A database has had a pg_control
# and no backup_label ever since it runs: where its disk lost that, nothing is deleted.
data=$1
shift
if [ -n "$(ls -A "$data" 2>/dev/null)" ] && [ ! -e "$data/global/pg_control" ] &&
  { [ -e "$data/backup_label" ] || [ ! -e "$data/PG_VERSION" ]; }; then
  pkill -KILL -f -- "--pgdata=$data( |\$)" # one whose Patroni was killed may still copy
  rm -rf "$data" && echo "Half a copy of the primary's database in $data was deleted: another one is made."
fi
[ $# -eq 0 ] || exec "$@"
