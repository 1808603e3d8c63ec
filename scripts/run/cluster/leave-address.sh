#!/bin/sh
# Lets the requests end that clients have at the clients' address, where this node has it. Called before keepalived is stopped, which then
# gives the address away. Nobody waits for longer than its two limits: who has not ended then is broken off, as before.
# HAProxy ends each connection behind its next answer, and after a while those that are left: idle ones at once, the others with their
# request (its reload does that). Meanwhile the firewall drops, without a word, who wants a new connection: the client's system asks again
# after a second, and then another node has the address.
#
#   leave-address.sh ADDRESS PORT RULES    the clients' address and port; RULES is the firewall's table for this, which keepalived's start removes
address=$1 port=$2 rules=$3
[ -n "$(ip -4 -oneline address show to "$address")" ] || exit 0

# Who has a request, or part of an answer on its way to him. (Who has all of it is in fin-wait-2 or time-wait.)
connections() {
  ss --no-header --tcp --numeric state established state close-wait state fin-wait-1 state closing state last-ack \
    src "$address" sport = ":$port" | awk '{ print $NF }' | sort
}

# wait_until SECONDS COMMAND...
wait_until() {
  looks=$(($1 * 10))
  shift
  until "$@" || [ $looks -le 0 ]; do
    sleep 0.1
    looks=$((looks - 1))
  done
}

before=$(connections)
none_of_before() { ! connections | grep --quiet --line-regexp --fixed-strings -- "$before"; }
none() { [ -z "$(connections)" ]; }

timeout 2 node -e '
  const socket = require("node:net").connect("/run/haproxy/admin.sock", () => socket.end(process.argv[1] + "\n"));
  socket.on("error", ({ message }) => console.log(message)).resume();' "add acl virt@leaving $address"
[ -z "$before" ] || wait_until 2 none_of_before
nft "add table inet $rules
add chain inet $rules input { type filter hook input priority filter - 1; }
add rule inet $rules input ip daddr $address tcp dport $port tcp flags & (syn | ack) == syn drop"
systemctl kill --kill-whom=main --signal=USR2 haproxy # not `reload`, which waits in vain for a unit that is to stop
wait_until 2 none
