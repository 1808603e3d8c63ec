import { type Audit, answered, expect, type Step, sleep } from './audit-step.ts';

/** Milliseconds, long enough for an emulated machine. */
const STORE_DEADLINE = 180_000;
/** An order that is not stored after this many milliseconds is taken as not stored. */
const NOT_STORED_AFTER = 5_000;

/** Recognised by a user that nobody else has. */
const newOrder = () => ({
  user_id: String(1_000_000_000 + Math.floor(Math.random() * 1_000_000_000)),
  number_of_items: '5',
  total_amount: '180',
});
type Order = ReturnType<typeof newOrder>;

const query = ({ user_id }: Order) => `SELECT * FROM orders WHERE user_id = ${user_id}`;
const rowsOf = (order: Order, output: string) =>
  output.match(new RegExp(`\\b${order.user_id} +\\| +5 +\\| +180\\.00`, 'g'))?.length ?? 0;

async function expectStoredOnce({ target, show }: Audit, order: Order): Promise<void> {
  const deadline = Date.now() + STORE_DEADLINE;
  while (rowsOf(order, (await target.sql('billing_app', query(order))).output) === 0 && Date.now() < deadline) await sleep(1000);
  const { output } = await show(target.sql('billing_app', query(order)));
  const rows = rowsOf(order, output);
  expect(rows === 1, `the order should be stored once, and is stored ${rows} times`);
}

async function expectPm2Status({ target, show }: Audit, status: string): Promise<void> {
  const { output } = await show(target.pm2('billing_app', 'list'));
  expect(new RegExp(`\\bbilling_app\\b.*\\b${status}\\b`).test(output), `billing_app is not ${status}`);
}

/** Orders, with billing_app running and stopped. Longer than 40 lines: a list. */
export function orderSteps(): Step[] {
  const queued = newOrder();

  return [
    {
      title: 'POST /api/billing is answered 200, and the order stored',
      async run(audit) {
        const order = newOrder();
        await answered(200, audit.show(audit.target.request('POST', '/api/billing/', order)));
        await expectStoredOnce(audit, order);
      },
    },
    {
      title: 'The table orders has its columns',
      async run({ target, show }) {
        const { output } = await show(target.sql('billing_app', 'SELECT * FROM orders ORDER BY id DESC LIMIT 3'));
        const columns = /^\s*id\s+\|\s+user_id\s+\|\s+number_of_items\s+\|\s+total_amount\s*$/m;
        expect(columns.test(output), 'the columns are not id, user_id, number_of_items, total_amount');
      },
    },
    {
      title: 'billing_app is stopped',
      async run(audit) {
        await audit.show(audit.target.pm2('billing_app', 'stop', 'billing_app'));
        await expectPm2Status(audit, 'stopped');
      },
    },
    {
      title: 'With billing_app stopped an order is answered 200, and not stored',
      async run({ target, show }) {
        await answered(200, show(target.request('POST', '/api/billing/', queued)));
        await sleep(NOT_STORED_AFTER);
        const { output } = await show(target.sql('billing_app', query(queued)));
        expect(rowsOf(queued, output) === 0, 'the order is stored, although billing_app is stopped');
      },
    },
    {
      title: 'billing_app is started, and the order stored',
      async run(audit) {
        await audit.show(audit.target.pm2('billing_app', 'start', 'billing_app'));
        await expectPm2Status(audit, 'online');
        await expectStoredOnce(audit, queued);
      },
    },
  ];
}
