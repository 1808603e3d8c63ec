// Plain JavaScript in a folder that is no ES module, so that a Node too old for TypeScript gets as far as the sentence.
if (process.features.typescript) import('./app/service.ts').then(({ run }) => run(process.env));
else {
  console.error(
    `Node ${process.versions.node} cannot run TypeScript: this service needs Node 22.18 or newer. npm start, in the folder above, brings one and runs everything on this computer.`,
  );
  process.exitCode = 1;
}
