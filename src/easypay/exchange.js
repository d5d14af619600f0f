"use strict";
// What was sent and what came back for one order, in order of time. It is kept for this tab, so that
// it outlives the way through the payment window and back. No API key and no card is in it.
const $ = (id) => document.getElementById(id);
const KEPT = "kiwoom-billing.example";
let exchange = { order: null, entries: [] };

// Date and time in Korea, whatever the browser's own time zone is.
function inKorea(at) {
  const format = { timeZone: "Asia/Seoul", dateStyle: "short", timeStyle: "medium" };
  return new Intl.DateTimeFormat("sv-SE", format).format(at);
}

// Goes on with this order, or begins anew with another one. Returns whether it is another one.
function begin(order) {
  const isOther = exchange.order?.orderId !== order.orderId;
  if (isOther) {
    exchange.entries = [];
    $("exchange").replaceChildren();
  }
  exchange.order = order;
  return isOther;
}

// The order of which an exchange was kept, or nothing.
function restore() {
  try {
    exchange = JSON.parse(sessionStorage.getItem(KEPT)) ?? exchange;
  } catch {
    return null;
  }
  for (const entry of exchange.entries) $("exchange").append(drawn(entry));
  return exchange.order;
}

// Adds what happened: { what, about, line, sent, status, received }, each but the first if there is
// one. The same as the last time is only counted.
function note(entry) {
  if (!exchange.order) return;
  const now = Date.now();
  const last = exchange.entries.at(-1);
  const { at, until, times, ...known } = last ?? {};
  if (JSON.stringify(known) === JSON.stringify(entry)) {
    Object.assign(last, { until: now, times: times + 1 });
    $("exchange").lastElementChild.querySelector("summary").replaceWith(summary(last));
  } else {
    exchange.entries.push({ ...entry, at: now, until: now, times: 1 });
    $("exchange").append(drawn(exchange.entries.at(-1)));
  }
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(exchange));
  } catch {
    // A browser that keeps nothing for pages still shows it.
  }
}

// The same, of what may be seen several times under one key.
function noteOnce(key, entry) {
  if (!exchange.entries.some((known) => known.key === key)) note({ ...entry, key });
}

function made(name, text, properties = {}) {
  return Object.assign(document.createElement(name), { textContent: text, ...properties });
}

function summary(entry) {
  const line = made("summary", "");
  line.append(made("time", inKorea(entry.at), { dateTime: new Date(entry.at).toISOString() }), " ",
    made("strong", entry.what));
  if (entry.status) line.append(" ", made("span", entry.status, { className: "badge" }));
  if (entry.about) line.append(" ", made("small", entry.about));
  if (entry.times > 1) line.append(" ", made("small", `· ${entry.times}번, ${inKorea(entry.until)}까지`));
  return line;
}

function drawn(entry) {
  const details = made("details", "");
  details.append(summary(entry));
  if (entry.line) {
    const line = made("p", "");
    line.append(made("code", entry.line));
    details.append(line);
  }
  for (const [title, content] of [["요청", entry.sent], ["응답", entry.received]]) {
    if (content === undefined) continue;
    const text = typeof content === "string" ? content : JSON.stringify(content, null, 2);
    details.append(made("h3", title), made("pre", text, { tabIndex: 0 }));
  }
  const item = made("li", "");
  item.append(details);
  return item;
}
