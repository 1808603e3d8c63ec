/**
 * Measures the product beside its peers and writes docs/benchmarks.md.
 *
 *     npm run bench -- [--quick] [--only QUESTION,...]
 */
import { parseArgs } from 'node:util';
import { withLock } from '../../run/servers/lock.mjs';
import { deleteApp } from '../../run/servers/pm2/apps.ts';
import { services } from '../../run/stack/services.ts';
import { stopStack } from '../../run/stack/stack.ts';
import { runCommand } from '../../run/terminal/command.ts';
import { Failure } from '../../run/terminal/failure.mjs';
import { createReport } from '../../run/terminal/report.ts';
import { benchHome } from './contender.ts';
import { installPeers } from './peers.ts';
import type { Question } from './question.ts';
import { backlog } from './questions/backlog.ts';
import { gateway } from './questions/gateway.ts';
import { growth } from './questions/growth.ts';
import { inventory } from './questions/inventory.ts';
import { orders } from './questions/orders.ts';
import { prisma } from './questions/prisma.ts';
import { start } from './questions/start.ts';
import { markdownTable, savedResult, saveResult, targetTable, writeDocuments } from './results.ts';
import { startOwnStack } from './stack.ts';

/** `start` comes last: it stops the stack. */
const questions: Question[] = [gateway, orders, backlog, inventory, prisma, growth, start];

async function bench(): Promise<number> {
  const { quick, asked } = readArguments();
  const began = performance.now();
  installPeers(console.log);
  const report = createReport();
  try {
    const environment = await startOwnStack(benchHome, report);
    // Each question starts what it measures; billing would take the orders away.
    for (const { name } of services) await deleteApp(benchHome, name);
    for (const { name, ask } of asked) {
      console.log(`\n${name}`);
      const result = await ask({ quick, environment, say: (text) => console.log(`  ${text}`) });
      saveResult(name, result, quick);
      console.log(`\n${result.title}\n\n${result.method}\n`);
      for (const table of result.tables) console.log(`${markdownTable(table)}\n`);
    }
  } finally {
    await stopStack(benchHome, report);
  }
  const records = questions.map(({ name }) => savedResult(name));
  const measuredNow = records.filter((record) => record && asked.some(({ name }) => name === record.question));
  console.log(`\nTargets\n\n${targetTable(measuredNow as NonNullable<(typeof records)[number]>[])}\n`);
  if (records.every((record) => record !== undefined)) {
    writeDocuments(records);
    console.log('Written to docs/benchmarks.md.');
  } else console.log('docs/benchmarks.md is left as it is: it is written once every question has been asked here.');
  console.log(`${Math.round((performance.now() - began) / 1000)} s.`);
  return 0;
}

function readArguments() {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } },
  });
  const names = questions.map(({ name }) => name);
  const only = values.only?.split(',') ?? names;
  if (!only.every((name) => names.includes(name))) throw new Failure(`--only takes some of: ${names.join(',')}.`);
  const asked = questions.filter(({ name }) => only.includes(name));
  return { quick: values.quick, asked };
}

await runCommand(() =>
  withLock(`${benchHome}.lock`, bench, (holder) => console.log(`Another benchmark runs: waiting for process ${holder}`)),
);
