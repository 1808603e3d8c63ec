/** How PM2 runs the gateway, on this computer and in its machine. NODE_BINARY: the Node that runs it (>= 22.18). */
module.exports = {
  apps: [
    {
      name: 'api_gateway',
      script: 'server.ts',
      cwd: __dirname,
      interpreter: process.env.NODE_BINARY || process.execPath,
      node_args: ['--disable-warning=DEP0060'], // http-proxy uses util._extend
      exec_mode: 'fork', // cluster mode ignores `interpreter`
      pmx: false, // with PM2's own probe an entry that fails at import would stay "online"
      wait_ready: true,
      listen_timeout: 60_000,
      kill_timeout: 30_000,
      exp_backoff_restart_delay: 100,
    },
  ],
};
