const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { parse } = require('dotenv');

/**
 * How many processes of a service PM2 is to run: what the variable says in the environment, else in .env. PM2 reads this before the
 * service does, in any Node; what is wrong with the value the service itself says.
 */
module.exports = (variable) => Number(process.env[variable] || fromFile(variable)) || 1;

function fromFile(variable) {
  try {
    return parse(readFileSync(join(__dirname, '..', '.env')))[variable];
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
}
