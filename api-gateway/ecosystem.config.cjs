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
      // http-proxy uses util._extend. `--expose-gc`: for one collection after the start (plumbing/lifecycle.ts). The others: so that
      // what a request needs dies young, and in little memory (docs/decisions/young-generation.md).
      node_args: ['--disable-warning=DEP0060', '--expose-gc', '--no-allocation-site-pretenuring', '--max-semi-space-size=8'],
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
