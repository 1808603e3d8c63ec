#!/usr/bin/env bash
# Does:  imports users, permissions, queues and policies into the broker of this machine; users that they do not name, such as `guest`, go.
# Why:   the definitions are those of the local stack (scripts/run/servers/rabbitmq/). rabbitmq.sh and broker.sh call it.
# Needs: a broker that runs; and of .env: RABBITMQ_VHOST, BILLING_QUEUE, BILLING_DEAD_LETTER_QUEUE, and
#        RABBITMQ_{GATEWAY,BILLING,ADMIN}_{USER,PASSWORD}.
set -euo pipefail
# shellcheck source=prelude.sh
. "$(dirname "$0")/prelude.sh"
load_settings

definitions=$(mktemp --directory)
trap 'rm -rf "$definitions"' EXIT
node "$source/scripts/run/servers/rabbitmq/render-definitions.ts" >"$definitions/definitions.json"
chown -R rabbitmq "$definitions" # as whom Debian's rabbitmqctl runs
rabbitmqctl --quiet import_definitions "$definitions/definitions.json"

wanted=$(node -p "require('$definitions/definitions.json').users.map((user) => user.name).join('\n')")
rabbitmqctl --quiet list_users --no-table-headers | cut --fields 1 | while IFS= read -r user; do
  grep --quiet --line-regexp --fixed-strings -- "$user" <<<"$wanted" || rabbitmqctl --quiet delete_user -- "$user" </dev/null
done
