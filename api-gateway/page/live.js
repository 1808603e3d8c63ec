import { createCharts } from './charts.js';
import { createForms } from './forms.js';
import { createPicture } from './picture.js';
import {
  flowRows,
  instanceText,
  letterRows,
  nodeRows,
  parkedItems,
  partRows,
  queueItems,
  redundancyText,
  refusalItems,
  summaryOf,
} from './words.js';

const $ = (id) => document.getElementById(id);

for (const section of document.querySelectorAll('.needs-script')) section.hidden = false;
const draw = createPicture($('picture'));
const charts = createCharts({ rates: $('rates'), depth: $('depth'), rows: $('minutes'), span: $('span') });
createForms();

/** Writes only what has changed, so that a screen reader hears of changes alone. */
function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function fillTable(body, rows) {
  while (body.rows.length > rows.length) body.deleteRow(-1);
  rows.forEach(([head, ...cells], i) => {
    const row = body.rows[i] ?? body.insertRow();
    if (!row.cells[0]) {
      const th = document.createElement('th');
      th.scope = 'row';
      row.append(th);
    }
    put(row.cells[0], head);
    cells.forEach((cell, j) => {
      const { text, kind = '' } = typeof cell === 'string' ? { text: cell } : cell;
      const td = row.cells[j + 1] ?? row.insertCell();
      put(td, text);
      if (td.className !== kind) td.className = kind;
    });
  });
}

function fillList(list, items) {
  const text = items.map(([term, value]) => `${term}\n${value}`).join('\n');
  if (list.dataset.text === text) return;
  list.dataset.text = text;
  list.replaceChildren(
    ...items.flatMap(([term, value]) => {
      const [dt, dd] = [document.createElement('dt'), document.createElement('dd')];
      [dt.textContent, dd.textContent] = [term, value];
      return [dt, dd];
    }),
  );
}

function show(live) {
  put($('summary'), summaryOf(live));
  put($('instance'), instanceText(live));
  fillTable($('parts'), partRows(live));
  if (live.nodes) {
    put($('redundancy'), redundancyText(live));
    fillTable($('nodes'), nodeRows(live));
  }
  fillTable($('flows'), flowRows(live));
  fillList($('queue'), queueItems(live));
  fillList($('refusals'), refusalItems(live));
  fillList($('parked'), parkedItems(live));
  fillTable($('letters'), letterRows(live));
  draw(live);
}

let last = Date.now();

function listen() {
  const events = new EventSource('/live/events');
  events.addEventListener('history', (event) => charts.begin(JSON.parse(event.data)));
  events.addEventListener('state', (event) => {
    last = Date.now();
    const live = JSON.parse(event.data);
    show(live);
    charts.add(live);
  });
  // A browser comes back by itself after a lost connection, but not after a refusal.
  events.addEventListener('error', () => {
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
  });
}
listen();
setInterval(() => {
  if (Date.now() - last > 3000) put($('summary'), 'The gateway does not answer: what stands here is old.');
}, 500);
