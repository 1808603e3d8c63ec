#!/usr/bin/env bash
# Does:  finishes what an interrupted provisioning left half-installed, and installs the small tools the other scripts use.
# Why:   `vagrant up` or `provision` may have been stopped in the middle of a package; dpkg then refuses everything else.
# Needs: nothing of .env.
set -euo pipefail
# shellcheck source=prelude.sh
. "$(dirname "$0")/prelude.sh"

# Something else may hold dpkg's lock for a while: the box's own daily upgrade, on a first boot. Status 1 is no reason to wait: a package
# was not configured, perhaps for want of another one that the interrupted installation had not come to.
configure() { dpkg --configure -a --force-confold || [[ $? == 1 ]]; }
wait_for 900 'finishing interrupted installations' configure
if ! apt-get check --quiet --quiet; then
  say 'repairing the packages'
  apt-get install --fix-broken --yes --quiet --quiet --option DPkg::Lock::Timeout=900 --option Dpkg::Options::=--force-confold \
    --option Acquire::Retries=5
fi
is_whole() {
  local broken
  configure && broken=$(dpkg --audit) && printf '%s\n' "$broken" && [[ -z $broken ]]
}
wait_for 300 'the packages cannot be repaired, mend them by hand and provision again' is_whole

install_packages ca-certificates curl rsync
say "this is $(hostname), Debian $(cat /etc/debian_version), $(dpkg --print-architecture)"
