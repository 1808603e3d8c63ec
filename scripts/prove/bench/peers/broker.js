const { env } = process;
const part = (name) => encodeURIComponent(env[name]);

export const queue = env.BILLING_QUEUE;
export const brokerUrl = `amqp://${part('RABBITMQ_ADMIN_USER')}:${part('RABBITMQ_ADMIN_PASSWORD')}@${env.RABBITMQ_HOST}:${env.RABBITMQ_PORT}/${part('RABBITMQ_VHOST')}`;
