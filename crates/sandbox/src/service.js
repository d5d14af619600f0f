// The newest subscriptions and events of the service on this origin, as its own API tells them.
"use strict";

const SHOWN = 20;
const STATES = { trialing: "무료 이용", active: "이용 중", past_due: "결제 실패", unpaid: "미납",
  paused: "일시 정지", canceled: "취소", expired: "기한 만료" };
const consolePath = document.getElementById("service").dataset.console;

// A text, which leads to its page of the console where there is one.
function link(path, id) {
  const code = make("code", id);
  if (!consolePath) return code;
  const anchor = make("a", code);
  anchor.href = `${consolePath}/${path}/${encodeURIComponent(id)}`;
  return anchor;
}

function make(name, content) {
  const element = document.createElement(name);
  element.append(content);
  return element;
}

// Rows of texts and elements, as the tables of the page's server look.
function table(columns, rows) {
  if (!rows.length) return Object.assign(make("p", "없습니다."), { className: "empty" });
  const head = document.createElement("tr");
  for (const column of columns) head.append(Object.assign(make("th", column), { scope: "col" }));
  const body = document.createElement("tbody");
  for (const row of rows) {
    const line = body.insertRow();
    for (const [n, content] of row.entries()) {
      const cell = line.insertCell();
      cell.dataset.label = columns[n];
      cell.append(make("span", content));
    }
  }
  const whole = make("table", make("thead", head));
  whole.className = "stack";
  whole.append(body);
  return whole;
}

function subscriptionRow(one) {
  const { nextCharge: next } = one;
  return [link("subscriptions", one.id), STATES[one.status] ?? one.status, one.customerId,
    one.productName, `${one.amount.toLocaleString("ko-KR")}원`, next ? next.date : "–"];
}

function eventRow({ id, type, timestamp, data }) {
  const object = data?.id ?? data?.billingKey ?? data?.orderId ?? "";
  return [timestamp.slice(0, 19).replace("T", " "), make("code", type), make("code", object),
    link("events", id)];
}

const PARTS = [
  ["subscriptions", "/billing/subscriptions?", subscriptionRow,
    ["구독 ID", "상태", "고객", "상품", "금액", "다음 결제"]],
  ["events", "/events?order=newest&", eventRow, ["시각", "종류", "대상", "이벤트 ID"]],
];

async function read(path) {
  const response = await fetch(`${path}limit=${SHOWN}`, { headers: { "Accept-Language": "ko" } });
  if (response.status === 401) throw new Error("API 키로 보호되어 있어 이 페이지에 표시하지 않습니다.");
  const answer = await response.json();
  if (!answer.success) throw new Error(answer.error.message);
  return answer.data.items;
}

// One after the other: a service that wants a key refuses the first, and is not asked again.
async function load() {
  let problem = null;
  for (const [id, path, row, columns] of PARTS) {
    let content;
    try {
      if (problem) throw problem;
      content = table(columns, (await read(path)).map(row));
    } catch (error) {
      problem = error;
      content = make("p", error.message);
    }
    document.getElementById(id).replaceChildren(content);
  }
}

document.addEventListener("sandbox:changed", load);
load();
