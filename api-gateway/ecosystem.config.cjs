const instances = require('../plumbing/instances.cjs');

/**
 * How PM2 runs the gateway, on this computer and in its machine. In cluster mode `pm2 reload` starts the new process before it stops
 * the old one; both are run by the Node that PM2's daemon runs on (>= 22.18).
 */
module.exports = {
  apps: [
    {
      name: 'api_gateway',
      script: 'server.ts',
      cwd: __dirname,
      interpreter: process.execPath, // not used, but without it PM2 looks for one that runs .ts
      // http-proxy uses util._extend. The space for what has just been allocated would grow to 108 MB under load, and never shrink; and
      // one that begins small, as after that collection, lets through what dies young: a fifth more processor time for a film.
      // `--expose-gc`: for one collection after the start (plumbing/lifecycle.ts).
      node_args: ['--expose-gc', '--disable-warning=DEP0060', '--min-semi-space-size=16', '--max-semi-space-size=16'],
      instances: instances('API_GATEWAY_INSTANCES'),
      exec_mode: 'cluster',
      merge_logs: true,
      pmx: false, // with PM2's own probe an entry that fails at import would stay "online"
      wait_ready: true,
      listen_timeout: 60_000,
      kill_timeout: 30_000,
      exp_backoff_restart_delay: 100,
    },
  ],
};
