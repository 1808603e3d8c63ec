#!/usr/bin/env bash
# Does:  installs RabbitMQ, for loopback and this machine's private address; imports users, permissions, queues and policies.
# Why:   the definitions are those of the local stack (scripts/run/servers/rabbitmq/). Users that they do not name, such as `guest`, go.
# Needs: of .env: BILLING_VM_IP, RABBITMQ_PORT, RABBITMQ_VHOST, BILLING_QUEUE, BILLING_DEAD_LETTER_QUEUE, and
#        RABBITMQ_{GATEWAY,BILLING,ADMIN}_{USER,PASSWORD}.
set -euo pipefail
# shellcheck source=prelude.sh
. "$(dirname "$0")/prelude.sh"
load_settings
port=$(setting RABBITMQ_PORT)
address=$(setting BILLING_VM_IP)

changed=false
# The private address may come up after the broker at boot.
if write_file /etc/sysctl.d/60-crud-master.conf 644 <<<'net.ipv4.ip_nonlocal_bind = 1'; then
  sysctl --quiet --load /etc/sysctl.d/60-crud-master.conf
fi
# These are there before the package, which starts the broker at once. The node's name does not follow the host's:
# a machine that is renamed keeps its messages. Erlang's own two ports are for rabbitmqctl, on this machine.
write_file /etc/rabbitmq/rabbitmq-env.conf 644 <<'CONF' && changed=true
NODENAME=rabbit@localhost
SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}"
CONF
write_file /etc/rabbitmq/rabbitmq.conf 644 <<CONF && changed=true
listeners.tcp.loopback = 127.0.0.1:$port
listeners.tcp.private  = $address:$port
CONF
write_file /etc/systemd/system/epmd.socket.d/crud-master.conf 644 <<'CONF' && {
[Socket]
ListenStream=
ListenStream=127.0.0.1:4369
CONF
  systemctl daemon-reload
  changed=true
}

[[ -e /usr/sbin/rabbitmqctl ]] || changed=false # not installed yet: its first start is with these files
install_packages rabbitmq-server
if $changed; then
  systemctl stop rabbitmq-server epmd.service epmd.socket
  systemctl start epmd.socket
fi
systemctl --quiet enable rabbitmq-server
systemctl start --no-block rabbitmq-server # which would wait as long for one that never comes
wait_for_unit 900 rabbitmq-server /var/lib/rabbitmq rabbitmqctl await_startup --timeout 30

bash "$(dirname "$0")/definitions.sh"
say "RabbitMQ is ready on 127.0.0.1:$port and $address:$port"
