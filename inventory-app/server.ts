// Plain JavaScript in a folder that is no ES module, so that a Node too old for TypeScript gets as far as the sentence.
const { enableCompileCache } = require('node:module');
const { join } = require('node:path');

// Kept from start to start: without it each compiles everything anew, which takes half as long again, and holds more memory.
enableCompileCache?.(join(__dirname, '..', '.local', 'compile-cache'));

const sentence = `Node ${process.versions.node} cannot run TypeScript: this service needs Node 22.18 or newer. npm start, in the folder above, brings one and runs everything on this computer.`;
const started = process.features.typescript
  ? import('./app/service.ts').then(({ run }) => run(process.env))
  : Promise.reject({ stack: sentence });
// As a worker of PM2's cluster mode the process would not end by itself.
started.catch((error) => process.stderr.write(`${error.stack}\n`, () => process.exit(1)));
