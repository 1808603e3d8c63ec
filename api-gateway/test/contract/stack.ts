import { inject } from 'vitest';

/** The gateway under test: the one that the run started, or any other that `GATEWAY_URL` names. */
export const gatewayUrl = inject('gatewayUrl');

/** Absent where the run did not start the stack. */
const services: ReturnType<typeof inject<'services'>> | undefined = inject('services');

/** Whether this run started the stack, and so may empty its catalogue. */
export const stackIsOurs = services !== undefined;

const env = { ...process.env, ...services?.env };

/** Where the orders arrive; it cannot be reached from everywhere. */
export const ordersDatabase = {
  host: env.ORDERS_DB_HOST,
  port: Number(env.ORDERS_DB_PORT),
  database: env.ORDERS_DB_NAME,
  user: env.ORDERS_DB_USER,
  password: env.ORDERS_DB_PASSWORD,
};
