# shellcheck shell=bash
# What every script of this folder starts with: where things are, and a few verbs.
# The scripts run as root inside a machine; `vagrant provision` runs them, and so can you:
#   vagrant ssh billing-vm -c 'sudo bash /vagrant/scripts/run/machines/rabbitmq.sh'

export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 HOME=/root
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export npm_config_ignore_scripts=true npm_config_loglevel=error npm_config_audit=false npm_config_fund=false \
  npm_config_update_notifier=false
umask 022
cd /

# shellcheck disable=SC2034 # the scripts use them
{
  source=/vagrant             # the project, as Vagrant copied it
  release=/opt/crud-master    # what runs
  next=/opt/crud-master.next  # what will run after the next switch
  tools=/opt/node24           # Node, npm and PM2
}

say() { printf '[%s] %s\n' "$(basename "$0" .sh)" "$*"; }

fail() {
  printf '[%s] %s\n' "$(basename "$0" .sh)" "$*" >&2
  exit 1
}

# wait_for SECONDS "what" COMMAND...: a generous limit, since a machine may be emulated.
wait_for() {
  local limit=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < limit)) || fail "$what: not within the time allowed. The last attempt said: $("$@" 2>&1 | tail -n 5)"
    sleep 1
  done
}

# trouble_of UNIT FOLDER: why waiting for it is in vain, or nothing. FOLDER is where it keeps its data.
# An active unit is no trouble, however often it was restarted before.
trouble_of() {
  local state restarts free lines book=reliability advice='The broker'\''s or the database'\''s disk is damaged'
  [[ -z ${NODE_IP:-} ]] || book=cluster advice='A node does not come back'
  state=$(systemctl show --property ActiveState --value "$1")
  [[ $state != active ]] || return 0
  restarts=$(systemctl show --property NRestarts --value "$1")
  [[ $state == failed || ${restarts:-0} -ge 3 ]] || return 0
  free=$(df --output=avail --block-size=1M "$2" 2>/dev/null | tail -n 1 | tr -d ' ') || free=''
  lines=$(journalctl --unit "$1" --no-pager --output cat --lines 300 2>/dev/null || true)
  printf '%s does not start (systemd: %s, restarted %s times).\n' "$1" "$state" "${restarts:-0}"
  [[ -z $free || $free -ge 200 ]] || {
    printf 'Only %s MB are free on the disk of %s: make room.\n' "$free" "$2"
    book=reliability advice='RabbitMQ is out of memory or disk'
    [[ -z ${NODE_IP:-} ]] || book=cluster advice='A node'\''s disk is full'
  }
  if [[ $lines == *eaddrinuse* || $lines == *'Address already in use'* ]]; then
    printf 'Its port is taken: ss --listening --tcp --processes shows by what.\n'
    book=reliability advice='RabbitMQ is down'
  fi
  printf 'It says:\n%s\n' "$({ grep --ignore-case --extended-regexp \
    'wal_checksum|terminated|panic|fatal|corrupt|invalid page|no space|enospc|eaddrinuse|in use' || tail -n 5; } <<<"$lines" |
    cut --characters 1-400 | tail -n 5)"
  printf 'What to do: docs/%s.md, "%s"' "$book" "$advice"
}

# wait_for_unit SECONDS UNIT FOLDER COMMAND...: as wait_for, but gives up as soon as systemd shows that it is in vain.
wait_for_unit() {
  local limit=$((SECONDS + $1)) unit=$2 folder=$3 trouble
  shift 3
  until "$@" >/dev/null 2>&1; do
    trouble=$(trouble_of "$unit" "$folder")
    [[ -z $trouble ]] || fail "$trouble"
    ((SECONDS < limit)) || fail "$unit does not answer within the time allowed. The last attempt said: $("$@" 2>&1 | tail -n 5)"
    sleep 1
  done
}

# put_in_place MODULE...: of npm, from $tools.next. What is there already stays until then: without the network it goes on working.
put_in_place() {
  local module
  mkdir -p "$tools/bin" "$tools/lib/node_modules"
  for module in "$@"; do
    rm -rf "$tools/lib/node_modules/$module"
    mv "$tools.next/lib/node_modules/$module" "$tools/lib/node_modules/"
  done
  cp --archive --remove-destination "$tools.next/bin/." "$tools/bin/"
  rm -rf "$tools.next"
}

# Debian's packages, from the mirrors that the machine has.
install_packages() {
  local package missing=()
  for package in "$@"; do
    [[ $(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  say "installing ${missing[*]}"
  wait_for 900 'reading the package lists' apt-get update --quiet --quiet --option Acquire::Retries=5
  # confold: a configuration file that is already there was written by these scripts
  apt-get install --yes --quiet --quiet --no-install-recommends --option DPkg::Lock::Timeout=900 --option Acquire::Retries=5 \
    --option Dpkg::Options::=--force-confold --option Dpkg::Use-Pty=0 "${missing[@]}"
}

# write_file PATH MODE: replaces the file by standard input, at once. Status 1 when it was the same already.
write_file() {
  # Each with its own end: `set -e` does not count where somebody asks for the status.
  { mkdir -p "$(dirname "$1")" && (umask 077 && cat >"$1.new"); } || fail "$1 cannot be written: is the disk full?"
  if cmp --silent "$1.new" "$1" && [[ $(stat --format %a "$1") == "$2" ]]; then
    rm "$1.new"
    return 1
  fi
  { chmod "$2" "$1.new" && mv "$1.new" "$1"; } || fail "$1 cannot be replaced: is the disk full, or read-only?"
}

# Exports the settings of this machine. The file is in the form that env_file.rb writes: KEY='value', nothing escaped.
load_settings() {
  local text key quote
  text=$(<"$release/.env")$'\n'
  while [[ $text =~ ^([A-Za-z0-9_.-]+)=([\'\"\`]) ]]; do
    key=${BASH_REMATCH[1]} quote=${BASH_REMATCH[2]}
    text=${text#*"$quote"}
    export "$key=${text%%"$quote"$'\n'*}"
    text=${text#*"$quote"$'\n'}
  done
}

# setting KEY: its value, which must not be empty.
setting() {
  [[ -n ${!1:-} ]] || fail "$1 is missing in .env"
  printf %s "${!1}"
}

# For TOPOLOGY=cluster. others: the nodes that this one is not. address_of NODE. broker_of NODE: its name in RabbitMQ, by an address,
# so that no name of a machine has to be known to the others.
others() { printf '%s\n' node-1 node-2 node-3 | grep --invert-match --line-regexp --fixed-strings -- "$(setting NODE)"; }
address_of() {
  local key=${1^^}
  setting "${key//-/_}_IP"
}
broker_of() { printf '%s@%s' "$1" "$(address_of "$1")"; }

# Whether this is a node of a cluster that can do nothing yet: both others are down, as after a power cut of all three.
is_alone() {
  local one
  [[ -n ${NODE_IP:-} ]] || return
  while IFS= read -r one; do
    ! timeout 5 bash -c "exec 3<>/dev/tcp/$(address_of "$one")/22" 2>/dev/null || return
  done < <(others)
}

# PM2 keeps the environment that it is called with: it must not be this one.
pm2() { env --ignore-environment PATH="$PATH" HOME=/root LANG=C.UTF-8 /usr/local/bin/pm2 "$@"; }

# status_in APP FILE [FIELD]: the app's status, or that field, in a list of PM2's; or nothing. Of several processes: as all of them
# have it, or as the first has it that differs from the others.
status_in() {
  node -e "
    const text = require('node:fs').readFileSync(process.argv[2], 'utf8');
    const apps = JSON.parse(text.slice(text.search(/^\\[[\\]{\\n]/m))); // PM2 may have said something before
    const found = apps.filter(({ name }) => name === process.argv[1]).map((app) => (app.pm2_env ?? app)[process.argv[3]]);
    console.log(found.find((value) => value !== found[0]) ?? found[0] ?? '');" "$1" "$2" "${3:-status}"
}
