<?php
// A backend's day, with the client that OpenAPI Generator writes: run.php CLIENT BASE_URL RECEIVER_PORT SECRET.
// As the router of PHP's own server (SECRET in the environment) it is the receiver, and keeps what it verified.

$kept = getenv('DELIVERED') ?: tempnam(sys_get_temp_dir(), 'delivered');
if (PHP_SAPI === 'cli-server') {
    receive($kept, getenv('SECRET'));
    exit;
}

/** Standard Webhooks: Base64 of the HMAC-SHA256 of id, timestamp and body. Its library for PHP is not in Debian. */
function receive(string $kept, string $secret): void
{
    [$id, $at] = [$_SERVER['HTTP_WEBHOOK_ID'], $_SERVER['HTTP_WEBHOOK_TIMESTAMP']];
    $body = file_get_contents('php://input');
    $key = base64_decode(substr($secret, strlen('whsec_')));
    $good = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$at.$body", $key, true));
    $signed = array_filter(explode(' ', $_SERVER['HTTP_WEBHOOK_SIGNATURE']), fn ($one) => hash_equals($good, $one));
    if (!$signed || abs(time() - (int) $at) > 300) {
        http_response_code(400);
        return;
    }
    file_put_contents($kept, "$body\n", FILE_APPEND | LOCK_EX);
}

[, $client, $base, $port, $secret] = $argv;
require '/usr/share/php/GuzzleHttp/autoload.php';
spl_autoload_register(function (string $name) use ($client) {
    require $client . '/lib/' . str_replace(['OpenAPI\\Client\\', '\\'], ['', '/'], $name) . '.php';
});

use OpenAPI\Client\Api\{BillingApi, EventsApi};
use OpenAPI\Client\{ApiException, Configuration};
use OpenAPI\Client\Model\{PayRequest, RefundRequest, RegisterRequest, SubscribeRequest};

const CUSTOMER = 'client-php';
$settings = (new Configuration())->setHost($base);
$billing = new BillingApi(null, $settings);
$events = new EventsApi(null, $settings);

function same(mixed $expected, mixed $found, string $what): void
{
    if ($expected !== $found) {
        throw new Exception("$what: " . json_encode($found) . ' in place of ' . json_encode($expected));
    }
}

/** What was answered, when it has this status. */
function expect(int $status, callable $call): mixed
{
    try {
        [$answer, $found] = $call();
    } catch (ApiException $refused) {
        [$answer, $found] = [json_decode($refused->getResponseBody()), $refused->getCode()];
    }
    same($status, $found, json_encode($answer));
    return $status < 400 ? $answer->getData() : $answer->error;
}

/** Waits at most 30 seconds. */
function until(callable $look, string $what): mixed
{
    for ($n = 0; $n < 150; $n++) {
        if ($found = $look()) {
            return $found;
        }
        usleep(200_000);
    }
    throw new Exception("never: $what");
}

function register(BillingApi $billing, string $number): string
{
    $card = new RegisterRequest([
        'card_number' => $number, 'expire_date' => '3012', 'card_password' => '12', 'birth_date' => '901231',
        'customer_name' => '홍길동', 'customer_id' => CUSTOMER,
    ]);
    return expect(201, fn () => $billing->registerBillingKeyWithHttpInfo($card))->getBillingKey();
}

$pay = function (string $key, string $order, int $amount = 9900) use ($billing): array {
    $body = new PayRequest(['billing_key' => $key, 'customer_id' => CUSTOMER, 'amount' => $amount,
        'product_name' => '단건 결제', 'order_id' => CUSTOMER . "-$order"]);
    return $billing->createPaymentWithHttpInfo($body, CUSTOMER . "-$order");
};
$subscribe = function (string $key, string $plan, bool $now) use ($billing): array {
    $body = new SubscribeRequest(['billing_key' => $key, 'customer_id' => CUSTOMER, 'plan_id' => $plan,
        'amount' => 9900, 'product_name' => '월간 구독'] + ($now ? ['charge_now' => true] : []));
    return $billing->createSubscriptionWithHttpInfo($body);
};

putenv("DELIVERED=$kept");
putenv("SECRET=$secret");
$receiver = proc_open([PHP_BINARY, '-S', "127.0.0.1:$port", __FILE__], [1 => ['file', '/dev/null', 'w'],
    2 => ['file', '/dev/null', 'w']], $pipes);
register_shutdown_function(fn () => proc_terminate($receiver));

$key = register($billing, '4111111111111111');
$paid = expect(200, fn () => $pay($key, '1'));
same(['approved', 9900], [(string) $paid->getStatus(), $paid->getAmount()], 'the charge');
same($paid->getId(), expect(200, fn () => $pay($key, '1'))->getId(), 'the same key');
$made = expect(201, fn () => $subscribe($key, 'now', true));
same(['active', 'paid'], [(string) $made->getStatus(), (string) $made->getCoverage()], 'the subscription');

// Its first charge is declined by the schedule, and made by the caller.
$late = expect(201, fn () => $subscribe(register($billing, '4000000000009995'), 'late', false));
(new GuzzleHttp\Client())->post("$base/sandbox/clock", ['json' => ['advanceDays' => 1]]);
until(fn () => (string) $billing->getSubscription($late->getId())->getData()->getStatus() === 'past_due', 'past_due');
$owed = expect(200, fn () => $billing->createPaymentWithHttpInfo(new PayRequest(['subscription_id' => $late->getId()])));
same(['approved', 'active'], [(string) $owed->getStatus(), (string) $owed->getSubscription()->getStatus()], 'owed');

$short = register($billing, '4000000000000341');
same('payment_declined', expect(402, fn () => $pay($short, '2'))->code, 'declined');
$lost = register($billing, '4000000000000119');
same('unknown', (string) expect(202, fn () => $pay($lost, '3'))->getStatus(), 'lost');
$begun = expect(202, fn () => $subscribe($lost, 'lost', true));
same(['incomplete', 'unknown'], [(string) $begun->getStatus(), (string) $begun->getPayment()->getStatus()], 'begun');
// The client itself holds an amount to its minimum: what it lets through is refused by the service.
$wrong = expect(400, fn () => $billing->createPaymentWithHttpInfo(new PayRequest(['amount' => 9900])));
same(['billingKey', 'customerId', 'productName'], array_column($wrong->details, 'field'), 'details');

$listed = [];
$cursor = null;
do {
    $page = $billing->listPayments(customer_id: CUSTOMER, limit: 2, cursor: $cursor)->getData();
    array_push($listed, ...array_map(fn ($payment) => $payment->getId(), $page->getItems()));
} while ($cursor = $page->getNextCursor());
same([true, count($listed)], [in_array($paid->getId(), $listed), count(array_unique($listed))], 'the list');

$body = new RefundRequest(['payment_id' => $paid->getId(), 'amount' => 900]);
$refund = expect(200, fn () => $billing->refundPaymentWithHttpInfo($body));
same([900, 9000], [$refund->getRefund()->getAmount(), $refund->getPayment()->getRefundableAmount()], 'the refund');

$told = until(function () use ($events, $paid) {
    $found = array_filter($events->listEvents(object_id: $paid->getId())->getData()->getItems(),
        fn ($event) => $event->getType() === 'payment.partially_refunded');
    return reset($found);
}, 'payment.partially_refunded');
$sent = until(fn () => current(array_filter(array_map('json_decode', file($kept)),
    fn ($event) => $event->id === $told->getId())), 'its delivery');
same([$told->getType(), 9000], [$sent->type, $sent->data->refundableAmount], 'the delivery');
printf("PHP: %d payments, %d deliveries verified\n", count($listed), count(file($kept)));
