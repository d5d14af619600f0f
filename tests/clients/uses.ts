// What a caller writes against the types: it compiles only as long as they say what the service does.
import type { components, operations, webhooks } from "./api";

type Body<Operation extends { requestBody?: { content: { "application/json": unknown } } }> =
  NonNullable<Operation["requestBody"]>["content"]["application/json"];
type Answer<Operation, Status extends number> = Operation extends {
  responses: { [status in Status]: { content: { "application/json": infer Json } } };
} ? Json : never;

export const card: Body<operations["createPayment"]> = {
  billingKey: "bk_1", customerId: "user123", amount: 9900, productName: "단건 결제",
};
export const due: Body<operations["createPayment"]> = { subscriptionId: "sub_1" };
export const unused: Body<operations["refundPayment"]> = { paymentId: "pay_1", proRata: { used: 1, total: 3 } };

// A 202 of `subscribe` has the shape of a 201.
export function firstCharge(
  answer: Answer<operations["createSubscription"], 201> | Answer<operations["createSubscription"], 202>,
): components["schemas"]["PaymentStatus"] | undefined {
  const id: string = answer.data.id;
  return id && answer.data.status === "incomplete" ? answer.data.payment?.status : undefined;
}

export function paid(event: webhooks["payment.approved"]["post"]["requestBody"]): number | undefined {
  return event.content["application/json"].data?.amount;
}
