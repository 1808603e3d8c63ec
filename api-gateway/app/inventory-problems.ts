/** What the client is told instead of inventory's answer. */
export interface InventoryProblem {
  status: number;
  kind: string;
  detail: string;
}

export const inventoryProblems = {
  tooLarge: (bytes: number) => ({ status: 413, kind: 'body-too-large', detail: `The body is larger than ${bytes} bytes.` }),
  silent: (milliseconds: number) => ({
    status: 504,
    kind: 'inventory-timeout',
    detail: `The inventory did not answer within ${milliseconds} ms. See whether the request took effect before you repeat it.`,
  }),
};

/** Of an exchange that failed with undici's error `code`; `wasSent`: inventory may have got the request, or a part of it. */
export function failureProblem(code: string | undefined, wasSent: boolean): InventoryProblem {
  if (code === 'UND_ERR_INVALID_ARG') {
    const detail = 'The request target or a header field holds characters that HTTP does not allow.';
    return { status: 400, kind: 'bad-request', detail };
  }
  if (wasSent) {
    const detail = 'The inventory broke off in the middle of this request. See whether it took effect before you repeat it.';
    return { status: 502, kind: 'inventory-failed', detail };
  }
  const detail = 'The inventory cannot be reached at the moment. Try again in a second.';
  return { status: 503, kind: 'inventory-unreachable', detail };
}
