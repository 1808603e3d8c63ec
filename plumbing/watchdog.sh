#!/usr/bin/env bash
# Does:  kills a process that gives no sign of life: a line on this one's standard input. Ends when that is closed.
# Needs: the seconds that it may be silent, its process id, the name of its service, and the file that gets the log's line.
trap '' INT TERM # PM2 stops a process with all its children: this one ends when the process has ended
while :; do
  status=0
  read -r -t "$1" || status=$?
  # Once more: both may have been frozen together, and this one was the first to go on.
  ((status <= 128)) || { status=0; read -r -t 6 || status=$?; }
  ((status == 0)) || break
done
((status > 128)) || exit 0 # no silence, but the end of the input
printf '{"level":"fatal","time":"%s","service":"%s","reason":"no sign of life for %s s: frozen, or at one thing without end","msg":"alive, but not working"}\n' \
  "$(date -u +%Y-%m-%dT%H:%M:%S.000Z)" "$3" "$1" >>"${4:-/dev/stdout}"
kill -KILL "$2"
