import { databases } from '../servers/migrations.ts';
import { completeApp, deleteApp, isDown, isOnline, reloadApp, startApp } from '../servers/pm2/apps.ts';
import { findDaemon, startDaemon, stopDaemon } from '../servers/pm2/daemon.ts';
import { Failure } from '../terminal/failure.mjs';
import type { Report } from '../terminal/report.ts';
import type { Environment } from './environment.ts';
import { othersTake } from './readiness.ts';
import { isUp, type Running } from './running.ts';
import { settleAll } from './server-start.ts';
import { environmentAfter, environmentOf, instancesOf, outdated, type Service, services } from './services.ts';
import { failsToStart } from './start-watch.ts';

/** Sees to it that PM2's daemon runs. One that runs nothing may be anybody's, on a Node that cannot run the services. */
export async function ensureDaemon(home: string, { apps }: Running, report: Report): Promise<void> {
  if (![...apps.values()].flat().some(isOnline)) {
    await stopDaemon(home);
    apps.clear();
  }
  if (findDaemon(home) === undefined) await report.step('PM2', () => startDaemon(home));
}

/** Starts what is down of those services. Gives their number. */
export async function startDown(
  home: string,
  names: readonly string[],
  environment: Environment,
  running: Running,
  report: Report,
): Promise<number> {
  const down = services.filter(({ name }) => names.includes(name) && !isUp(running, name));
  await settleAll(down.map((service) => startService(home, service, environment, running, report)));
  return down.length;
}

/** Starts anew what runs with old code or settings, and what is missing of its processes. Gives the number of services that were started. */
export async function renewServices(home: string, environment: Environment, running: Running, report: Report): Promise<number> {
  const { apps } = running;
  let started = 0;
  // What takes work in comes last: it needs what the others are by then.
  for (const service of services.filter(({ name }) => isUp(running, name)).toReversed()) {
    const processes = apps.get(service.name)!;
    const old = processes.map((app) => outdated(service, app, environment)).find((reason) => reason !== undefined);
    const instances = instancesOf(service, environment);
    if (old) {
      report.note(`${service.name} runs with old ${old}: it finishes what it has in hand and starts anew`);
      await startService(home, service, environment, running, report);
    } else if (processes.length !== instances || processes.some(isDown)) {
      await report.step(service.name, () => completeApp(home, service.name, instances));
    } else continue;
    started++;
  }
  return started;
}

/** Starts a service, beside its running process where that is possible, and gives up as soon as another program has its port. */
function startService(home: string, service: Service, environment: Environment, running: Running, report: Report): Promise<void> {
  const { workspace, name, port } = service;
  const known = running.apps.get(name)?.[0];
  const beside = isUp(running, name) && known?.reloadable ? known : undefined;
  return report.step(name, async (detail) => {
    if (port) detail(`127.0.0.1:${environment[port]}`);
    if (known && !beside) await deleteApp(home, name);
    const control = new AbortController();
    const failing = failsToStart(home, name, control.signal);
    const starting = beside
      ? reloadApp(
          home,
          { workspace, name, instances: instancesOf(service, environment) },
          environmentAfter(service, beside, environment),
          control.signal,
        )
      : startApp(home, workspace, environmentOf(service, environment), control.signal);
    const taken = port && othersTake(home, name, port, Number(environment[port]), control.signal);
    const problem = await Promise.race([starting.then(() => ''), failing, ...(taken ? [taken] : [])]).finally(() =>
      control.abort(),
    );
    if (!problem) return;
    await starting.catch(() => {});
    // PM2 cannot take a reload back: it would no longer show the old process, and run it all the same.
    if (beside && problem === (await failing)) throw new Failure(`${problem} The old one runs for a minute more.`);
    await deleteApp(home, name); // it would go on trying
    throw new Failure(problem);
  });
}

/** A running service must not meet tables that have just become another role's. */
export async function stopFormerOwners(home: string, environment: Environment, { apps }: Running, report: Report): Promise<void> {
  for (const { app, prefix } of databases) {
    const { name } = services.find(({ workspace }) => workspace === app)!;
    const running = apps.get(name)?.[0];
    const key = `${prefix}_USER`;
    if (!running || running.environment[key] === environment[key]) continue;
    report.note(`${key} is ${environment[key]} now, and was ${running.environment[key]}: the tables become that role's`);
    await report.step(`Stop ${name}`, () => deleteApp(home, name));
    apps.delete(name);
  }
}
