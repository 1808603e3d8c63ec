import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';

/** An entry of package-lock.json, as npm documents it (package-lock.json, "packages"). */
interface Entry {
  dev?: boolean;
  optional?: boolean;
  devOptional?: boolean;
  link?: boolean;
  resolved?: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
}

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const script = read('scripts/run/machines/release.sh');
const entries: Record<string, Entry> = JSON.parse(read('package-lock.json')).packages;
const table: Record<string, { scripts?: string[] }> = parseYaml(/<<~TABLE\)\n([\s\S]*?)\nTABLE\n/.exec(read('Vagrantfile'))![1]!);

/** For each machine, the arguments of its `release`: the service, and what else is copied. */
const releases = Object.values(table)
  .flatMap(({ scripts = [] }) => scripts)
  .filter((line) => line.startsWith('release '))
  .map((line) => line.split(' ').slice(1));
const workspaces: string[] = JSON.parse(read('package.json')).workspaces;
const manifest = (workspace: string) => JSON.parse(read(`${workspace}/package.json`));
const nameOf = (workspace: string): string => manifest(workspace).name;

// biome-ignore lint/suspicious/noTemplateCurlyInString: bash
const INSTALL = 'npm ci "${workspaces[@]}" --omit dev --omit optional';

/** What that puts into node_modules. `devOptional` is what a development package needs, or else only an optional one. */
function installed(service: string): Set<string> {
  const found = new Set<string>();
  const visit = (path: string) => {
    const entry = entries[path]!;
    if (found.has(path) || entry.dev || entry.optional || entry.devOptional) return;
    found.add(path);
    if (entry.link) return visit(entry.resolved!);
    for (const name of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies, ...entry.peerDependencies })) {
      const dependency = resolved(path, name);
      if (dependency) visit(dependency);
    }
  };
  visit(service);
  return new Set([...found].filter((path) => path.startsWith('node_modules/')).map((path) => path.slice('node_modules/'.length)));
}

/** Where Node finds a package from a folder: in the nearest node_modules above it. */
function resolved(from: string, name: string): string | undefined {
  const path = join(from, 'node_modules', name);
  if (path in entries) return path;
  return from ? resolved(from.slice(0, Math.max(from.lastIndexOf('/node_modules/'), 0)), name) : undefined;
}

/** The files that `release` copies into a machine. */
function copied(release: string[]): string[] {
  const lists = script.match(/^(manifests|code)=.*$/gm)!.join('\n');
  const code = execFileSync('bash', ['-c', `${lists}\nprintf '%s\\n' "\${code[@]}"`, 'release', ...release], {
    cwd: root,
    encoding: 'utf8',
  });
  return code
    .trim()
    .split('\n')
    .flatMap((path) => [path, ...sources(path)]);
}

const sources = (folder: string) =>
  globSync(`${folder}/**/*.{ts,mts,mjs,js}`, { cwd: root }).filter((file) => !/\/(test|generated)\//.test(file));

/** What a file needs when it runs: types are gone by then. */
function imports(file: string): string[] {
  if (!/\.(ts|mts|mjs)$/.test(file)) return [];
  const statements =
    /^(?:import|export)(?! type\b)(?:[^'";]*? from)? '([^'$]+)'|\b(?:import|import\.meta\.resolve)\('([^'$]+)'|\)\.resolve\('([^'$]+)'/gm;
  return [...read(file).matchAll(statements)]
    .map(([, ...names]) => names.find(Boolean)!)
    .filter((name) => !name.startsWith('node:'));
}

/** The files that a file cannot be loaded without. What a dynamic import names, a machine may lack. */
function fileImports(file: string): string[] {
  const names = imports(file).filter((name) => name.startsWith('.') && !read(file).includes(`import('${name}')`));
  return names.map((name) => join(dirname(file), name)).filter((name) => !name.includes('/generated/'));
}

const packageOf = (specifier: string) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
const packagesOf = (files: string[]) =>
  [
    ...new Set(
      files
        .flatMap(imports)
        .filter((name) => !name.startsWith('.'))
        .map(packageOf),
    ),
  ].sort();

describe.each(releases.map((release) => ({ service: release[0]!, release })))(
  'the release of $service',
  ({ service, release }) => {
    const packages = installed(service);
    const files = copied(release);

    test('has each package and each file that its code imports', () => {
      const missing = packagesOf(files).filter((name) => !packages.has(name));
      expect(packagesOf(files).length).toBeGreaterThan(5);
      expect(missing).toEqual([]);
      expect(files.flatMap(fileImports).filter((file) => !files.includes(file))).toEqual([]);
    });

    test('has the workspaces that the service is built on, and no other', () => {
      const used = workspaces.filter((workspace) => workspace === service || packages.has(nameOf(workspace)));
      expect(workspaces.filter((workspace) => files.includes(workspace))).toEqual(used);
    });
  },
);

test('what is computed here is what the script installs', () => {
  expect(script).toContain(INSTALL);
});

test.each([
  ['api-gateway', /^(pg|prisma|@prisma\/.*|@crud-master\/schema-engine)$/],
  ['inventory-app', /^(amqplib|rascal|koa-proxies|http-proxy|undici|typescript|@crud-master\/messaging)$/],
  ['billing-app', /^(koa|koa-proxies|@koa\/.*|http-proxy|undici|typescript)$/],
])('%s gets no package that only other services use', (service, foreign) => {
  expect([...installed(service)].filter((name) => foreign.test(name))).toEqual([]);
});

/** Packages that no file imports, and why they are needed. */
const UNIMPORTED = new Set([
  'prisma', // the command line that applies migrations
  '@prisma/client', // the generated client imports it
]);

test.each(workspaces)('%s declares the packages that it imports, and no other', (workspace) => {
  const declared = Object.keys(manifest(workspace).dependencies);
  expect(declared.filter((name) => !UNIMPORTED.has(name)).sort()).toEqual(
    packagesOf(sources(workspace)).filter((name) => !UNIMPORTED.has(name)),
  );
});

test('each package that a script or a test imports is declared at the root or in a workspace', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json'));
  const declared = new Set(
    [dependencies, devDependencies, ...workspaces.map((workspace) => manifest(workspace).dependencies)].flatMap(Object.keys),
  );
  const files = globSync(['scripts/**/*.{ts,mts,mjs}', ...workspaces.map((workspace) => `${workspace}/test/**/*.ts`)], {
    cwd: root,
    exclude: ['**/node_modules'], // the benchmark's peers have theirs
  });
  expect(
    packagesOf(files).filter((name) => !declared.has(name) && !workspaces.some((workspace) => nameOf(workspace) === name)),
  ).toEqual([]);
});
