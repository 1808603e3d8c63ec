import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createTestStack } from '../../scripts/prove/tests/services.ts';
import { startService } from '../../scripts/prove/tests/stack.ts';
import { checkout } from '../../scripts/run/checkout.mjs';
import { anyFreePort } from '../../scripts/run/servers/ports.ts';
import { endProcess, waitFor } from '../../scripts/run/servers/process.ts';
import { withOperator } from '../../scripts/run/servers/rabbitmq/operator.ts';
import { Relay } from '../../scripts/run/servers/relay.ts';
import { PatroniStandIn, PRIMARY, SYNCHRONOUS } from './harness/patroni.ts';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
if (!existsSync(CHROMIUM))
  console.log(`The live page is not tested: there is no ${CHROMIUM}. Debian has it: apt-get install chromium`);
/** The second: else Chromium itself keeps other sites from this computer, and it is the page's own guard that is tested. */
const ARGUMENTS = ['--no-sandbox', '--disable-features=LocalNetworkAccessChecks'];
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SENTENCE = 'nobody consumes: billing_app is stopped.';
/** Written only when asked (SCREENSHOTS=1): the picture of the README. */
const pictures = process.env.SCREENSHOTS && join(checkout, 'docs', 'live-page');

let env: Record<string, string>;
let url: string;
let browser: Browser;
/** Between the gateway and the broker, which other tests use too. */
let relay: Relay;
const children: Record<string, ChildProcess> = {};

describe.skipIf(!existsSync(CHROMIUM))('The live page in a browser', () => {
  beforeAll(async () => {
    env = {
      ...(await createTestStack()),
      API_GATEWAY_LISTEN_HOST: '127.0.0.1',
      LIVE_PAGE_HISTORY: mkdtempSync(join(tmpdir(), 'live-')),
    };
    relay = await Relay.listen(() => Number(env.RABBITMQ_PORT));
    for (const app of ['inventory-app', 'billing-app']) start(app);
    children['api-gateway'] = startService('api-gateway', { ...env, RABBITMQ_PORT: String(relay.port) });
    url = `http://127.0.0.1:${env.API_GATEWAY_PORT}/`;
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
    await gatewayReady();
  });
  afterAll(async () => {
    await browser?.close();
    await Promise.all(Object.keys(children).map(stop));
    await relay?.close();
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
  });

  const gatewayReady = async () => {
    const answers = () =>
      fetch(`${url}readyz`).then(
        ({ ok }) => ok,
        () => false,
      );
    expect(await waitFor(30_000, answers)).toBe(true);
  };
  const start = (app: string) => {
    children[app] = startService(app, env);
  };
  const stop = (app: string) => endProcess(children[app]!.pid!, 'SIGTERM', 30_000);

  /** The page, and what went wrong on it: scripts that failed, rules that were broken, requests to elsewhere. */
  async function open(options: BrowserContextOptions = {}, at = url): Promise<{ page: Page; faults: string[] }> {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const faults: string[] = [];
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
    page.on('pageerror', ({ message }) => faults.push(message));
    page.on(
      'request',
      (request) => !request.url().startsWith(at) && !request.url().startsWith('data:') && faults.push(request.url()),
    );
    await page.goto(at);
    return { page, faults };
  }
  const summary = (page: Page) => page.locator('#summary').textContent();
  const queue = async (page: Page) => Number(await page.locator('#queue dd').first().textContent());
  const order = () =>
    fetch(`${url}api/billing`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{"user_id":1,"number_of_items":1,"total_amount":1}',
    });

  test('says that nobody consumes, shows how the queue fills, and how it drains', async () => {
    const { page, faults } = await open({ viewport: { width: 1200, height: 720 } });
    await expect.poll(() => summary(page)).toBe('All parts work.');
    await stop('billing-app');
    await expect.poll(() => summary(page)).toBe(SENTENCE);
    for (let n = 0; n < 30; n++) expect((await order()).status).toBe(200);
    await expect.poll(() => queue(page)).toBe(30);
    await expect.poll(() => page.locator('#picture .fill').nth(4).getAttribute('width')).not.toBe('0');
    await picture(page, 'billing-stopped');
    start('billing-app');
    await expect.poll(() => queue(page)).toBe(0);
    await expect.poll(() => summary(page)).toBe('All parts work.');
    expect(faults).toEqual([]);
  });

  test('says within two seconds that inventory is away, and that it is back', async () => {
    const { page } = await open();
    await expect.poll(() => summary(page)).toBe('All parts work.');
    await stop('inventory-app');
    await expect.poll(() => summary(page), { timeout: 5000 }).toContain('Inventory cannot be reached');
    start('inventory-app');
    await expect.poll(() => summary(page)).toBe('All parts work.');
  });

  test('says within two seconds that the broker is frozen, before an order notices', async () => {
    const { page } = await open();
    await expect.poll(() => summary(page)).toBe('All parts work.');
    relay.begin('black-hole');
    await expect.poll(() => summary(page), { timeout: 5000 }).toContain('RabbitMQ does not answer');
    expect((await fetch(`${url}api/movies`)).status).toBe(200);
    relay.heal();
    await expect.poll(() => summary(page)).toBe('All parts work.');
  });

  test('adds a film, finds it, page by page, and shows each request as curl', async () => {
    const { page, faults } = await open();
    const form = (id: string) => page.locator(`#${id}`);
    for (const title of ["It's one", "It's two"]) {
      await form('film').getByLabel('Title').fill(title);
      await form('film').getByRole('button', { name: 'Add it' }).click();
      await expect.poll(() => page.locator('#answer').textContent()).toMatch(/^201 Created[\s\S]*It's (one|two)/);
      expect(await page.locator('#request').textContent()).toContain(`-d '{"title":"It'\\''s`);
    }
    await form('search').getByLabel('Title contains').fill("it's");
    await form('search').getByLabel('Films on a page').fill('1');
    await form('search').getByRole('button', { name: 'Search' }).click();
    await expect.poll(() => page.locator('#answer').textContent()).toContain("It's one");
    await form('search').getByRole('button', { name: 'Next page' }).click();
    await expect.poll(() => page.locator('#answer').textContent()).toContain("It's two");
    await expect.poll(() => form('search').getByRole('button', { name: 'Next page' }).isDisabled()).toBe(true);
    expect(faults).toEqual([]);
  });

  test('posts an order with a key, by the keyboard alone', async () => {
    const { page } = await open();
    await page.locator('#order').getByLabel('Idempotency-Key').focus();
    await page.keyboard.type('a-key-of-mine');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator('#answer').textContent()).toMatch(/^200 OK[\s\S]*Message posted/);
    expect(await page.locator('#request').textContent()).toContain("-H 'Idempotency-Key: a-key-of-mine'");
    await expect
      .poll(() => page.locator('#followed').textContent())
      .toMatch(/^The order is stored, \d+\.\d s after the answer\.$/);
  });

  test('follows an order from the queue into the table', async () => {
    const { page, faults } = await open();
    await stop('billing-app');
    await page.locator('#order').getByRole('button', { name: 'Order' }).click();
    await expect.poll(() => page.locator('#followed').textContent()).toContain('waits');
    start('billing-app');
    await expect.poll(() => page.locator('#followed').textContent()).toContain('is stored');
    expect(faults.filter((fault) => !fault.includes('503'))).toEqual([]);
  });

  test('shows why the newest dead letters are there, and of which kinds', async () => {
    const { page } = await open();
    await withOperator(env, async (channel) => {
      channel.publish('billing', env.BILLING_QUEUE!, Buffer.from('{"user_id": 0}'), { persistent: true });
      await channel.waitForConfirms();
    });
    await expect.poll(() => page.locator('#letters tr').first().textContent()).toContain('user_id must be a whole number');
    await expect.poll(() => page.locator('#parked').textContent()).toBe('not-an-order1');
    await expect.poll(() => page.locator('#queue dd').last().textContent()).toBe('1');
  });

  test('shows a day, after a restart of the gateway too', async () => {
    const { page, faults } = await open();
    const dayOf = async () => (await (await fetch(`${url}live/day`)).json()) as { orders: (number | null)[] };
    const sum = async () => (await dayOf()).orders.reduce<number>((total, value) => total + (value ?? 0) * 10, 0);
    await expect.poll(sum).toBeGreaterThan(30); // of the tests before, once their ten seconds are over
    const before = Math.round(await sum());
    await stop('api-gateway');
    children['api-gateway'] = startService('api-gateway', { ...env, RABBITMQ_PORT: String(relay.port) });
    await gatewayReady();
    expect(Math.round(await sum())).toBeGreaterThanOrEqual(before);
    await page.getByLabel('the last day').check();
    await page.locator('details summary').click();
    await expect
      .poll(async () => Number(await page.locator('#minutes tr td').nth(2).textContent()))
      .toBeGreaterThanOrEqual(before);
    expect(faults.filter((fault) => !/ERR_|Failed to load/.test(fault))).toEqual([]);
  });

  test.each([
    ['light', 1200],
    ['dark', 1200],
    ['light', 360],
  ] as const)('has no fault of accessibility that axe knows, and fits, in %s at %s pixels', async (colorScheme, width) => {
    const { page, faults } = await open({ colorScheme, viewport: { width, height: 800 }, reducedMotion: 'reduce' });
    await expect.poll(() => summary(page)).toBe('All parts work.');
    await page.locator('#search').getByRole('button', { name: 'Search' }).click();
    await expect.poll(() => page.locator('#answer').textContent()).toContain('200 OK');
    await page.locator('details summary').click();
    const found = await violations(page);
    expect(found).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    expect(faults).toEqual([]);
  });

  test('of several nodes says which one leads and which one is down, to everybody', async () => {
    const patronis = await Promise.all([PRIMARY, SYNCHRONOUS].map((answer) => PatroniStandIn.listen(answer)));
    const hosts = ['127.0.0.1', 'localhost'];
    const port = String(await anyFreePort());
    const child = startService('api-gateway', {
      ...env,
      API_GATEWAY_PORT: port,
      API_GATEWAY_METRICS_PORT: '',
      RABBITMQ_HOST: hosts.join(),
      CLUSTER_NODES: hosts.map((host, i) => `${host}:${patronis[i]!.port}`).join(),
    });
    const at = `http://127.0.0.1:${port}/`;
    onTestFinished(async () => {
      await endProcess(child.pid!, 'SIGTERM', 30_000);
      for (const patroni of patronis) patroni.close();
    });
    expect(
      await waitFor(30_000, () =>
        fetch(`${at}readyz`).then(
          ({ ok }) => ok,
          () => false,
        ),
      ),
    ).toBe(true);

    const narrow = await open({ colorScheme: 'dark', viewport: { width: 360, height: 800 } }, at);
    const row = (page: Page, number: number) => page.locator('#nodes tr').nth(number).locator('th, td').allTextContents();
    await expect.poll(() => row(narrow.page, 0)).toEqual(['node-1', "up, this gateway's orders go through it", 'primary']);
    expect(await violations(narrow.page)).toEqual([]);
    patronis[1]!.answer = undefined;
    await expect.poll(() => summary(narrow.page), { timeout: 5000 }).toContain('the primary has no synchronous standby');
    expect((await row(narrow.page, 1))[2]).toMatch(/^down since .* UTC: does not answer$/);
    expect(await narrow.page.locator('#nodes td.down').count()).toBe(1);
    expect(await narrow.page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    expect(narrow.faults).toEqual([]);
    const { page } = await open({ javaScriptEnabled: false }, at);
    expect(await page.locator('#nodes th').allTextContents()).toEqual(['node-1', 'node-2']);
  });

  test('without JavaScript is a table of the parts', async () => {
    const { page } = await open({ javaScriptEnabled: false });
    expect(await page.locator('#parts th').allTextContents()).toEqual([
      'Gateway',
      'Inventory',
      'movies_db',
      'RabbitMQ',
      'Billing',
      'orders_db',
    ]);
    expect(await page.locator('form').first().isVisible()).toBe(false);
  });

  test('cannot be framed by another page, nor listened to', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.route('http://localhost:9/', (route) =>
      route.fulfill({
        contentType: 'text/html',
        body: `<iframe src="${url}readyz"></iframe><iframe src="${url}"></iframe>`,
      }),
    );
    await page.goto('http://localhost:9/'); // another site, on this computer
    await expect
      .poll(() => page.frames().map((frame) => frame.url()))
      .toEqual([
        'http://localhost:9/',
        `${url}readyz`, // may be framed: so a frame is possible at all
        'chrome-error://chromewebdata/',
      ]);
    const listened = await page.evaluate(
      `new Promise((resolve) => { const events = new EventSource('${url}live/events'); events.onopen = () => resolve(true); events.onerror = () => resolve(false); })`,
    );
    expect(listened).toBe(false);
  });

  test('The reference shows every operation, and tries one against this gateway', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    const faults: string[] = [];
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
    page.on(
      'request',
      (request) => !request.url().startsWith(url) && !request.url().startsWith('data:') && faults.push(request.url()),
    );
    await page.goto(`${url}docs`);
    const operation = page.locator('#operations-Movies-listMovies');
    await operation.locator('.opblock-summary-control').click();
    await operation.getByRole('button', { name: 'Try it out' }).click();
    await operation.getByRole('button', { name: 'Execute' }).click();
    await expect
      .poll(() => operation.locator('.live-responses-table .response-col_status').last().textContent())
      .toContain('200');
    expect(faults).toEqual([]);
  });

  async function violations(page: Page): Promise<string[]> {
    await page.evaluate(AXE); // past the page's policy: by the protocol of the debugger
    return page.evaluate(
      `axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' ')))`,
    ) as Promise<string[]>;
  }

  async function picture(page: Page, name: string): Promise<void> {
    if (!pictures) return;
    mkdirSync(pictures, { recursive: true });
    await page.screenshot({ path: join(pictures, `${name}.png`) });
  }
});
