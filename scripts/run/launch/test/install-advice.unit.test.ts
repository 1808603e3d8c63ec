import { expect, test } from 'vitest';
import { installAdvice } from '../install-advice.mjs';

test.each([
  ['ENOSPC', /the disk is full/],
  ['EACCES', /not allowed to write/],
  ['EROFS', /not allowed to write/],
  ['ENOTEMPTY', /something else changed node_modules/],
  ['ENOTFOUND', /registry cannot be reached/],
  ['ECONNREFUSED', /registry cannot be reached/],
  ['ERR_SOCKET_TIMEOUT', /registry cannot be reached/],
  ['E503', /registry cannot be reached/],
  ['SELF_SIGNED_CERT_IN_CHAIN', /certificate .* is not trusted/],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', /certificate .* is not trusted/],
  ['E404', /lacks a package/],
  ['E401', /asks for a login/],
  ['EINTEGRITY', /checksum/],
  ['EUSAGE', /do not fit each other/],
])('%s gets advice of its own, with npm 9 and with npm 11', (code, advice) => {
  for (const prefix of ['npm ERR!', 'npm error']) {
    const said = installAdvice(
      `${prefix} code ${code}\n${prefix} errno -1\n${prefix} what it was\n${prefix}     at a (b.js:1:2)\n`,
    );
    expect(said).toMatch(/^The packages could not be installed: /);
    expect(said).toMatch(advice);
    expect(said).toMatch(/\nnpm: what it was$/);
  }
});

test('an unknown failure shows what npm said', () => {
  expect(installAdvice('npm error Something odd\n')).toBe('The packages could not be installed: npm failed.\nnpm: Something odd');
});
