import { readOrder as read } from '../app/order.ts';

export const readOrder: typeof read = (content) => {
  if (Buffer.from(content).includes('"crash"')) process.abort();
  return read(content);
};
