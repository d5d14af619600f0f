package shop

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.ObjectMapper
import java.net.URLEncoder
import shop.api.PayAnswer
import shop.api.RefundAnswer
import shop.api.RefundRequest
import shop.api.SubscribeRequest
import shop.api.SubscribedBody

/** One charge of a registered card. `orderId` is yours, unique for ever: store it before the call. */
data class Charge(
    val orderId: String, val billingKey: String, val customerId: String, val amount: Long, val productName: String,
)

/** Make each call that moves money with one `Idempotency-Key` for one intention, stored before the call. */
class KiwoomBilling(private val transport: Transport, private val json: ObjectMapper) {
    /** Charges once. The order id is the `Idempotency-Key`. */
    fun charge(charge: Charge): Outcome<PayAnswer> = outcome("/billing/pay", charge, charge.orderId, PayAnswer::class.java)

    fun subscribe(subscription: SubscribeRequest, idempotencyKey: String): Outcome<SubscribedBody> =
        outcome("/billing/subscribe", subscription, idempotencyKey, SubscribedBody::class.java)

    /** Two refunds of a payment are two intentions, each with a key of its own. */
    fun refund(refund: RefundRequest, idempotencyKey: String): Outcome<RefundAnswer> =
        outcome("/billing/refund", refund, idempotencyKey, RefundAnswer::class.java)

    /** Every entry of a list, fetched page by page: `list("/billing/payments?status=unknown", PaymentBody::class.java)`. */
    fun <T> list(path: String, type: Class<T>): Sequence<T> = sequence {
        var cursor: String? = null
        do {
            val more = cursor?.let { (if ('?' in path) "&" else "?") + "cursor=" + URLEncoder.encode(it, Charsets.UTF_8) }
            val page = data(transport.send("GET", path + more.orEmpty()))
            page["items"].forEach { yield(json.treeToValue(it, type)) }
            cursor = page["nextCursor"].takeUnless { it.isNull }?.asText()
        } while (cursor != null)
    }

    private fun <T> outcome(path: String, body: Any, key: String, type: Class<T>): Outcome<T> {
        val reply = try {
            transport.send("POST", path, body, key)
        } catch (_: NoAnswer) {
            return Outcome.Unknown(null)
        }
        if (reply.answer["success"].asBoolean()) {
            val data = json.treeToValue(reply.answer["data"], type)
            return if (reply.status == 202) Outcome.Unknown(data) else Outcome.Succeeded(data)
        }
        val error = reply.answer["error"]
        return when (error["code"].asText()) {
            "payment_declined", "refund_not_allowed" -> Outcome.Declined(error)
            "gateway_unavailable", "merchant_setting", "charging_paused" -> Outcome.NotSent(error)
            "request_in_progress", "rate_limited", "database_unavailable", "shutting_down" -> Outcome.Unknown(null)
            else -> throw RequestRefused(reply.status, error)
        }
    }

    private fun data(reply: Reply): JsonNode {
        if (!reply.answer["success"].asBoolean()) throw RequestRefused(reply.status, reply.answer["error"])
        return reply.answer["data"]
    }
}
