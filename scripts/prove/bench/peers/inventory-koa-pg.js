// Koa and pg, written by hand, with prepared statements: what a film costs on this stack at least.
import Koa from 'koa';
import bodyParser from 'koa-bodyparser';
import pg from 'pg';
import { connectionTo } from './database.js';

const pool = new pg.Pool({ ...connectionTo('MOVIES_DB'), max: 10 });
const columns = 'id, title, description';

const app = new Koa();
app.use(bodyParser());
app.use(async (ctx) => {
  const id = /^\/api\/movies\/(\d+)$/.exec(ctx.path)?.[1];
  if (id) {
    const text = `SELECT ${columns} FROM movies WHERE id = $1`;
    const { rows } = await pool.query({ name: 'by-id', text, values: [id] });
    ctx.body = rows[0];
  } else if (ctx.method === 'POST') {
    const { title, description } = ctx.request.body;
    const text = `INSERT INTO movies (title, description) VALUES ($1, $2) RETURNING ${columns}`;
    const { rows } = await pool.query({ name: 'create', text, values: [title, description] });
    ctx.status = 201;
    ctx.body = rows[0];
  } else if (ctx.query.title) {
    const text = `SELECT ${columns} FROM movies WHERE folded(title) LIKE folded($1) ORDER BY id`;
    const { rows } = await pool.query(text, [`%${ctx.query.title.replace(/[\\%_]/g, '\\$&')}%`]);
    ctx.body = rows;
  } else {
    const { rows } = await pool.query({ name: 'list', text: `SELECT ${columns} FROM movies ORDER BY id` });
    ctx.body = rows;
  }
});
app.listen(Number(process.env.PORT), '127.0.0.1');
