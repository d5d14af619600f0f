// Starts Swagger UI. An example names what only the service can make by an id that ends in `_example`:
// before a request is sent, the newest of its kind takes its place.
const NEWEST = {
  bk_example: ["/billing/keys?limit=1", "billingKey"],
  sub_example: ["/billing/subscriptions?limit=1", "id"],
  pay_example: ["/billing/payments?limit=1", "id"],
  ref_example: ["/billing/refunds?limit=1", "id"],
  evt_example: ["/events?limit=1&order=newest", "id"],
  we_example: ["/webhook-endpoints", "id"],
  link_example: ["/easypay/links?limit=1", "id"],
};

async function newest(example, headers) {
  const [path, field] = NEWEST[example];
  const answer = await fetch(path, { headers });
  const list = answer.ok ? await answer.json() : undefined;
  return list?.data.items.at(-1)?.[field] ?? example;
}

async function withIds(request) {
  const { Authorization, "X-API-Key": key } = request.headers;
  const headers = { ...(Authorization && { Authorization }), ...(key && { "X-API-Key": key }) };
  for (const example of Object.keys(NEWEST)) {
    const isIn = (text) => typeof text === "string" && text.includes(example);
    if (!isIn(request.url) && !isIn(request.body)) continue;
    const id = await newest(example, headers);
    request.url = request.url.replaceAll(example, id);
    if (isIn(request.body)) request.body = request.body.replaceAll(example, id);
  }
  return request;
}

window.onload = () => {
  // The page says nothing of phones, which then show it as wide as a desk.
  const viewport = { name: "viewport", content: "width=device-width, initial-scale=1" };
  document.head.append(Object.assign(document.createElement("meta"), viewport));
  window.ui = SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#swagger-ui",
    deepLinking: true,
    displayOperationId: true,
    // swagger.io's would be sent the description's address.
    validatorUrl: "none",
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
    layout: "StandaloneLayout",
    requestInterceptor: withIds,
  });
};
