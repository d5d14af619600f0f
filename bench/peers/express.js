import express from 'express';
import * as service from './service.js';

const app = express();
app.disable('x-powered-by');
app.disable('etag');

app.use((request, response, next) => {
  const started = performance.now();
  response.on('finish', () => {
    const { method, route } = request;
    const millis = Math.round(performance.now() - started);
    service.log.info({ method, path: route?.path, status: response.statusCode, millis }, 'request');
  });
  next();
});

function send(response, answer) {
  if (answer.replayed) response.set('idempotency-replayed', 'true');
  response.status(answer.status).type(answer.html ? 'html' : 'json').send(answer.body);
}

const scoped = (scope) => async (request, response, next) => {
  response.locals.caller = await service.apiKey(request.get('x-api-key'), scope);
  next();
};

const json = express.json({ limit: '64kb' });
const form = express.urlencoded({ extended: false, limit: '64kb' });

app.get('/health/ready', async (request, response) => {
  await service.ready();
  response.json({ success: true });
});
app.post('/billing/register', scoped('charge'), json, async (request, response) =>
  send(response, await service.register(request.body)));
app.post('/billing/pay', scoped('charge'), json, async (request, response) =>
  send(response, await service.pay(response.locals.caller, request.get('idempotency-key'), request.body)));
app.get('/billing/payment/:id', scoped('read'), async (request, response) =>
  send(response, await service.payment(request.params.id)));
app.get('/billing/payments', scoped('read'), async (request, response) =>
  send(response, await service.payments(request.query)));
app.get('/webhook/kiwoom', async (request, response) =>
  send(response, await service.notification(request.ip, request.query)));
app.post('/webhook/kiwoom', form, json, async (request, response) =>
  send(response, await service.notification(request.ip, { ...request.query, ...request.body })));

// Express knows a handler of errors by its four parameters.
app.use((error, request, response, next) => {
  const status = error.status ?? 500;
  if (status >= 500) service.log.error(error);
  const body = status >= 500 && !error.code ? { code: 'internal_error', message: 'A fault of the service.' } : error;
  response.status(status).json(service.failure(body));
});

const server = app.listen(Number(process.env.PORT), '127.0.0.1');
server.keepAliveTimeout = 72_000;
