/**
 * The running system under test, as the environment describes it: what the Vitest project starts for the run, the local
 * stack, or any other gateway (`GATEWAY_URL`).
 */
const { env } = process;

export const gatewayUrl = required('GATEWAY_URL');

/** Whether this run started the stack, and so may empty its catalogue. */
export const stackIsOurs = env.STACK_IS_OURS === 'true';

/** Undefined where the environment says nothing of it: another gateway's orders are out of sight. */
export const ordersDatabase = env.ORDERS_DB_HOST && {
  host: env.ORDERS_DB_HOST,
  port: Number(env.ORDERS_DB_PORT),
  database: env.ORDERS_DB_NAME,
  user: env.ORDERS_DB_USER,
  password: env.ORDERS_DB_PASSWORD,
};

function required(name: string): string {
  const value = env[name];
  if (!value) throw new Error(`${name} is missing: run the contract tests with "npm run test:contract".`);
  return value;
}
