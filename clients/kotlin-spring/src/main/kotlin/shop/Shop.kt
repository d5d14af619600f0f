package shop

import com.fasterxml.jackson.databind.ObjectMapper
import com.standardwebhooks.Webhook
import com.standardwebhooks.exceptions.WebhookVerificationException
import java.net.http.HttpHeaders
import java.util.concurrent.ConcurrentHashMap
import org.springframework.beans.factory.annotation.Value
import org.springframework.boot.autoconfigure.SpringBootApplication
import org.springframework.boot.runApplication
import org.springframework.context.annotation.Bean
import org.springframework.http.HttpStatus
import org.springframework.http.ResponseEntity
import org.springframework.web.bind.annotation.ExceptionHandler
import org.springframework.web.bind.annotation.GetMapping
import org.springframework.web.bind.annotation.PathVariable
import org.springframework.web.bind.annotation.PostMapping
import org.springframework.web.bind.annotation.RequestBody
import org.springframework.web.bind.annotation.RequestHeader
import org.springframework.web.bind.annotation.RestController

/** `checking`: the money may have moved. Nothing is charged again until an event says what became of it. */
class Order(val charge: Charge, @Volatile var state: String = "new", @Volatile var paymentId: String? = null)

@SpringBootApplication
class ShopApplication {
    @Bean
    fun billing(
        json: ObjectMapper,
        @Value("\${kiwoom-billing.base-url}") baseUrl: String,
        @Value("\${kiwoom-billing.api-key}") apiKey: String,
    ) = KiwoomBilling(Transport(baseUrl, apiKey, json), json)
}

@RestController
class Shop(
    private val billing: KiwoomBilling,
    private val json: ObjectMapper,
    @Value("\${kiwoom-billing.webhook-secret}") webhookSecret: String,
) {
    private val webhook = Webhook(webhookSecret)

    // A real shop keeps both in its database.
    private val orders = ConcurrentHashMap<String, Order>()
    private val handled = ConcurrentHashMap.newKeySet<String>()

    @PostMapping("/orders")
    fun place(@RequestBody charge: Charge): Order {
        // Stored before the call. An order that comes again is the same order, with the same key.
        val order = orders.computeIfAbsent(charge.orderId) { Order(charge) }
        if (order.state == "paid" || order.state == "failed") return order
        when (val result = billing.charge(order.charge)) {
            is Outcome.Succeeded -> order.apply { state = "paid"; paymentId = result.data.id }
            is Outcome.Declined, is Outcome.NotSent -> order.state = "failed"
            is Outcome.Unknown -> order.apply { state = "checking"; paymentId = result.pending?.id }
        }
        return order
    }

    @GetMapping("/orders/{id}")
    fun order(@PathVariable id: String): ResponseEntity<Order> = ResponseEntity.of(java.util.Optional.ofNullable(orders[id]))

    @PostMapping("/webhooks")
    fun told(@RequestBody body: ByteArray, @RequestHeader headers: Map<String, String>) {
        val text = String(body, Charsets.UTF_8)
        webhook.verify(text, HttpHeaders.of(headers.mapValues { listOf(it.value) }) { _, _ -> true })
        val event = json.readTree(text)
        if (!handled.add(event["id"].asText())) return
        val order = orders[event.at("/data/orderId").asText()] ?: return
        when (event["type"].asText()) {
            "payment.approved" -> order.state = "paid"
            "payment.declined" -> order.state = "failed"
        }
    }

    @ExceptionHandler(RequestRefused::class, WebhookVerificationException::class)
    fun refused(error: Exception): ResponseEntity<Map<String, String?>> =
        ResponseEntity.status(HttpStatus.BAD_REQUEST).body(mapOf("error" to error.message))
}

fun main(args: Array<String>) {
    runApplication<ShopApplication>(*args)
}
