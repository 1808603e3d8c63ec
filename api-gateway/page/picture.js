// The system as a picture: boxes with their states, and wires on which something flows or not.
const NS = 'http://www.w3.org/2000/svg';

const TITLES = {
  client: 'client',
  gateway: 'gateway',
  inventory: 'inventory',
  movies_db: 'movies_db',
  broker: 'billing_queue',
  exchange: 'exchange',
  billing: 'billing',
  orders_db: 'orders_db',
  dead: 'dead letters',
};
/** Whose state a box shows, where it is not a part of its own. */
const PART_OF = { exchange: 'broker' };
const WIRES = {
  client: ['client', 'gateway'],
  films: ['gateway', 'inventory'],
  filmsSql: ['inventory', 'movies_db'],
  publish: ['gateway', 'exchange', 'orders'],
  route: ['exchange', 'broker', 'orders'],
  consume: ['broker', 'billing', 'orders'],
  ordersSql: ['billing', 'orders_db', 'orders'],
  dead: ['billing', 'dead', 'orders'],
};
const [WIDTH, HEIGHT] = [120, 70];

/** From left to right, and from top to bottom where the window is narrow. */
const WIDE = {
  viewBox: '0 0 890 340',
  places: {
    client: [10, 90],
    gateway: [160, 90],
    inventory: [310, 15],
    movies_db: [460, 15],
    broker: [460, 160],
    exchange: [310, 160],
    billing: [610, 160],
    orders_db: [760, 160],
    dead: [760, 260],
  },
};
const NARROW = {
  viewBox: '0 0 320 610',
  places: {
    client: [100, 10],
    gateway: [100, 110],
    inventory: [20, 215],
    movies_db: [20, 320],
    broker: [180, 320],
    exchange: [180, 215],
    billing: [180, 425],
    orders_db: [180, 530],
    dead: [20, 530],
  },
};

/** A curve from box to box, out of the side that looks at the other. */
function pathOf([ax, ay], [bx, by], isNarrow) {
  if (!isNarrow && ax !== bx) {
    const [from, to] = [ax + WIDTH, ay + HEIGHT / 2];
    return `M${from} ${to} C${from + 20} ${to} ${bx - 20} ${by + HEIGHT / 2} ${bx} ${by + HEIGHT / 2}`;
  }
  const [x, y] = [ax + WIDTH / 2, ay + HEIGHT];
  return `M${x} ${y} C${x} ${y + 25} ${bx + WIDTH / 2} ${by - 25} ${bx + WIDTH / 2} ${by}`;
}

function make(name, attributes, text) {
  const element = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/** Gives a function that shows a state. The picture is drawn anew when the window becomes narrow or wide. */
export function createPicture(place) {
  const narrow = matchMedia('(max-width: 40rem)');
  let show = drawPicture(place, narrow.matches);
  let last;
  narrow.addEventListener('change', () => {
    show = drawPicture(place, narrow.matches);
    if (last) show(last);
  });
  return (live) => {
    last = live;
    show(live);
  };
}

function drawPicture(place, isNarrow) {
  const { viewBox, places } = isNarrow ? NARROW : WIDE;
  const svg = make('svg', { viewBox });
  const wires = {};
  for (const [name, [from, to, kind = '']] of Object.entries(WIRES)) {
    wires[name] = make('path', { class: `wire ${kind}`, d: pathOf(places[from], places[to], isNarrow) });
    svg.append(wires[name]);
  }
  const boxes = {};
  for (const [name, [x, y]] of Object.entries(places)) {
    const box = make('rect', { class: 'box', x, y, width: WIDTH, height: HEIGHT, rx: 8 });
    const fill = make('rect', { class: 'fill', x: x + 8, y: y + HEIGHT - 10, width: 0, height: 6, rx: 3 });
    const state = make('text', { class: 'state', x: x + 8, y: y + 38 });
    const figure = make('text', { class: 'soft', x: x + 8, y: y + 54 });
    svg.append(box, fill, make('text', { x: x + 8, y: y + 20 }, TITLES[name]), state, figure);
    boxes[name] = { box, fill, state, figure };
  }
  place.replaceChildren(svg);
  let most = 20;

  return (live) => {
    for (const name of Object.keys(boxes)) {
      const state = live.parts[PART_OF[name] ?? name]?.state ?? '';
      boxes[name].box.setAttribute('class', `box ${state}`);
      boxes[name].state.setAttribute('class', `state ${state}`);
      boxes[name].state.textContent = state;
    }
    const waiting = live.queue?.messages ?? 0;
    most = Math.max(most, waiting);
    boxes.broker.fill.setAttribute('width', String(((WIDTH - 16) * waiting) / most));
    boxes.broker.figure.textContent = live.queue ? `${waiting} waiting` : 'depth unknown';
    boxes.billing.figure.textContent = live.queue ? `${live.queue.consumers} consuming` : '';
    boxes.dead.figure.textContent = live.deadLetters === null ? 'unknown' : String(live.deadLetters);
    boxes.inventory.figure.textContent = `${live.films.perSecond} films/s`;
    boxes.gateway.figure.textContent = `${live.films.perSecond + live.orders.perSecond} requests/s`;
    const flows = (name, active) => wires[name].classList.toggle('flowing', active);
    flows('client', live.films.perSecond + live.orders.perSecond > 0);
    flows('films', live.films.perSecond > 0);
    flows('filmsSql', live.films.perSecond > 0);
    flows('publish', live.orders.perSecond > 0);
    flows('route', live.orders.perSecond > 0);
    const drains = (live.queue?.consumers ?? 0) > 0 && (live.orders.perSecond > 0 || waiting > 0);
    flows('consume', drains);
    flows('ordersSql', drains);
  };
}
