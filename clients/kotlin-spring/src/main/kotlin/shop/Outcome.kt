package shop

import com.fasterxml.jackson.databind.JsonNode

/** What became of a call that moves money: `when` has to say what it does with each. */
sealed interface Outcome<out T> {
    /** The money moved. */
    data class Succeeded<T>(val data: T) : Outcome<T>

    /** The card, or KiwoomPay, said no. Another attempt is a new order. */
    data class Declined(val error: JsonNode) : Outcome<Nothing>

    /** Nothing was charged or refunded. Try later, a charge as a new order. */
    data class NotSent(val error: JsonNode) : Outcome<Nothing>

    /**
     * The money may have moved. Never charge again: wait for the event, or make the same call with the same key.
     * `pending` is null when no answer came at all.
     */
    data class Unknown<T>(val pending: T?) : Outcome<T>
}

/** The service refused the request, and nothing was charged: decide by `error.code`. */
class RequestRefused(val status: Int, val error: JsonNode) :
    RuntimeException("${error["code"]?.asText()}: ${error["message"]?.asText()}")

/** No answer of the service came, after every try. */
class NoAnswer(what: String, cause: Exception?) : RuntimeException(what, cause)
