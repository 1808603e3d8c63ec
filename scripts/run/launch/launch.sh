#!/bin/sh
# Starts the launcher with the Node that runs npm. The first `node` on the PATH of an npm script is the installation's own,
# and a disk that was full can have left that one broken.

# Node, PM2 and PostgreSQL's initdb take these characters of a path for something else.
case $PWD in
  *[*\"\$\`\\]*)
    printf '%s\n' "The path of this checkout has one of the characters * \" \$ \` \\ in it ($PWD), with which it cannot run. Move or rename the folder." >&2
    exit 1
    ;;
esac
exec "${npm_node_execpath:-node}" "$(dirname "$0")/launch.mjs" "$@"
