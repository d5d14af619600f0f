// KiwoomPay's wire: two steps, JSON of strings in CP949.
import iconv from 'iconv-lite';
import { Agent, request } from 'undici';

const BASE = process.env.KIWOOM_BASE_URL.replace(/\/$/, '');
const ORIGIN = new URL(BASE).origin;
export const CPID = process.env.KIWOOM_CPID;
const AUTH_KEY = process.env.KIWOOM_AUTH_KEY;
const agent = new Agent({ keepAliveTimeout: 30_000, connect: { timeout: 5_000 } });

/** Nothing was sent that moves money. */
export class NotSent extends Error {}
/** KiwoomPay said no. */
export class Refused extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}
/** It may have been carried out. */
export class Unknown extends Error {}

async function post(url, fields, token) {
  const headers = { authorization: AUTH_KEY, 'content-type': 'application/json;charset=EUC-KR' };
  if (token) headers.token = token;
  const body = iconv.encode(JSON.stringify(fields), 'cp949');
  const options = { method: 'POST', dispatcher: agent, headers, body, headersTimeout: 30_000, bodyTimeout: 30_000 };
  const answer = await request(url, options);
  const bytes = Buffer.from(await answer.body.arrayBuffer());
  if (answer.statusCode !== 200) throw new Error(`HTTP ${answer.statusCode}`);
  const charset = /charset=([\w-]+)/i.exec(answer.headers['content-type'] ?? '')?.[1] ?? 'cp949';
  return JSON.parse(iconv.decode(bytes, charset));
}

async function call(method, fields) {
  const both = { CPID, PAYMETHOD: method };
  for (const value of Object.values(fields)) if (value.includes('|')) throw new NotSent('a value holds a |');
  let ready;
  try {
    ready = await post(`${BASE}/pay/ready`, both);
  } catch (error) {
    throw new NotSent(error.message);
  }
  if (ready.RESULTCODE && ready.RESULTCODE !== '0000') throw new NotSent(`${ready.RESULTCODE} ${ready.ERRORMESSAGE}`);
  if (!ready.TOKEN || !URL.canParse(ready.RETURNURL) || new URL(ready.RETURNURL).origin !== ORIGIN) {
    throw new NotSent('step 1 has no TOKEN or no RETURNURL of KiwoomPay');
  }
  let answer;
  try {
    answer = await post(ready.RETURNURL, { ...both, ...fields }, ready.TOKEN);
  } catch (error) {
    throw new Unknown(error.message);
  }
  if (!answer.RESULTCODE || answer.TOKEN !== ready.TOKEN) throw new Unknown('the answer does not fit the request');
  if (answer.RESULTCODE !== '0000') throw new Refused(answer.RESULTCODE, answer.ERRORMESSAGE ?? '');
  return answer;
}

/** `YYYYMMDDhhmmss` in Korea. */
export function instant(text) {
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text ?? '');
  if (!parts) return null;
  const [, year, month, day, hour, minute, second] = parts;
  return new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}+09:00`);
}

export async function register(orderNo, card) {
  const answer = await call('CARD-KEYGEN', {
    ORDERNO: orderNo, PRODUCTTYPE: '1', BILLTYPE: '14', AMOUNT: '0', PRODUCTNAME: '카드 등록',
    IPADDRESS: '127.0.0.1', USERID: card.customerId, PRODUCTCODE: '', CARDNO: card.cardNumber,
    EXPIREDT: `20${card.expireDate}`, CARDAUTH: card.birthDate, CARDPASSWORD: card.cardPassword,
    QUOTA: '00', TAXFREECD: '00', DIRECT_YN: 'N',
  });
  return { autokey: answer.AUTOKEY, company: answer.CARDCODE };
}

export async function charge(order) {
  const { amount, taxFreeAmount } = order;
  const mixed = taxFreeAmount > 0 && taxFreeAmount < amount;
  const answer = await call('CARD-BATCH', {
    ORDERNO: order.orderNo, PRODUCTTYPE: '1', BILLTYPE: '14', AMOUNT: String(amount),
    PRODUCTNAME: order.productName, IPADDRESS: '127.0.0.1', USERID: order.customerId,
    PRODUCTCODE: mixed ? String(taxFreeAmount) : '', QUOTA: '00',
    TAXFREECD: mixed ? '02' : taxFreeAmount ? '01' : '00', AUTOKEY: order.autokey,
    ...(order.customerName && { USERNAME: order.customerName }),
  });
  if (answer.AMOUNT !== String(amount) || answer.ORDERNO !== order.orderNo || !answer.DAOUTRX) {
    throw new Unknown('the answer is about another charge');
  }
  return {
    transactionId: answer.DAOUTRX,
    authNumber: answer.AUTHNO ?? null,
    approvedAt: instant(answer.AUTHDATE) ?? new Date(),
  };
}
