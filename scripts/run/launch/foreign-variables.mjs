/**
 * The environment without what is meant for other servers: PostgreSQL's own variables (PGHOST, PGSSLMODE, PGOPTIONS, ...) would
 * change what its clients and servers do here, and a proxy cannot reach this computer's own ports. Everything that
 * the private servers need is passed explicitly. RabbitMQ's and Erlang's variables are left out where the broker is started.
 *
 * @param {NodeJS.ProcessEnv} environment
 * @returns {NodeJS.ProcessEnv}
 */
export function withoutForeignVariables(environment) {
  const own = Object.fromEntries(Object.entries(environment).filter(([name]) => !/^PG[A-Z]/.test(name)));
  const direct = [environment.no_proxy ?? environment.NO_PROXY, 'localhost', '127.0.0.1', '[::1]'].filter(Boolean).join(',');
  return { ...own, NO_PROXY: direct, no_proxy: direct };
}
