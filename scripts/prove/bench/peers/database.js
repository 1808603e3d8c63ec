const { env } = process;

export const connectionTo = (prefix) => ({
  host: env[`${prefix}_HOST`],
  port: Number(env[`${prefix}_PORT`]),
  database: env[`${prefix}_NAME`],
  user: env[`${prefix}_USER`],
  password: env[`${prefix}_PASSWORD`],
});
