const instances = require('../plumbing/instances.cjs');

/** How PM2 runs billing, on this computer and in its machine. NODE_BINARY: the Node that runs it (>= 22.18). */
module.exports = {
  apps: [
    {
      name: 'billing_app',
      script: 'server.ts',
      cwd: __dirname,
      interpreter: process.env.NODE_BINARY || process.execPath,
      // Headers may be nested as deep as a frame of RabbitMQ is long (131,072 bytes, 26,000 levels), and amqplib's decoder calls itself
      // for each level. In kB; the system's own limit for the stack is 8192.
      // The others: see the gateway's.
      node_args: ['--stack-size=7000', '--expose-gc', '--no-allocation-site-pretenuring', '--max-semi-space-size=8'],
      instances: instances('BILLING_INSTANCES'),
      exec_mode: 'fork', // no port: while it starts anew orders wait in the queue
      merge_logs: true,
      pmx: false, // with PM2's own probe an entry that fails at import would stay "online"
      wait_ready: true,
      listen_timeout: 60_000,
      kill_timeout: 30_000,
      exp_backoff_restart_delay: 100,
    },
  ],
};
