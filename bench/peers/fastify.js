import Fastify, { LogController } from 'fastify';
import formbody from '@fastify/formbody';
import * as service from './service.js';

const app = Fastify({ loggerInstance: service.log, logController: new LogController({ disableRequestLogging: true }) });
await app.register(formbody);

function send(reply, answer) {
  if (answer.replayed) reply.header('idempotency-replayed', 'true');
  const type = answer.html ? 'text/html; charset=utf-8' : 'application/json; charset=utf-8';
  return reply.code(answer.status).type(type).send(answer.body);
}

const scoped = (scope) => async (request) => {
  request.caller = await service.apiKey(request.headers['x-api-key'], scope);
};

app.decorateRequest('caller', null);
app.addHook('onResponse', async (request, reply) => {
  const { method, routeOptions } = request;
  const millis = Math.round(reply.elapsedTime);
  service.log.info({ method, path: routeOptions.url, status: reply.statusCode, millis }, 'request');
});
app.setErrorHandler((error, request, reply) => {
  const status = error.status ?? error.statusCode ?? 500;
  if (status >= 500) service.log.error(error);
  const body = status >= 500 && !error.status ? { code: 'internal_error', message: 'A fault of the service.' } : error;
  return reply.code(status).send(service.failure(body));
});

app.get('/health/ready', async () => {
  await service.ready();
  return { success: true };
});
app.post('/billing/register', { onRequest: scoped('charge') }, async (request, reply) =>
  send(reply, await service.register(request.body)));
app.post('/billing/pay', { onRequest: scoped('charge') }, async (request, reply) =>
  send(reply, await service.pay(request.caller, request.headers['idempotency-key'], request.body)));
app.get('/billing/payment/:id', { onRequest: scoped('read') }, async (request, reply) =>
  send(reply, await service.payment(request.params.id)));
app.get('/billing/payments', { onRequest: scoped('read') }, async (request, reply) =>
  send(reply, await service.payments(request.query)));
app.get('/webhook/kiwoom', async (request, reply) =>
  send(reply, await service.notification(request.ip, request.query)));
app.post('/webhook/kiwoom', async (request, reply) =>
  send(reply, await service.notification(request.ip, { ...request.query, ...request.body })));

await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
