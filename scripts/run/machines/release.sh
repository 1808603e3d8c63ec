#!/usr/bin/env bash
# Does:  prepares the services' code and packages in /opt/crud-master.next, beside what runs.
# Why:   a failure, or a provisioning that is killed, leaves the running service as it was.
# Needs: as arguments the folders of the services, and others that the machine is to have; nothing of .env.
set -euo pipefail
# shellcheck source=prelude.sh
. "$(dirname "$0")/prelude.sh"

cd "$source"
workspaces=()
for folder in "$@"; do
  [[ ! -e $folder/ecosystem.config.cjs ]] || workspaces+=(--workspace "$folder")
done
manifests=(package.json package-lock.json .npmrc */package.json)
code=("${manifests[@]}" plumbing "$@")
digest=$(find "${code[@]}" -path '*/test' -prune -o -type f -print0 | sort --zero-terminated --unique | xargs -0 sha256sum |
  cat - <(node --version; npm --version) | sha256sum)

if [[ $(cat "$release/.digest" 2>/dev/null) == "$digest" ]]; then
  rm -rf "$next"
  say 'this code is deployed already'
  exit
fi
if [[ $(cat "$next/.digest" 2>/dev/null) != "$digest" ]]; then
  rm -rf "$next"
  mkdir -p "$next"
  rsync --archive --relative --chown root:root --exclude test/ "${code[@]}" "$next/"
  cd "$next"
  if [[ -e $release/$1 ]] && cmp --silent package-lock.json "$release/package-lock.json" && cmp --silent <(npm --version) "$release/.npm-version"; then
    say 'taking over the packages of the running release: the lock file is the same'
    cp --archive --link "$release/node_modules" node_modules
  else
    say 'installing the packages of the lock file'
    npm ci "${workspaces[@]}" --omit dev --omit optional # with `dev` alone, TypeScript came along: a package may use it
  fi
  npm --version >.npm-version
  printf '%s\n' "$digest" >.digest
  say 'the new code is ready'
fi
