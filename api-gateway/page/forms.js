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
    return answer;
  } catch (error) {
    $('answer').textContent = `No answer: ${error.message}. Is the gateway running?`;
    return undefined;
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
  onSubmit('order', ({ key, ...body }) =>
    exchange('POST', '/api/billing', { body, headers: key ? { 'Idempotency-Key': key } : {} }),
  );

  let next;
  const search = async (path) => {
    const answer = await exchange('GET', path);
    next = /<([^>]+)>; rel="next"/.exec(answer?.headers.get('Link') ?? '')?.[1];
    $('next').disabled = next === undefined;
  };
  onSubmit('search', ({ title, limit }) =>
    search(`/api/movies?${new URLSearchParams({ ...(title && { title }), limit: limit || '10' })}`),
  );
  $('next').addEventListener('click', () => next && search(next));
}
