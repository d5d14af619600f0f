package shop

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.ObjectMapper
import java.io.IOException
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse
import java.time.Duration
import java.util.UUID

class Reply(val status: Int, val answer: JsonNode, val retryAfterSecs: Long?)

/** Sends a request again only where that is safe: every try is the same request with the same `Idempotency-Key`. */
class Transport(
    private val baseUrl: String,
    private val apiKey: String?,
    private val json: ObjectMapper,
    private val tries: Int = 5,
) {
    private val http = HttpClient.newHttpClient()

    /** Throws [NoAnswer] when no answer of the service itself came. */
    fun send(method: String, path: String, body: Any? = null, key: String = UUID.randomUUID().toString()): Reply {
        val content = body?.let { HttpRequest.BodyPublishers.ofString(json.writeValueAsString(it)) }
        val request = HttpRequest.newBuilder(URI.create(baseUrl + path)).timeout(Duration.ofSeconds(65))
            .method(method, content ?: HttpRequest.BodyPublishers.noBody())
            .header("Content-Type", "application/json")
        if (method != "GET") request.header("Idempotency-Key", key)
        if (!apiKey.isNullOrEmpty()) request.header("Authorization", "Bearer $apiKey")
        var last: IOException? = null
        for (tried in 1..tries) {
            var wait = minOf(1L shl (tried - 1), 8)
            try {
                val reply = once(request.build())
                val asked = reply.retryAfterSecs
                if (asked == null || tried == tries || asked > LONGEST_WAIT_SECS) return reply
                wait = asked
            } catch (error: IOException) {
                last = error
            }
            if (tried < tries) Thread.sleep(wait * 1_000)
        }
        throw NoAnswer("$method $path: no answer in $tries tries", last)
    }

    private fun once(request: HttpRequest): Reply {
        val response = http.send(request, HttpResponse.BodyHandlers.ofString())
        val answer = json.readTree(response.body()) // throws JsonProcessingException, an IOException
        val status = response.statusCode()
        if (answer?.path("success")?.isBoolean != true) throw IOException("$status, not of the service: a proxy's?")
        if (status == 500) throw IOException("500: a fault of the service")
        val asked = response.headers().firstValueAsLong("Retry-After")
        return Reply(status, answer, if (status in REPEATED && asked.isPresent) asked.asLong else null)
    }

    private companion object {
        val REPEATED = setOf(409, 429, 503)

        /** A longer `Retry-After` is left to the caller. */
        const val LONGEST_WAIT_SECS = 30
    }
}
