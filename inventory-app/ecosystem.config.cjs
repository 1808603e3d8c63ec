const instances = require('../plumbing/instances.cjs');

/**
 * How PM2 runs the inventory, on this computer and in its machine. In cluster mode `pm2 reload` starts the new process before it stops
 * the old one; both are run by the Node that PM2's daemon runs on (>= 22.18).
 */
module.exports = {
  apps: [
    {
      name: 'inventory_app',
      script: 'server.ts',
      cwd: __dirname,
      interpreter: process.execPath, // not used, but without it PM2 looks for one that runs .ts
      // See the gateway's. Without the last V8 lets garbage grow by 100 MB while a long list is read, though a page of it is all that is alive.
      node_args: ['--expose-gc', '--no-allocation-site-pretenuring', '--max-semi-space-size=4', '--max-old-space-size=384'],
      instances: instances('INVENTORY_INSTANCES'),
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
