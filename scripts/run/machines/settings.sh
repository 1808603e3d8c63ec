#!/usr/bin/env bash
# Does:  writes /opt/crud-master/.env, readable by root only.
# Why:   the services and the other scripts read this machine's settings there. A machine gets its own keys and no others.
# Needs: MACHINE_SETTINGS, the content in base64, which Vagrant hands over (marked sensitive, so never printed).
set -euo pipefail
# shellcheck source=prelude.sh
. "$(dirname "$0")/prelude.sh"

: "${MACHINE_SETTINGS:?comes from the Vagrantfile: run 'vagrant provision --provision-with settings'}"
settings=$(base64 --decode <<<"$MACHINE_SETTINGS")
if write_file "$release/.env" 600 <<<"$settings"; then # not behind a pipe, where a full disk would be "nothing has changed"
  say "wrote $release/.env"
else
  say 'nothing has changed'
fi
