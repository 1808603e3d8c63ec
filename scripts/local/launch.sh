#!/bin/sh
# Starts the launcher with the Node that runs npm. The first `node` on the PATH of an npm script is the installation's own,
# and a disk that was full can have left that one broken.
exec "${npm_node_execpath:-node}" "$(dirname "$0")/launch.mjs" "$@"
