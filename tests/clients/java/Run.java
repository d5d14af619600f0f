import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.ApiResponse;
import org.openapitools.client.api.BillingApi;
import org.openapitools.client.api.EventsApi;
import org.openapitools.client.model.*;

/** A backend's day, with the client that OpenAPI Generator writes: Run BASE_URL RECEIVER_PORT SECRET. */
public class Run {
    static final String CUSTOMER = "client-java";
    static final ObjectMapper JSON = new ObjectMapper();
    static final Map<String, JsonNode> DELIVERED = new ConcurrentHashMap<>();
    static BillingApi billing;

    interface Call<T> {
        T make() throws ApiException;
    }

    public static void main(String[] arguments) throws Exception {
        String base = arguments[0];
        HttpServer receiver = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[1])), 0);
        receiver.createContext("/", exchange -> receive(exchange, arguments[2]));
        receiver.start();
        ApiClient client = new ApiClient();
        client.updateBaseUri(base);
        billing = new BillingApi(client);
        EventsApi events = new EventsApi(client);

        String key = register("4111111111111111");
        PayAnswer paid = expect(200, () -> pay(key, "1")).getData();
        same(List.of(PayStatus.APPROVED, 9900L), List.of(paid.getStatus(), paid.getAmount()));
        same(paid.getId(), expect(200, () -> pay(key, "1")).getData().getId());
        SubscribedBody made = expect(201, () -> subscribe(key, "now", true)).getData();
        same(List.of(SubscriptionStatus.ACTIVE, Coverage.PAID), List.of(made.getStatus(), made.getCoverage()));

        // Its first charge is declined by the schedule, and made by the caller.
        String owing = register("4000000000009995");
        String late = expect(201, () -> subscribe(owing, "late", false)).getData().getId();
        advance(base);
        until(() -> billing.getSubscription(late).getData().getStatus() == SubscriptionStatus.PAST_DUE ? late : null);
        PayAnswer owed = expect(200,
            () -> billing.createPaymentWithHttpInfo(new PayRequest().subscriptionId(late), null)).getData();
        same(SubscriptionStatus.ACTIVE, owed.getSubscription().getStatus());

        String empty = register("4000000000000341");
        same("payment_declined", refused(402, () -> pay(empty, "2")).at("/error/code").asText());
        String lost = register("4000000000000119");
        same(PayStatus.UNKNOWN, expect(202, () -> pay(lost, "3")).getData().getStatus());
        SubscribedBody begun = expect(202, () -> subscribe(lost, "lost", true)).getData();
        same(List.of(SubscriptionStatus.INCOMPLETE, PaymentStatus.UNKNOWN),
            List.of(begun.getStatus(), begun.getPayment().getStatus()));
        JsonNode wrong = refused(400,
            () -> billing.createPaymentWithHttpInfo(new PayRequest().amount(0L).orderId("a b"), null));
        same(true, wrong.at("/error/details").findValuesAsText("field").containsAll(List.of("amount", "orderId")));

        List<String> listed = new ArrayList<>();
        String cursor = null;
        do {
            PagePaymentBody page = payments(cursor);
            page.getItems().forEach(payment -> listed.add(payment.getId()));
            cursor = page.getNextCursor();
        } while (cursor != null);
        same(listed.size(), new HashSet<>(listed).size());
        same(true, listed.contains(paid.getId()));

        RefundRequest part = new RefundRequest().paymentId(paid.getId()).amount(900L);
        RefundAnswer refund = expect(200, () -> billing.refundPaymentWithHttpInfo(part, null)).getData();
        same(List.of(900L, 9000L), List.of(refund.getRefund().getAmount(), refund.getPayment().getRefundableAmount()));

        EventBody told = until(() -> events
            .listEvents(null, null, null, null, paid.getId(), null, null, null).getData().getItems().stream()
            .filter(event -> event.getType().equals("payment.partially_refunded")).findFirst().orElse(null));
        JsonNode sent = until(() -> DELIVERED.get(told.getId()));
        same(9000, sent.at("/data/refundableAmount").asInt());
        receiver.stop(0);
        System.out.printf("Java: %d payments, %d deliveries verified%n", listed.size(), DELIVERED.size());
    }

    /** Standard Webhooks: its library for Java is not in Debian. */
    static void receive(HttpExchange exchange, String secret) throws IOException {
        String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
        String id = exchange.getRequestHeaders().getFirst("webhook-id");
        String at = exchange.getRequestHeaders().getFirst("webhook-timestamp");
        String signatures = exchange.getRequestHeaders().getFirst("webhook-signature");
        boolean isSigned = List.of(signatures.split(" ")).stream().anyMatch(one -> MessageDigest.isEqual(
            one.getBytes(StandardCharsets.UTF_8), signature(secret, id + "." + at + "." + body)));
        if (isSigned) {
            DELIVERED.put(id, JSON.readTree(body));
        }
        exchange.sendResponseHeaders(isSigned ? 200 : 400, -1);
        exchange.close();
    }

    static byte[] signature(String secret, String text) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(Base64.getDecoder().decode(secret.substring("whsec_".length())), "HmacSHA256"));
            byte[] code = mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
            return ("v1," + Base64.getEncoder().encodeToString(code)).getBytes(StandardCharsets.UTF_8);
        } catch (java.security.GeneralSecurityException error) {
            throw new IllegalStateException(error);
        }
    }

    static String register(String number) throws ApiException {
        RegisterRequest card = new RegisterRequest().cardNumber(number).expireDate("3012").cardPassword("12")
            .birthDate("901231").customerName("홍길동").customerId(CUSTOMER);
        return expect(201, () -> billing.registerBillingKeyWithHttpInfo(card, null)).getData().getBillingKey();
    }

    static ApiResponse<SuccessPayAnswer> pay(String key, String order) throws ApiException {
        PayRequest body = new PayRequest().billingKey(key).customerId(CUSTOMER).amount(9900L).productName("단건 결제")
            .orderId(CUSTOMER + "-" + order);
        return billing.createPaymentWithHttpInfo(body, CUSTOMER + "-" + order);
    }

    static ApiResponse<SuccessSubscribedBody> subscribe(String key, String plan, boolean now) throws ApiException {
        SubscribeRequest body = new SubscribeRequest().billingKey(key).customerId(CUSTOMER).planId(plan).amount(9900L)
            .productName("월간 구독").chargeNow(now ? true : null);
        return billing.createSubscriptionWithHttpInfo(body, null);
    }

    static PagePaymentBody payments(String cursor) throws ApiException {
        return billing.listPayments(null, null, null, null, null, CUSTOMER, null, null, null, null, null, null, null,
            2L, cursor).getData();
    }

    static void advance(String base) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(base + "/sandbox/clock"))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString("{\"advanceDays\": 1}")).build();
        HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.discarding());
    }

    static <T> T expect(int status, Call<ApiResponse<T>> call) throws ApiException {
        ApiResponse<T> reply = call.make();
        same(status, reply.getStatusCode());
        return reply.getData();
    }

    static JsonNode refused(int status, Call<?> call) throws IOException {
        try {
            call.make();
        } catch (ApiException error) {
            same(status, error.getCode());
            return JSON.readTree(error.getResponseBody());
        }
        throw new IllegalStateException("not refused with " + status);
    }

    /** Waits at most 30 seconds. */
    static <T> T until(Call<T> look) throws Exception {
        for (int n = 0; n < 150; n++) {
            T found = look.make();
            if (found != null) {
                return found;
            }
            Thread.sleep(200);
        }
        throw new IllegalStateException("it never came");
    }

    static void same(Object expected, Object found) {
        if (!Objects.equals(expected, found)) {
            throw new IllegalStateException(found + " in place of " + expected);
        }
    }
}
