package shop

import com.fasterxml.jackson.databind.DeserializationFeature
import com.fasterxml.jackson.module.kotlin.jacksonObjectMapper
import com.sun.net.httpserver.HttpServer
import java.net.InetSocketAddress
import kotlin.test.AfterTest
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertIs

/** Against a server that answers as it is told. */
class KiwoomBillingTest {
    private val script = ArrayDeque<Pair<Int, String>>()
    private val keys = mutableListOf<String?>()
    private val server = HttpServer.create(InetSocketAddress("127.0.0.1", 0), 0).apply {
        createContext("/") { exchange ->
            keys += exchange.requestHeaders.getFirst("Idempotency-Key")
            val (status, body) = script.removeFirst()
            exchange.responseHeaders["Retry-After"] = listOf("0")
            exchange.sendResponseHeaders(status, body.toByteArray().size.toLong())
            exchange.responseBody.use { it.write(body.toByteArray()) }
        }
        start()
    }
    private val json = jacksonObjectMapper().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
    private val billing = KiwoomBilling(Transport("http://127.0.0.1:${server.address.port}", null, json), json)
    private val charge = Charge("order-1", "bk_1", "user123", 9900, "단건 결제")

    @AfterTest
    fun stop() = server.stop(0)

    @Test
    fun `no clear answer is asked for again with the same key`() {
        script += 502 to "<html>Bad Gateway</html>"
        script += 409 to """{"success":false,"error":{"code":"request_in_progress","message":"","requestId":""}}"""
        script += 200 to """{"success":true,"data":{"id":"pay_1","status":"approved"}}"""
        assertIs<Outcome.Succeeded<*>>(billing.charge(charge))
        assertEquals(listOf<String?>("order-1", "order-1", "order-1"), keys)
    }

    @Test
    fun `a 202 is unknown and not asked for again`() {
        script += 202 to """{"success":true,"data":{"id":"pay_1","status":"unknown"}}"""
        assertEquals("pay_1", assertIs<Outcome.Unknown<shop.api.PayAnswer>>(billing.charge(charge)).pending?.id)
        assertEquals(1, keys.size)
    }
}
