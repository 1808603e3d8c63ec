/**
 * Measures the product beside its peers and writes docs/benchmarks.md, or beside another revision of itself.
 *
 *     npm run bench -- [--quick] [--only QUESTION,...] [--minutes MINUTES] [--compare REVISION]
 *
 *     --quick      fewer starts, less load; profile, prisma, instances and traces not at all: in three minutes. Prints the figures, and leaves docs/benchmarks.md alone
 *     --only       gateway, orders, backlog, inventory, profile, prisma, growth, instances, traces, start, memory
 *     --minutes    of load before memory is read (1)
 *     --compare    this checkout beside that tag, branch or commit: film, order, backlog, film by id, film created, search, list
 */
import { parseArgs } from 'node:util';
import { checkout } from '../../run/checkout.mjs';
import { withLock } from '../../run/servers/lock.mjs';
import { deleteApp } from '../../run/servers/pm2/apps.ts';
import { services } from '../../run/stack/services.ts';
import { stopStack } from '../../run/stack/stack.ts';
import { runCommand } from '../../run/terminal/command.ts';
import { Failure } from '../../run/terminal/failure.mjs';
import { createReport } from '../../run/terminal/report.ts';
import { compare } from './compare.ts';
import { type LoopbackCost, loopbackCost } from './load/loopback.ts';
import { installPeers } from './peers.ts';
import { benchHome } from './processes.ts';
import type { Bench, Question } from './question.ts';
import { backlog } from './questions/backlog.ts';
import { gateway } from './questions/gateway.ts';
import { growth } from './questions/growth.ts';
import { instances } from './questions/instances.ts';
import { inventory } from './questions/inventory.ts';
import { memory } from './questions/memory.ts';
import { orders } from './questions/orders.ts';
import { prisma } from './questions/prisma.ts';
import { profile } from './questions/profile.ts';
import { start } from './questions/start.ts';
import { traces } from './questions/traces.ts';
import { markdownTable } from './report/markdown.ts';
import { hostNote, loopbackText, targetTable, writePage } from './report/page.ts';
import { type Record, recordOf, savedRecord, saveRecord } from './report/results.ts';
import { savedRuns } from './report/runs.ts';
import { startRevision, stopRevision } from './revision.ts';
import { startOwnStack } from './stack.ts';

/** `start` and `memory` come last: they need the whole stack, which the others do without. */
const questions: Question[] = [gateway, orders, backlog, inventory, profile, prisma, growth, instances, traces, start, memory];

async function bench({ quick, minutes, asked, revision }: ReturnType<typeof readArguments>): Promise<number> {
  const began = performance.now();
  installPeers(console.log);
  const loopback = await loopbackCost();
  console.log(loopbackText(loopback));
  const report = createReport();
  try {
    const environment = await startOwnStack(benchHome, report);
    // Each question starts what it measures; billing would take the orders away.
    for (const { name } of services) await deleteApp(benchHome, name);
    const ours = { name: 'this checkout', checkout, home: benchHome, environment };
    const bench: Bench = { quick, minutes, ours, say: (text) => console.log(`  ${text}`) };
    if (revision) await compareWith(revision, bench, asked);
    else await askAll(asked, bench, loopback);
  } finally {
    await stopStack(benchHome, report);
  }
  console.log(`${Math.round((performance.now() - began) / 1000)} s.`);
  return 0;
}

async function compareWith(revision: string, bench: Bench, asked: Question[]): Promise<void> {
  const other = await startRevision(revision, console.log);
  try {
    await compare(bench, other, asked);
  } finally {
    stopRevision(other);
  }
}

async function askAll(asked: Question[], bench: Bench, loopback: LoopbackCost): Promise<void> {
  const records: Record[] = [];
  for (const { name, ask } of asked) {
    console.log(`\n${name}`);
    const began = performance.now();
    const record = recordOf(name, await ask(bench), loopback);
    records.push(record);
    if (!bench.quick) saveRecord(record);
    console.log(`\n${record.title} (${Math.round((performance.now() - began) / 1000)} s)\n\n${record.method}\n`);
    for (const table of record.tables) console.log(`${markdownTable(table)}\n`);
  }
  console.log(`Targets\n\n${targetTable(records)}\n\n${hostNote(records.flatMap(({ targets }) => targets))}\n`);
  if (bench.quick) return;
  const saved = questions.map(({ name }) => savedRecord(name)).filter((record) => record !== undefined);
  if (saved.length === questions.length) {
    writePage(saved, savedRuns());
    console.log('Written to docs/benchmarks.md.');
  } else console.log('docs/benchmarks.md is left as it is: it is written once every question has been asked here.');
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      minutes: { type: 'string', default: '1' },
      compare: { type: 'string' },
    },
  });
  const names = questions.filter(({ works }) => !values.compare || works).map(({ name }) => name);
  const usual = names.filter((name) => !values.quick || !questions.find((question) => question.name === name)!.takesLong);
  const only = values.only?.split(',') ?? usual;
  if (!only.every((name) => names.includes(name))) throw new Failure(`--only takes some of: ${names.join(',')}.`);
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new Failure('--minutes takes how long the load lasts before memory is read: 10.');
  return {
    quick: values.quick,
    minutes,
    revision: values.compare,
    asked: questions.filter(({ name }) => only.includes(name)),
  };
}

await runCommand(() => {
  const asked = readArguments();
  const wait = (holder: string) => console.log(`Another benchmark runs: waiting for process ${holder}`);
  return withLock(`${benchHome}.lock`, () => bench(asked), wait);
});
