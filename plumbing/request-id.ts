const REQUEST_ID = /^[\w.-]{1,64}$/;

/** The `X-Request-Id` that a client gave, where it is one value of 1 to 64 letters, digits, `_`, `.`, `-`. */
export function givenRequestId(headers: NodeJS.Dict<string | string[]> | undefined): string | undefined {
  const given = headers?.['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : undefined;
}
