const form = $("order");
const NAMES = { "": "주문 전", ready: "결제 대기", paid: "결제 완료", partially_canceled: "부분 취소",
  canceled: "취소", failed: "결제 실패", expired: "기한 만료", mismatch: "금액 불일치",
  unknown: "결과 미확정" };
const METHODS = new Map();
let current = null;
let timer = null;
let isLooking = false;

function newOrderId() {
  // The day in Korea, whose days are those of the books.
  const day = inKorea(Date.now()).slice(0, 10).replaceAll("-", "");
  const random = crypto.getRandomValues(new Uint32Array(1))[0].toString(36).toUpperCase();
  form.orderId.value = `ORDER-${day}-${random}`;
}

function say(text, isError = false) {
  $("message").textContent = text;
  $("message").classList.toggle("error", isError);
}

function won(amount) {
  return `${Number(amount).toLocaleString("ko-KR")}원`;
}

// One call to the service: its status and answer.
async function send(method, path, body) {
  const headers = { "Accept-Language": "ko" };
  if (body) headers["Content-Type"] = "application/json";
  if (form.apiKey.value) headers.Authorization = `Bearer ${form.apiKey.value}`;
  try {
    const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
    if (response.status === 401) $("key-label").hidden = false;
    return { status: response.status, answer: await response.json() };
  } catch {
    throw new Error("서비스에 연결하지 못했습니다. 실행 중인지 확인해 주세요.");
  }
}

function dataOf({ answer }) {
  if (!answer.success) throw Object.assign(new Error(answer.error.message), answer.error);
  return answer.data;
}

// A call that is noted in the exchange, whatever comes back.
async function call(what, method, path, body) {
  const called = { what, line: `${method} ${path}`, sent: body };
  try {
    const received = await send(method, path, body);
    note({ ...called, status: received.status, received: received.answer });
    return dataOf(received);
  } catch (error) {
    if (!error.code) note({ ...called, received: error.message });
    throw error;
  }
}

function clearProblems() {
  for (const old of form.querySelectorAll(".problem")) old.remove();
  for (const input of form.elements) {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
  }
}

// Puts what the service said about a field next to it.
function showProblems(error) {
  say(error.message, true);
  for (const { field, reason } of error.details ?? []) {
    const input = form.elements[field];
    if (!input) {
      say(`${error.message} ${field}: ${reason}`, true);
      continue;
    }
    input.setAttribute("aria-invalid", "true");
    const problem = document.createElement("span");
    problem.className = "problem";
    problem.id = `problem-${field}`;
    problem.textContent = reason;
    input.setAttribute("aria-describedby", problem.id);
    input.after(problem);
  }
  form.querySelector("[aria-invalid]")?.focus();
}

// Where the window comes back to: under the name by which this page was opened.
function returnTo(result, orderId) {
  return `${location.origin}/easypay/return?${new URLSearchParams({ result, orderId })}`;
}

async function pay(event) {
  event.preventDefault();
  // Not `disabled`, which would take the focus from the keyboard.
  if ($("pay").getAttribute("aria-disabled") === "true") return;
  clearProblems();
  const orderId = form.orderId.value;
  const amount = form.amount.value.trim();
  const body = { orderId, amount: /^\d+$/.test(amount) ? Number(amount) : amount,
    productName: form.productName.value, customerName: form.customerName.value,
    returnUrl: returnTo("paid", orderId), failUrl: returnTo("failed", orderId),
    closeUrl: returnTo("closed", orderId) };
  if (form.method.value) body.method = form.method.value;
  $("pay").setAttribute("aria-disabled", "true");
  try {
    if (begin(body)) leave();
    openWindow(await call("결제 준비", "POST", "/easypay/prepare", body));
  } catch (error) {
    showProblems(error);
  } finally {
    $("pay").removeAttribute("aria-disabled");
  }
}

// Opens the window by the SDK, or in the place of this page by posting the same fields to it.
function openWindow({ orderId, formAction, sdkMode, sdkData }) {
  const display = form.display.value;
  const opened = { what: `결제창 열기 (${display})`, line: `POST ${formAction}`, sent: sdkData };
  say("결제창에서 결제를 진행해 주세요.");
  if (display === "SELF") {
    note(opened);
    postFields(formAction, sdkData);
    return;
  }
  if (typeof KiwoomPaySDK === "undefined") throw new Error("키움페이 SDK를 불러오지 못했습니다.");
  note(opened);
  KiwoomPaySDK.f_setInit(sdkMode, display);
  KiwoomPaySDK.f_payTotalLink(sdkData);
  watch(orderId);
}

function postFields(action, fields) {
  const posted = Object.assign(document.createElement("form"), { method: "post", action,
    acceptCharset: "EUC-KR", hidden: true });
  for (const [name, value] of Object.entries(fields)) {
    posted.append(Object.assign(document.createElement("input"), { name, value }));
  }
  document.body.append(posted);
  posted.submit();
}

// The notification to the server is the only proof, so the page asks the server.
function watch(orderId) {
  current = orderId;
  $("status").dataset.status = "";
  clearInterval(timer);
  timer = setInterval(refresh, 1000);
  refresh();
}

// The order that was watched is no longer the one of the exchange.
function leave() {
  clearInterval(timer);
  current = null;
  render({ status: "" });
}

// The order's status, and the notifications that made it so, which stand before it.
async function refresh() {
  if (!current || isLooking) return;
  isLooking = true;
  const orderId = current;
  try {
    const path = `/easypay/status/${encodeURIComponent(orderId)}`;
    const { status, answer } = await send("GET", path);
    const toldAt = `/notifications?${new URLSearchParams({ orderId })}`;
    const told = await send("GET", toldAt);
    if (orderId !== current) return;
    for (const one of told.answer.data?.items.reverse() ?? []) {
      noteOnce(`${one.id} ${one.copies} ${one.verdict}`, { what: "통지", line: `GET ${toldAt}`,
        about: `${one.kind}, ${one.verdict}`, received: one });
    }
    note({ what: "상태 조회", about: answer.data?.status, line: `GET ${path}`, status,
      received: answer });
    render(dataOf({ answer }));
  } catch (error) {
    say(error.message, true);
    if (error.code === "unauthorized") clearInterval(timer);
  } finally {
    isLooking = false;
  }
}

function render(order) {
  const changed = $("status").dataset.status !== order.status;
  $("status").textContent = NAMES[order.status] ?? order.status;
  $("status").dataset.status = order.status;
  $("of").textContent = order.orderId ?? "-";
  $("paid").textContent = order.paidAmount ? won(order.paidAmount) : "-";
  $("canceled").textContent = order.canceledAmount ? won(order.canceledAmount) : "-";
  $("method").textContent = METHODS.get(order.method) ?? order.method ?? "-";
  $("transaction").textContent = order.transactionId ?? "-";
  // A link replaced at every look would lose the focus.
  if (order.receiptUrl !== ($("receipt").firstElementChild?.getAttribute("href") ?? null)) {
    $("receipt").replaceChildren(order.receiptUrl ? receiptLink(order.receiptUrl) : "-");
  }
  $("cancel").disabled = !["ready", "paid", "partially_canceled", "failed"].includes(order.status);
  if (!changed) return;
  if (order.status === "paid") say("결제가 통지로 확정되었습니다.");
  if (order.status === "failed") say(order.failure?.message || "결제에 실패했습니다.", true);
  if (order.status === "mismatch") say("통지된 금액이 주문 금액과 다릅니다.", true);
}

function receiptLink(url) {
  const link = document.createElement("a");
  link.href = url;
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  link.textContent = "전표 보기";
  return link;
}

async function cancel() {
  $("cancel").disabled = true;
  try {
    const answer = await call("결제 취소", "POST", "/easypay/cancel",
      { orderId: current, reason: "고객 요청" });
    render(answer.order);
    say(answer.refund ? "결제를 취소했습니다." : "주문을 종료했습니다.");
  } catch (error) {
    say(error.message, true);
    refresh();
  }
}

async function loadMethods() {
  try {
    const { methods } = dataOf(await send("GET", "/easypay/methods"));
    say("");
    form.method.length = 1;
    for (const { code, name } of methods) {
      METHODS.set(code, name);
      form.method.add(new Option(name, code));
    }
    if (!methods.length) {
      say("활성화된 간편결제가 없습니다. KAKAOPAY_ENABLED=true 등을 설정하고 다시 시작해 주세요.");
    }
  } catch (error) {
    say(error.message, true);
  }
}

function returned(result, orderId) {
  if (orderId !== current) return;
  note({ what: "결제창에서 돌아옴", about: result, line: "GET /easypay/return",
    received: { result, orderId } });
  if (result === "closed") say("결제창을 닫았습니다. 다시 결제할 수 있습니다.");
  if (result === "failed") say("결제에 실패했습니다. 다시 결제할 수 있습니다.", true);
  refresh();
}

// What this tab was doing before it was loaded anew, by the way back from the window or otherwise.
function resume() {
  const order = restore();
  // One that the service has refused is shown, but there is nothing to watch.
  if (!exchange.entries.some((entry) => entry.received?.success)) return;
  const query = new URLSearchParams(location.search);
  history.replaceState(null, "", location.pathname);
  watch(order.orderId);
  if (query.get("orderId") !== order.orderId) return;
  for (const name of ["orderId", "amount", "productName", "customerName"]) {
    form[name].value = order[name];
  }
  returned(query.get("result"), order.orderId);
}

window.addEventListener("message", (event) => {
  if (event.origin !== location.origin || event.data?.type !== "kiwoompay:returned") return;
  returned(event.data.result, event.data.orderId);
});
window.addEventListener("kiwoompay:closed", () => {
  note({ what: "결제창이 닫힘" });
  say("결제창을 닫았습니다. 다시 결제할 수 있습니다.");
  refresh();
});
form.addEventListener("submit", pay);
form.apiKey.addEventListener("change", async () => {
  await loadMethods();
  if (current) watch(current);
});
$("renew").addEventListener("click", newOrderId);
$("cancel").addEventListener("click", cancel);
newOrderId();
loadMethods().then(resume);
