// What to do when npm fails, by the code that it ends with (https://docs.npmjs.com/common-errors, and Node's system errors).
const network =
  'the npm registry cannot be reached. Check the network, and the proxy and registry settings of npm (npm config list), and try again.';
const denied =
  'it is not allowed to write there. If an earlier command ran as root (sudo), give the files back with chown -R, then try again.';
const meddled = 'something else changed node_modules meanwhile. End other npm commands in this folder, then try again.';
const full = 'the disk is full. Free some space, then try again.';
const login =
  'the registry asks for a login or refuses it. Run npm login, or check the registry of npm (npm config get registry).';
const lacking =
  'the registry lacks a package that package-lock.json names. If it is a mirror, check it or take another one: npm config get registry.';
const certificate =
  'the certificate of the registry or of a proxy is not trusted. Name the certificate authority: npm config set cafile FILE.';

const advice = new Map([
  ...['ENOSPC', 'EDQUOT'].map((code) => [code, full]),
  ...['EACCES', 'EPERM', 'EROFS'].map((code) => [code, denied]),
  ...['ENOTEMPTY', 'EEXIST', 'ENOENT', 'EBUSY', 'ENOTDIR', 'EISDIR'].map((code) => [code, meddled]),
  ...['E401', 'E403', 'ENEEDAUTH', 'EOTP'].map((code) => [code, login]),
  ...['E404', 'ETARGET', 'ENOVERSIONS'].map((code) => [code, lacking]),
  [
    'EINTEGRITY',
    'a package is not the one whose checksum stands in package-lock.json. Run npm cache verify, check the registry, then try again.',
  ],
  [
    'ENOTCACHED',
    'npm is told to stay offline, and a package is not in its cache. Run it once with a network: npm_config_offline=false.',
  ],
  [
    'EUSAGE',
    'package.json and package-lock.json do not fit each other. Undo what was changed in them (git checkout package-lock.json), then try again.',
  ],
]);

/** One sentence for what npm said when it failed: its own reason, and what to do. */
export function installAdvice(output) {
  const code = /^npm (?:error|ERR!) code (\S+)/m.exec(output)?.[1] ?? '';
  const advised =
    advice.get(code) ??
    (/CERT|SIGNATURE|ERR_(SSL|TLS)/.test(code) ? certificate : undefined) ??
    (/^(E5\d\d|E429|ENOTFOUND|EAI_|ECONN|E?NET|EHOST|ETIMEDOUT|EIDLETIMEOUT|ERR_SOCKET|ERR_INVALID_URL|FETCH_ERROR|EPROTO|EPIPE)/.test(
      code,
    )
      ? network
      : undefined);
  return `The packages could not be installed: ${advised ?? 'npm failed.'}${reason(output)}`;
}

/** npm's own lines, without those that name its log or repeat the code. */
function reason(output) {
  const lines = [...output.matchAll(/^npm (?:error|ERR!) (.*)$/gm)]
    .map(([, text]) => text.trim())
    .filter(
      (text) =>
        text &&
        !/^(code|errno|syscall|address|port|type|requiredBy|A complete log|Log files|stack|at |\}|\w+: ['[\d])/.test(text) &&
        !/^\S*debug-\d*\.log$/.test(text),
    );
  if (lines.length === 0) return '';
  return `\n${lines
    .slice(0, 4)
    .map((text) => `npm: ${text}`)
    .join('\n')}`;
}
