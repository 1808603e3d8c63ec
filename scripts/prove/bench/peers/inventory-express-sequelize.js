import express from 'express';
import { DataTypes, Sequelize } from 'sequelize';
import { connectionTo } from './database.js';

const { user, ...address } = connectionTo('MOVIES_DB');
const sequelize = new Sequelize({
  dialect: 'postgres',
  ...address,
  username: user,
  logging: false,
  pool: { min: 10, max: 10 },
});
const Movie = sequelize.define(
  'movie',
  { title: DataTypes.STRING, description: DataTypes.TEXT },
  { tableName: 'movies', timestamps: false },
);

const app = express();
app.disable('x-powered-by');
app.disable('etag');
app.use(express.json());
app.get('/api/movies', async (request, response) => {
  const { title } = request.query;
  const search = title && {
    where: sequelize.literal('folded(title) LIKE folded(:pattern)'), // as ours, so that it has the index
    replacements: { pattern: `%${title.replace(/[\\%_]/g, '\\$&')}%` },
  };
  response.json(await Movie.findAll({ ...search, order: ['id'] }));
});
app.get('/api/movies/:id', async (request, response) => response.json(await Movie.findByPk(request.params.id)));
app.post('/api/movies', async (request, response) => {
  const { title, description } = request.body;
  response.status(201).json(await Movie.create({ title, description }));
});
app.listen(Number(process.env.PORT), '127.0.0.1');
