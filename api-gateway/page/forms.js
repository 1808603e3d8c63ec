// Films and orders by hand: the request as curl, and the answer as it came.
const $ = (id) => document.getElementById(id);
const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

async function exchange(method, path, { body, headers = {} } = {}) {
  const sent = body === undefined ? headers : { 'Content-Type': 'application/json', ...headers };
  const text = body === undefined ? undefined : JSON.stringify(body);
  const parts = ['curl -i', ...(method === 'GET' ? [] : [`-X ${method}`]), quote(location.origin + path)];
  for (const [name, value] of Object.entries(sent)) parts.push(`-H ${quote(`${name}: ${value}`)}`);
  if (text !== undefined) parts.push(`-d ${quote(text)}`);
  $('exchange').hidden = false;
  $('followed').textContent = '';
  followed = undefined;
  $('request').textContent = parts.join(' ');
  $('answer').textContent = '…';
  const began = performance.now();
  try {
    const answer = await fetch(path, { method, headers: sent, body: text });
    const received = await answer.text();
    $('took').textContent = `(${Math.round(performance.now() - began)} ms)`;
    $('answer').textContent = [
      `${answer.status} ${answer.statusText}`,
      ...[...answer.headers].map(([name, value]) => `${name}: ${value}`),
      '',
      pretty(received),
    ].join('\n');
    return { answer, received };
  } catch (error) {
    $('answer').textContent = `No answer: ${error.message}. Is the gateway running?`;
    return undefined;
  }
}

/** The message id of the order that is followed. */
let followed;

/** Says what becomes of an order, until it is known. */
async function follow(id) {
  followed = id;
  const began = performance.now();
  while (followed === id) {
    const answer = await fetch(`/live/orders/${encodeURIComponent(id)}`).catch(() => undefined);
    const now = answer?.ok ? await answer.json() : { state: 'unknown' };
    if (followed !== id) return;
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    $('followed').textContent = {
      stored: `The order is stored, ${seconds} s after the answer.`,
      parked: `The order is among the dead letters: ${now.reason ?? now.kind}`,
      waiting: 'The order waits in the queue.',
      unknown: 'The order waits, as far as is known: billing does not say now.',
    }[now.state];
    if (now.state === 'stored' || now.state === 'parked') return;
    await new Promise((resolve) => setTimeout(resolve, seconds < 5 ? 250 : 1000));
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function onSubmit(id, send) {
  $(id).addEventListener('submit', (event) => {
    event.preventDefault();
    send(Object.fromEntries(new FormData(event.target)));
  });
}

export function createForms() {
  onSubmit('film', (film) => exchange('POST', '/api/movies', { body: film }));
  onSubmit('order', async ({ key, ...body }) => {
    const sent = await exchange('POST', '/api/billing', { body, headers: key ? { 'Idempotency-Key': key } : {} });
    if (sent?.answer.ok) follow(JSON.parse(sent.received).message_id);
  });

  let next;
  const search = async (path) => {
    const sent = await exchange('GET', path);
    next = /<([^>]+)>; rel="next"/.exec(sent?.answer.headers.get('Link') ?? '')?.[1];
    $('next').disabled = next === undefined;
  };
  onSubmit('search', ({ title, limit }) =>
    search(`/api/movies?${new URLSearchParams({ ...(title && { title }), limit: limit || '10' })}`),
  );
  $('next').addEventListener('click', () => next && search(next));
}
