import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tracingVariables } from '@crud-master/plumbing/tracing-config';
import { parse } from 'dotenv';
import { afterAll, describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';

interface Machine {
  address: string;
  memory: string;
  forwards?: string;
  scripts: string[];
  keys: string[];
  settings?: Record<string, string>;
}

interface EnvLine {
  text: string;
  values: Record<string, string>;
  faults?: Record<string, string>;
}

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const vagrantfile = read('Vagrantfile');
const { 'every machine': every, ...table } = parseYaml(/<<~TABLE\)\n([\s\S]*?)\nTABLE\n/.exec(vagrantfile)![1]!) as Record<
  string,
  Machine
>;
const machines = Object.fromEntries(
  Object.entries(table).map(([name, machine]) => [name, { ...machine, keys: [...machine.keys, ...every!.keys] }]),
);
const node = parseYaml(/<<~NODE\)\n([\s\S]*?)\nNODE\n/.exec(vagrantfile)![1]!) as Machine & { own: Record<string, string> };
const env = parse(read('.env'));
const scripts = readdirSync(join(root, 'scripts/run/machines')).filter((file) => file.endsWith('.sh'));
const installed = (command: string) => spawnSync(command, ['--version']).status === 0;

const scratch = mkdtempSync(join(tmpdir(), 'machines-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** What people put into passwords, and what .env files then look like. */
const ODD_VALUES = [
  'plain',
  'two words',
  ' spaces around ',
  `it's "quoted"`,
  'back`tick',
  '$HOME $(id) `id` $$ %s',
  'back\\slash\\n stays',
  'hash # no comment',
  'a=b;c&d|e<f>g',
  'p%40ss@host:5432/db?x=y',
  'žluťoučký 電影 🎬',
  '-n --help',
  '*?[a-z]!{1,2}~',
  `all ' three " kinds \` of quotes`,
  "ends with '",
  '"starts" with a word in quotes',
];

describe('the table of machines', () => {
  test('has the three machines of the contract, billing first', () => {
    expect(Object.keys(machines)).toEqual(['billing-vm', 'inventory-vm', 'gateway-vm']);
  });

  test.each(Object.entries(machines))('%s takes its address and its memory from .env', (_name, machine) => {
    for (const key of [machine.address, machine.memory, machine.forwards ?? machine.memory]) expect(env).toHaveProperty(key);
  });

  test.each(Object.entries(machines))('%s has a script for each step, in an order that works', (_name, machine) => {
    const steps = machine.scripts.map((line) => line.split(' ')[0]!);
    for (const step of steps) expect(scripts).toContain(`${step}.sh`);
    const order = [
      'system',
      'settings',
      'nftables',
      'node',
      'pm2',
      'release', // what needs the network, before the servers take a changed password
      'postgresql',
      'rabbitmq',
      'prisma',
      'service',
      'ready',
    ];
    expect(steps).toEqual(order.filter((step) => steps.includes(step)));
  });

  test.each([
    ['billing-vm', 'billing-app'],
    ['inventory-vm', 'inventory-app'],
    ['gateway-vm', 'api-gateway'],
  ])('%s gets every variable that %s reads', (name, service) => {
    const config = read(`${service}/app/config.ts`);
    const variables = [...config.matchAll(/^ {2}([A-Z][A-Z0-9_]+): variable\b/gm)].map(([, variable]) => variable!);
    expect(variables.length).toBeGreaterThan(5);
    expect(machines[name]!.keys).toEqual(expect.arrayContaining([...variables, ...Object.keys(tracingVariables)]));
  });

  test('no password goes to a machine that has no use for it', () => {
    const passwords = Object.entries(machines).map(([name, { keys }]) => [name, keys.filter((key) => key.endsWith('_PASSWORD'))]);
    expect(Object.fromEntries(passwords)).toEqual({
      'billing-vm': ['ORDERS_DB_PASSWORD', 'RABBITMQ_GATEWAY_PASSWORD', 'RABBITMQ_BILLING_PASSWORD', 'RABBITMQ_ADMIN_PASSWORD'],
      'inventory-vm': ['MOVIES_DB_PASSWORD'],
      'gateway-vm': ['RABBITMQ_GATEWAY_PASSWORD'],
    });
  });

  test('no key of .env is forgotten', () => {
    const hostOnly = /^(VAGRANT_|LOCAL_|TOPOLOGY$)|_VM_(IP|MEMORY)$|^NODE_MEMORY$/;
    const given = new Set([...Object.values(machines), node].flatMap(({ keys }) => keys));
    expect(Object.keys(env).filter((key) => !given.has(key) && !hostOnly.test(key))).toEqual([]);
  });

  test('repeats no value of .env', () => {
    const values = Object.entries(env).filter(([key, value]) => value && /_(IP|HOST|PASSWORD|BOX|PORT)$/.test(key));
    const code = vagrantfile.replace("host_ip: '127.0.0.1'", '');
    const repeated = (value: string) => code.split(value).some((before, i, parts) => i + 1 < parts.length && !/\d$/.test(before)); // 35672 is not 5672
    expect(values.filter(([, value]) => repeated(value)).map(([key]) => key)).toEqual([]);
  });
});

describe('the three nodes of TOPOLOGY=cluster', () => {
  const words = node.scripts.map((line) => line.split(' '));
  const steps = words.map(([step]) => step!);

  test('have a script for each step, in an order that works', () => {
    for (const step of steps) expect(scripts).toContain(`${step}.sh`);
    const before = ['system', 'settings', 'nftables', 'node', 'pm2', 'release'];
    const servers = ['etcd', 'patroni', 'broker', 'haproxy', 'databases'];
    expect([...new Set(steps)]).toEqual([...before, ...servers, 'prisma', 'service', 'keepalived', 'ready', 'joined']);
    const started = words.filter(([step]) => step === 'service').map(([, service]) => service);
    expect(started).toEqual(['inventory-app', 'billing-app', 'api-gateway']); // the gateway last: what it needs is there
  });

  test('have all code that the three machines have', () => {
    const released = words.find(([step]) => step === 'release')!.slice(1);
    const single = Object.values(machines).flatMap((machine) => machine.scripts.filter((line) => line.startsWith('release ')));
    expect([...released].sort()).toEqual([...new Set(single.flatMap((line) => line.split(' ').slice(1)))].sort());
  });

  test("let each other's broker answer a tool of RabbitMQ's", () => {
    const rules = node.scripts.find((line) => line.startsWith('nftables '))!;
    expect(rules).toContain(' RABBITMQ_TOOLS_PORT from nodes '); // rabbitmqctl list_queues would wait for ever
    expect(node.own.RABBITMQ_TOOLS_PORT).toBe('35672');
  });

  test('get each setting that one of their scripts needs, or that opens a port', () => {
    const code = ['prelude', ...steps].map((step) => read(`scripts/run/machines/${step}.sh`)).join('\n');
    const needed = [...code.matchAll(/\$\(setting ([A-Z][A-Z0-9_]+)\)|password ([A-Z_]+_PASSWORD)/g)].map(
      ([, ...names]) => names.find(Boolean)!,
    );
    const opened = words.find(([step]) => step === 'nftables')!.filter((word) => word.endsWith('_PORT'));
    const given = [
      ...node.keys,
      ...Object.keys(node.own),
      ...Object.values(machines).flatMap(({ keys }) => keys),
      'NODE',
      'NODE_IP',
    ];
    expect(needed).toContain('POSTGRES_SUPERUSER_PASSWORD');
    expect([...needed, ...opened].filter((name) => !given.includes(name))).toEqual([]);
    for (const key of [node.memory, ...node.keys]) expect(env[key]).toBeTruthy();
  });

  /** What the Vagrantfile hands to each machine, as a Vagrant would hear it that only listens. */
  function handedOver(variables: Record<string, string>): Record<string, { settings: Record<string, string>; begins: boolean }> {
    const listener = `require 'json'
      class Heard
        def initialize(all) = @all = all
        def define(name) = yield(@all[name] = Heard.new({}))
        def provision(step, **) = yield(Step.new(@all, step))
        def trigger = Class.new { def before(*) = nil }.new
        def vm = self
        def to_json(*) = @all.to_json
        def method_missing(*) = nil
      end
      class Step
        def initialize(all, step) = (@all, @step = all, step)
        def env=(variables)
          @all['begins'] = true if @step == 'etcd'
          @all['settings'] = Base64.decode64(variables['MACHINE_SETTINGS']) if variables['MACHINE_SETTINGS']
        end
        def method_missing(*) = nil
      end
      module Vagrant
        module Errors; class VagrantError < StandardError; end; end
        def self.configure(_) = yield(Heard.new(MACHINES))
      end
      MACHINES = {}
      load ARGV[0]
      puts MACHINES.to_json`;
    const output = execFileSync('ruby', ['-e', listener, join(root, 'Vagrantfile')], {
      env: { PATH: process.env.PATH, LANG: 'C.UTF-8', ...variables },
      cwd: tmpdir(),
      stdio: ['ignore', 'pipe', 'ignore'],
      encoding: 'utf8',
    });
    const heard = Object.entries(JSON.parse(output) as Record<string, { settings: string; begins?: boolean }>);
    return Object.fromEntries(heard.map(([name, { settings, begins = false }]) => [name, { settings: parse(settings), begins }]));
  }

  test.runIf(installed('ruby'))('are there instead of the three machines, and know each other', () => {
    expect(Object.keys(handedOver({ TOPOLOGY: 'single' }))).toEqual(Object.keys(machines));
    const nodes = handedOver({ TOPOLOGY: 'cluster', API_GATEWAY_PORT: '3400' });
    expect(Object.keys(nodes)).toEqual(['node-1-vm', 'node-2-vm', 'node-3-vm']);
    const [one, two, three] = [env.NODE_1_IP, env.NODE_2_IP, env.NODE_3_IP];
    expect(nodes['node-2-vm']!.settings).toMatchObject({
      NODE: 'node-2',
      MOVIES_DB_HOST: two,
      RABBITMQ_HOST: `${two},${three},${one}`, // its own first
      CLUSTER_NODES: `${one}:8008,${two}:8008,${three}:8008`,
      POSTGRES_PORT: env.MOVIES_DB_PORT,
      CLIENTS_PORT: '3400',
      API_GATEWAY_PORT: node.own.API_GATEWAY_PORT,
    });
  });

  test.runIf(installed('ruby'))('begin a cluster in the first machine, and only while there is no other', () => {
    const begins = (dotfiles = scratch) =>
      Object.entries(handedOver({ TOPOLOGY: 'cluster', VAGRANT_DOTFILE_PATH: dotfiles }))
        .filter(([, { begins }]) => begins)
        .map(([name]) => name);
    const existing = (name: string) => {
      mkdirSync(join(scratch, 'machines', name, 'virtualbox'), { recursive: true });
      writeFileSync(join(scratch, 'machines', name, 'virtualbox/id'), '1');
    };
    existing('node-1-vm');
    expect(begins()).toEqual(['node-1-vm']);
    existing('node-3-vm');
    expect(begins()).toEqual([]);
    expect(begins(relative(root, scratch))).toEqual([]); // as Vagrant reads it: from the project's folder
  });
});

describe('the scripts', () => {
  test.each(scripts.filter((file) => file !== 'prelude.sh'))(
    '%s is strict and says what it does, why and what it needs',
    (file) => {
      const lines = read(`scripts/run/machines/${file}`).split('\n');
      expect(lines[0]).toBe('#!/usr/bin/env bash');
      const header = lines.slice(1, lines.indexOf('set -euo pipefail'));
      for (const heading of ['# Does:  ', '# Why:   ', '# Needs: ']) {
        expect(header.some((line) => line.startsWith(heading))).toBe(true);
      }
      expect(header.every((line) => line.startsWith('#'))).toBe(true);
    },
  );

  test.each(scripts)('%s never sleeps to wait, and hides no failure of a download', (file) => {
    const code = read(`scripts/run/machines/${file}`);
    expect(code).not.toMatch(/sleep [2-9]|sleep \d\d|curl [^\n]*\|\s*(ba)?sh/);
  });

  test.runIf(installed('shellcheck'))('are clean to shellcheck', () => {
    const { status, stdout } = spawnSync(
      'shellcheck',
      scripts.map((file) => join(root, 'scripts/run/machines', file)),
    );
    expect(String(stdout)).toBe('');
    expect(status).toBe(0);
  });
});

describe('waiting for a unit of systemd', () => {
  /** systemd, its journal and the disk as they may be: the script's own words on them. */
  function wait({
    state,
    restarts = 0,
    journal = '',
    free = 5000,
  }: {
    state: string;
    restarts?: number;
    journal?: string;
    free?: number;
  }) {
    writeFileSync(join(scratch, 'journal'), journal);
    const script = `. "$1/scripts/run/machines/prelude.sh"
      systemctl() { case $3 in ActiveState) echo ${state} ;; NRestarts) echo ${restarts} ;; esac; }
      journalctl() { cat '${join(scratch, 'journal')}'; }
      df() { printf 'Avail\\n %s\\n' ${free}; }
      sleep() { exit 9; } # goes on waiting
      wait_for_unit 900 rabbitmq-server /var/lib/rabbitmq false`;
    const { status, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-c', script, 'test', root], { encoding: 'utf8' });
    return { status, stderr };
  }

  test.each([
    ['it starts', { state: 'activating' }],
    ['it was restarted once', { state: 'activating', restarts: 1 }],
    ['it runs, and was restarted often before', { state: 'active', restarts: 30 }],
  ])('goes on while %s', (_, unit) => {
    expect(wait(unit).status).toBe(9);
  });

  test('gives up when it is restarted again and again, with its own reason and the heading of the manual', () => {
    const journal = 'Starting broker...\nFailed to start Ra log: {wal_checksum_validation_failure,"00000001.wal"}\nbye\n';
    const { status, stderr } = wait({ state: 'activating', restarts: 21, journal });
    expect(status).toBe(1);
    expect(stderr).toContain('rabbitmq-server does not start (systemd: activating, restarted 21 times)');
    expect(stderr).toContain('wal_checksum_validation_failure');
    const heading = /docs\/reliability\.md, "(.*)"/.exec(stderr)![1]!;
    expect(read('docs/reliability.md')).toContain(`\n## ${heading}\n`);
  });

  test.each([
    ['the disk is full', { free: 12 }, 'Only 12 MB are free on the disk of /var/lib/rabbitmq'],
    ['its port is taken', { journal: 'listener failed: eaddrinuse\n' }, 'Its port is taken'],
    ['it says nothing at all', {}, 'does not start'],
  ])('gives up when it failed because %s', (_, change, words) => {
    const { status, stderr } = wait({ state: 'failed', ...change });
    expect(status).toBe(1);
    expect(stderr).toContain(words);
    const heading = /docs\/reliability\.md, "(.*)"/.exec(stderr)![1]!;
    expect(read('docs/reliability.md')).toContain(`\n## ${heading}\n`);
  });
});

describe('odd characters in settings', () => {
  const quoted = (value: string) => {
    const mark = ["'", '`', '"'].find((candidate) => !value.includes(candidate)) ?? "'";
    return `${mark}${value}${mark}`;
  };

  /** What `load_settings` makes of the `.env` in the scratch folder. */
  const inScript = () => {
    const print = `. "$1/scripts/run/machines/prelude.sh"; release=$2; load_settings; for key in \${!KEY_*}; do printf '%s=%s\\0' "$key" "\${!key}"; done`;
    const output = execFileSync('bash', ['-c', print, 'test', root, scratch], { encoding: 'utf8' });
    const pairs = output.split('\0').filter(Boolean);
    return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
  };

  test('a script in the machine reads from its .env what the service reads there', () => {
    const text = ODD_VALUES.map((value, index) => `KEY_${index}=${quoted(value)}\n`).join('');
    writeFileSync(join(scratch, '.env'), text);
    expect(inScript()).toEqual(parse(text));
    expect(inScript()).toEqual(Object.fromEntries(ODD_VALUES.map((value, index) => [`KEY_${index}`, value])));
  });

  const ruby = (code: string, input: string) =>
    execFileSync('ruby', ['-r', join(root, 'scripts/run/machines/env_file.rb'), '-r', 'json', '-e', code], {
      input,
      encoding: 'utf8',
    });

  test.runIf(installed('ruby'))('the Vagrantfile reads .env as dotenv does', () => {
    const text = [
      read('.env'),
      ...ODD_VALUES.map((value, index) => `RAW_${index}=${value}`),
      ...ODD_VALUES.map((value, index) => `export QUOTED_${index} = ${quoted(value)} # a comment`),
      'EMPTY=',
      'COLON: value',
      "SINGLE='a\\nb'",
      'DOUBLE="a\\nb"',
      'MULTI="one\ntwo"',
      '  INDENTED=yes  ',
      'not a line',
      'TWICE=first',
      'TWICE=second',
    ].join('\n');
    const output = ruby(`puts JSON.generate(EnvFile.parse($stdin.set_encoding('UTF-8').read))`, text);
    expect(JSON.parse(output)).toEqual(parse(text));
  });

  test.runIf(installed('ruby'))(
    'the Vagrantfile reads every odd line as the services do, and says the same of a faulty one',
    () => {
      const lines: EnvLine[] = JSON.parse(read('plumbing/test/env-lines.json'));
      const texts = JSON.stringify(lines.map(({ text }) => text));
      const code = `puts JSON.generate(JSON.parse($stdin.read).map { |text| [EnvFile.parse(text), EnvFile.faults(text)] })`;
      const expected = lines.map(({ values, faults = {} }) => [values, faults]);
      expect(JSON.parse(ruby(code, texts))).toEqual(expected);
    },
  );

  test.runIf(installed('ruby'))('a script in the machine gets the value that the Vagrantfile read, whatever the line', () => {
    const lines: EnvLine[] = JSON.parse(read('plumbing/test/env-lines.json'));
    const values = Object.fromEntries(
      lines.flatMap(({ values }, line) => Object.entries(values).map(([key, value]) => [`KEY_${line}_${key}`, value])),
    );
    writeFileSync(join(scratch, '.env'), ruby(`puts EnvFile.render(JSON.parse($stdin.read))`, JSON.stringify(values)));
    expect(inScript()).toEqual(values);
  });

  test.runIf(installed('ruby'))('what the Vagrantfile hands to a machine, the service reads unchanged', () => {
    const values = Object.fromEntries(ODD_VALUES.map((value, index) => [`KEY_${index}`, value]));
    const text = ruby(`puts EnvFile.render(JSON.parse($stdin.set_encoding('UTF-8').read))`, JSON.stringify(values));
    expect(parse(text)).toEqual(values);
  });
});

test.runIf(installed('vagrant'))('Vagrant accepts the Vagrantfile', { timeout: 120_000 }, () => {
  const { status, stdout, stderr } = spawnSync('vagrant', ['validate', '--ignore-provider'], { cwd: root, encoding: 'utf8' });
  expect(stdout + stderr).toContain('validated successfully');
  expect(status).toBe(0);
});
