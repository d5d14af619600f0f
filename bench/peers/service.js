// What both peers do: keys, charges, payments, notifications. Each front only turns HTTP into calls of this.
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { pino } from 'pino';
import { v7 as uuid, validate as isUuid } from 'uuid';
import * as gateway from './gateway.js';

export const log = pino();
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
const secret = Buffer.from(process.env.BILLING_KEY_SECRET, 'hex');
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    Object.assign(this, { status, code });
  }
}

export const failure = (error) => ({ success: false, error: { code: error.code, message: error.message } });
const success = (data) => JSON.stringify({ success: true, data });
const sha256 = (text) => createHash('sha256').update(text).digest();
/** Each statement is prepared once on a connection. */
const query = (db, name, text, values) => db.query({ name, text, values });

async function transaction(work) {
  const db = await pool.connect();
  let broken;
  try {
    await db.query('begin');
    const result = await work(db);
    await db.query('commit');
    return result;
  } catch (error) {
    await db.query('rollback').catch((lost) => { broken = lost; });
    throw error;
  } finally {
    db.release(broken);
  }
}

export const ready = () => pool.query('select 1');

/** The API key of a request, which has to have the scope. */
export async function apiKey(given, scope) {
  const { rows: [key] } = await query(pool, 'api-key',
    'select id, scopes from api_keys where hash = $1 and revoked_at is null', [sha256(given ?? '')]);
  if (!key) throw new ApiError(401, 'unauthorized', 'The API key is missing or wrong.');
  if (!key.scopes.includes(scope)) throw new ApiError(403, 'insufficient_scope', `The API key has no scope ${scope}.`);
  return key.id;
}

function encrypt(id, text) {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', secret, nonce).setAAD(Buffer.from(id));
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(id, stored) {
  const decipher = createDecipheriv('aes-256-gcm', secret, stored.subarray(0, 12)).setAAD(Buffer.from(id));
  decipher.setAuthTag(stored.subarray(-16));
  return decipher.update(stored.subarray(12, -16), undefined, 'utf8') + decipher.final('utf8');
}

const isText = (value, most) =>
  typeof value === 'string' && value.length > 0 && value.length <= most && !value.includes('|');
const isWon = (value, least) => Number.isSafeInteger(value) && value >= least && value <= 9_999_999_999;

function check(rules) {
  const wrong = Object.entries(rules).filter(([, is]) => !is).map(([field]) => field);
  if (wrong.length) throw new ApiError(400, 'invalid_request', `Wrong: ${wrong.join(', ')}.`);
}

const idIn = (text, prefix) => {
  const id = typeof text === 'string' && text.startsWith(prefix) ? text.slice(prefix.length) : '';
  return isUuid(id) ? id : null;
};

const inKorea = (at) => at && new Date(at.getTime() + 9 * 3_600_000).toISOString().replace('Z', '+09:00');

const receipt = (transactionId) =>
  `${process.env.KIWOOM_BASE_URL}/common/PayInfoPrintDirectCard.jsp?DAOUTRX=${transactionId}&STATUS=A`;

const shown = (p) => ({
  id: `pay_${p.id}`, orderId: p.order_no, status: p.state === 'sending' ? 'pending' : p.state, amount: p.amount,
  refundableAmount: p.state === 'approved' ? p.amount : 0, customerId: p.customer_id,
  billingKey: `bk_${p.billing_key_id}`, productName: p.product_name, method: 'CARD',
  transactionId: p.transaction_id, authNumber: p.auth_number, approvedAt: inKorea(p.approved_at),
  receiptUrl: p.transaction_id && receipt(p.transaction_id),
  failure: p.failure_code && { code: p.failure_code, message: p.failure_message },
  createdAt: inKorea(p.created_at),
});

const publish = (db, type, id, data) =>
  query(db, 'outbox', 'insert into outbox (id, type, subject, data) values ($1, $2, $3, $4)', [uuid(), type, id, data]);

/** Registers a card. */
export async function register(body) {
  const digits = (value, pattern) => typeof value === 'string' && pattern.test(value);
  check({
    cardNumber: digits(body?.cardNumber, /^\d{14,16}$/), expireDate: digits(body?.expireDate, /^\d{4}$/),
    cardPassword: digits(body?.cardPassword, /^\d\d$/), birthDate: digits(body?.birthDate, /^\d{6,10}$/),
    customerId: isText(body?.customerId, 50), customerName: isText(body?.customerName, 50),
  });
  const id = uuid();
  let made;
  try {
    made = await gateway.register(`REG${id.replaceAll('-', '')}`, body);
  } catch (error) {
    if (error instanceof gateway.Refused) throw new ApiError(402, 'card_refused', error.message);
    throw new ApiError(502, 'gateway_unavailable', error.message);
  }
  const number = body.cardNumber.replace(/(?<=^.{6}).*(?=.{4}$)/, (hidden) => '*'.repeat(hidden.length));
  const data = { billingKey: `bk_${id}`, customerId: body.customerId, card: { companyCode: made.company, number } };
  await transaction(async (db) => {
    await query(db, 'card', `insert into billing_keys
      (id, customer_id, customer_name, autokey, card_company, card_number) values ($1, $2, $3, $4, $5, $6)`,
      [id, body.customerId, body.customerName, encrypt(id, made.autokey), made.company, number]);
    await publish(db, 'billing_key.registered', id, data);
  });
  return { status: 201, body: success(data) };
}

/** The answer that an earlier request with the key got. */
function answered(row, hash) {
  if (!row.body_hash.equals(hash)) {
    throw new ApiError(422, 'idempotency_key_reused', 'The key was used with another body.');
  }
  if (row.status === null) throw new ApiError(409, 'request_in_progress', 'The first request with the key still runs.');
  return { status: row.status, body: row.body, replayed: true };
}

/** The first commit: the key is claimed and the charge is written down. */
function intend(caller, key, body, hash) {
  return transaction(async (db) => {
    const claim = uuid();
    const path = 'POST /billing/pay';
    if (key) {
      const claimed = await query(db, 'claim', `insert into idempotency_keys (id, api_key_id, path, key, body_hash)
        values ($1, $2, $3, $4, $5) on conflict (api_key_id, path, key) do nothing`, [claim, caller, path, key, hash]);
      if (!claimed.rowCount) {
        const { rows: [row] } = await query(db, 'claimed', `select status, body, body_hash from idempotency_keys
          where api_key_id = $1 and path = $2 and key = $3`, [caller, path, key]);
        return { earlier: answered(row, hash) };
      }
    }
    const { rows: [card] } = await query(db, 'card-of', `select id, customer_name, autokey, active from billing_keys
      where id = $1 and customer_id = $2 for share`, [idIn(body.billingKey, 'bk_'), body.customerId]);
    if (!card) throw new ApiError(404, 'billing_key_not_found', 'There is no such billing key.');
    if (!card.active) throw new ApiError(409, 'billing_key_inactive', 'The billing key is not active.');
    const id = claim;
    const { rows: [payment] } = await query(db, 'intent', `insert into payments
      (id, order_no, billing_key_id, customer_id, product_name, amount, tax_free_amount, state)
      values ($1, $2, $3, $4, $5, $6, $7, 'sending') on conflict (order_no) do nothing returning *`,
      [id, body.orderId ?? `ORD${id.replaceAll('-', '')}`, card.id, body.customerId, body.productName, body.amount,
        body.taxFreeAmount ?? 0]);
    if (!payment) throw new ApiError(409, 'order_exists', 'There is a payment of this order.');
    await publish(db, 'payment.created', id, shown(payment));
    return { payment, card };
  });
}

async function sent(payment, card) {
  try {
    const approval = await gateway.charge({
      orderNo: payment.order_no, amount: payment.amount, taxFreeAmount: payment.tax_free_amount,
      productName: payment.product_name, customerId: payment.customer_id, customerName: card.customer_name,
      autokey: decrypt(card.id, card.autokey),
    });
    return { state: 'approved', ...approval };
  } catch (error) {
    if (error instanceof gateway.Unknown) return { state: 'unknown' };
    if (error instanceof gateway.Refused) return { state: 'declined', code: error.code, message: error.message };
    return { state: 'declined', notSent: true, code: 'gateway_unavailable', message: error.message };
  }
}

function answerTo(outcome, data) {
  if (outcome.state === 'approved') return { status: 200, body: success(data) };
  if (outcome.state === 'unknown') return { status: 202, body: success(data) };
  const [status, code] = outcome.notSent ? [502, outcome.code] : [402, 'payment_declined'];
  return { status, body: JSON.stringify(failure({ code, message: outcome.message })) };
}

/** Charges a card. */
export async function pay(caller, key, body) {
  check({
    billingKey: idIn(body?.billingKey, 'bk_'), customerId: isText(body?.customerId, 50), amount: isWon(body?.amount, 1),
    productName: isText(body?.productName, 50), orderId: body?.orderId === undefined || isText(body.orderId, 50),
    taxFreeAmount: body?.taxFreeAmount === undefined
      || (isWon(body.taxFreeAmount, 0) && body.taxFreeAmount <= body.amount),
    'Idempotency-Key': key === undefined || /^[\x21-\x7e]{1,255}$/.test(key),
  });
  const { earlier, payment, card } = await intend(caller, key, body, sha256(JSON.stringify(body)));
  if (earlier) return earlier;
  const outcome = await sent(payment, card);
  // The second commit: the outcome, its event and the answer.
  const answer = await transaction(async (db) => {
    const { rows: [after] } = await query(db, 'outcome', `update payments set state = $2, transaction_id = $3,
      auth_number = $4, approved_at = $5, failure_code = $6, failure_message = $7
      where id = $1 and state = 'sending' returning *`, [payment.id, outcome.state, outcome.transactionId,
      outcome.authNumber, outcome.approvedAt, outcome.code, outcome.message]);
    const data = shown(after);
    await publish(db, `payment.${outcome.state}`, payment.id, data);
    const { status, body: text } = answerTo(outcome, data);
    if (key && outcome.notSent) {
      await query(db, 'free', 'delete from idempotency_keys where id = $1', [payment.id]);
    } else if (key) {
      await query(db, 'answer', 'update idempotency_keys set status = $2, body = $3 where id = $1',
        [payment.id, status, text]);
    }
    return { status, body: text };
  });
  log.info({ order_no: payment.order_no }, `charge ${outcome.state}`);
  return answer;
}

export async function payment(id) {
  const { rows: [row] } = await query(pool, 'payment', 'select * from payments where id = $1', [idIn(id, 'pay_')]);
  if (!row) throw new ApiError(404, 'payment_not_found', 'There is no such payment.');
  return { status: 200, body: success(shown(row)) };
}

/** A page, newest first. */
export async function payments({ limit = '20', cursor }) {
  const most = Number(limit);
  check({ limit: Number.isInteger(most) && most >= 1 && most <= 100, cursor: cursor === undefined || isUuid(cursor) });
  const { rows } = cursor
    ? await query(pool, 'page', 'select * from payments where id < $2 order by id desc limit $1', [most + 1, cursor])
    : await query(pool, 'first-page', 'select * from payments order by id desc limit $1', [most + 1]);
  const items = rows.slice(0, most);
  const nextCursor = rows.length > most ? items.at(-1).id : null;
  return { status: 200, body: success({ items: items.map(shown), nextCursor }) };
}

const SENDERS = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1', '123.140.121.205']);
const MONEY = new Set(['CARD', 'CARDK', 'FOREIGNCARD', 'KAKAOPAY', 'NAVERPAY', 'SAMSUNGPAY', 'PAYCO', 'APPLEPAY',
  'BANK', 'MOBILE', 'VACCOUNT', 'CARD-BATCH', 'CARD-SUGI']);
const result = (status) =>
  ({ status, html: true, body: `<html><body><RESULT>${status === 200 ? 'SUCCESS' : 'FAIL'}</RESULT></body></html>` });

/** A notification of KiwoomPay: what a payment of ours asked for is confirmed, and every copy is counted in one row. */
export async function notification(sender, fields) {
  if (!SENDERS.has(sender)) return result(403);
  const { PAYMETHOD, CPID, DAOUTRX, ORDERNO, AMOUNT, SETTDATE } = fields;
  const isReadable = MONEY.has(PAYMETHOD) && DAOUTRX && ORDERNO && /^\d{1,10}$/.test(AMOUNT);
  if (CPID !== gateway.CPID || !isReadable) return result(400);
  const [amount, at] = [Number(AMOUNT), gateway.instant(SETTDATE)];
  const fingerprint = sha256([CPID, ORDERNO, DAOUTRX, PAYMETHOD, 'paid', AMOUNT, at?.getTime() ?? 0].join('|'));
  const hidden = fields.CARDNO && { CARDNO: fields.CARDNO.replace(/(?<=^.{6}).*(?=.{4}$)/, '******') };
  const raw = new URLSearchParams({ ...fields, ...hidden }).toString();
  const status = await transaction(async (db) => {
    const { rows: [order] } = await query(db, 'of-order',
      'select * from payments where order_no = $1 for update', [ORDERNO]);
    const isSame = order?.amount === amount && (order.transaction_id ?? DAOUTRX) === DAOUTRX;
    const fits = isSame && order.state !== 'declined';
    const verdict = !order ? 'unknown_order' : fits ? 'applied' : 'contradiction';
    const { rows: [kept] } = await query(db, 'notification', `insert into notifications
      (id, fingerprint, verdict, order_no, transaction_id, amount, occurred_at, raw)
      values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (fingerprint) do update
      set copies = notifications.copies + 1, last_at = now(), verdict = excluded.verdict returning copies`, [uuid(), fingerprint, verdict, ORDERNO, DAOUTRX, amount, at, raw]);
    if (kept.copies === 1 && verdict === 'applied' && order.state !== 'approved') {
      const { rows: [after] } = await query(db, 'told', `update payments set state = 'approved', transaction_id = $2,
        approved_at = $3 where id = $1 returning *`, [order.id, DAOUTRX, at ?? new Date()]);
      await publish(db, 'payment.approved', order.id, shown(after));
    }
    return { applied: 200, unknown_order: 404, contradiction: 409 }[verdict];
  });
  return result(status);
}
