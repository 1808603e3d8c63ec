/** The only exchange that the gateway may publish to (docs/decisions/broker-objects.md). */
export const ORDERS_EXCHANGE = 'billing';

/** The only exchange that billing may publish to. */
export const DEAD_LETTER_EXCHANGE = 'billing.dead';
